//! From flags to a checked scenario and its SLOs.
//!
//! The flags are written down in the form of the configuration and read by its own loader, so one
//! set of rules and defaults holds for both. Owns the defaults of a benchmark. Which flags go
//! together is in `conflicts`, how they change a named scenario in `amend`.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use serde_json::{Map, Value, json};

use super::{
    super::target::nearest,
    amend::{changed, filled},
    args::{Args, LoadArgs, QuantityArg, RequestsArg, WorkloadArgs},
    conflicts::{arrival, check_load, check_workload},
    slo,
};
use crate::{
    arrival::Load,
    config::{self, Config, Requests, Scenario},
    units::Period,
    verdict::{Looks, Slo},
};

/// What the flags are called where something in them is wrong.
const NAME: &str = "flags";
/// The name of what the flags define.
const BENCH: &str = "bench";
/// The name of the SLO of `--goodput`.
const GOODPUT: &str = "goodput";

/// Mean length of prompts and answers where no flag says otherwise.
const INPUT_TOKENS: u32 = 200;
const OUTPUT_TOKENS: u32 = 100;
/// Requests of each user, and the time of a rate, where no flag says otherwise.
const REQUESTS: &str = "10x";
const DURATION: &str = "60s";
/// The first request also dials, which no later one does. A trace has each request once, so none of
/// its requests is taken for that.
const WARMUP: u64 = 1;
/// The highest levels of a search, unless one is given.
const MOST_RATE: f64 = 10_000.0;
const MOST_USERS: f64 = 1_024.0;
/// The most that a step of a search may take before it is given up as undecided.
const SEARCH_DURATION: &str = "10m";

/// What is said where requests are counted by users that are not there.
pub(super) const NO_USERS: &str =
    "--requests Nx counts users, and a rate has none: give a number or --duration";

/// What is to be run, and what it is held against.
pub(super) struct Bench {
    pub(super) scenario: Arc<Scenario>,
    pub(super) slos: Vec<Arc<Slo>>,
    /// What is to be known before it begins.
    pub(super) note: Option<String>,
}

/// The scenario that the flags describe. `config` is that of `--config.file`, if there is one.
///
/// # Errors
/// If flags contradict each other, or name what is not there; with what to give instead.
pub(super) fn build(args: &Args, config: Option<&Config>) -> anyhow::Result<Bench> {
    let base =
        args.load.scenario.as_deref().map(|name| named_scenario(name, config)).transpose()?;
    let load = base.as_ref().map_or_else(|| args.load.clone(), |base| filled(&args.load, base));
    check_load(&load)?;
    check_workload(&args.workload)?;
    if args.judging.objective.is_some() && args.judging.goodput.is_empty() {
        bail!("--objective goes with --goodput; an SLO of --slo has its own");
    }
    let read = read(&document(args, &load, base.as_deref())?)?;
    let flags = read.scenarios.get(BENCH).ok_or_else(|| anyhow!("the flags give no scenario"))?;
    let scenario = match base {
        None => Arc::clone(flags),
        Some(base) => Arc::new(changed(&base, flags, &load, args)?),
    };
    let mut slos: Vec<_> = read.slos.values().cloned().collect();
    for name in &args.judging.slo {
        slos.push(named_slo(name, config)?);
    }
    if matches!(scenario.load, Load::Search(_)) && slos.is_empty() {
        bail!(
            "a search is for the highest load that meets an SLO: give one with \
             --goodput \"ttft:500ms tpot:30ms\" or --slo NAME"
        );
    }
    for (name, workload) in &scenario.workloads {
        for slo in &slos {
            if let Some((metric, needed)) = config::unmeetable(slo, workload) {
                bail!(
                    "the SLO {} bounds {}, which needs {needed}, and the workload {name} asks for \
                     fewer: no request could be good",
                    slo.name,
                    metric.as_str()
                );
            }
        }
    }
    let note = never_certified(&scenario, &slos);
    Ok(Bench { scenario, slos, note })
}

/// What is said of a search whose steps end before any of them could be certified to pass.
fn never_certified(scenario: &Scenario, slos: &[Arc<Slo>]) -> Option<String> {
    let (Load::Search(_), Some(Requests::Count(given))) =
        (&scenario.load, scenario.requests_per_step)
    else {
        return None;
    };
    let fewest = slos.iter().filter_map(|slo| Looks::fewest_to_pass(slo)).max()?;
    (given < fewest).then(|| {
        format!(
            "no level can be certified to meet the SLO with {given} requests a step, so what is found \
             will be an estimate: it takes {fewest}, or no --requests"
        )
    })
}

/// Reads the flags as a configuration.
fn read(document: &Value) -> anyhow::Result<Config> {
    config::load_str(NAME, &document.to_string()).map_err(|problems| {
        let told: Vec<_> = problems
            .iter()
            .map(|problem| match &problem.expected {
                Some(expected) => format!("{} ({expected})", problem.message),
                None => problem.message.clone(),
            })
            .collect();
        anyhow!("the flags cannot be taken: {}", told.join("; "))
    })
}

/// The flags in the form of the configuration.
fn document(args: &Args, load: &LoadArgs, base: Option<&Scenario>) -> anyhow::Result<Value> {
    let mut scenario = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            scenario.insert(key.to_owned(), value);
        }
    };
    let time = |time: std::time::Duration| Value::from(Period(time).to_string());
    let steps = &args.steps;
    set("workload", Some(BENCH.into()));
    set("load", Some(form(load)));
    set("requests_per_step", steps.requests.map(requests));
    set("duration", steps.duration.map(time));
    let warmup = if load.trace.is_some() { 0 } else { WARMUP };
    set("warmup_requests", Some(steps.warmup.unwrap_or(warmup).into()));
    set("settle", steps.settle.map(time));
    set("timeout", args.whom.timeout.map(time));
    set("seed", steps.seed.map(Value::from));
    if steps.requests.is_none() && steps.duration.is_none() {
        let (key, value) = extent(load, base);
        set(key, value);
    }
    if let (Some(RequestsArg::PerUser(_)), true) = (steps.requests, is_open(load)) {
        bail!(NO_USERS);
    }
    let mut slos = Map::new();
    if !args.judging.goodput.is_empty() {
        let slo = slo::goodput(&args.judging.goodput, args.judging.objective)?;
        slos.insert(GOODPUT.to_owned(), slo);
    }
    Ok(json!({
        "workloads": {BENCH: workload(&args.workload, base)},
        "slos": slos,
        "scenarios": {BENCH: scenario},
    }))
}

/// How far a step goes where no flag says so.
fn extent(load: &LoadArgs, base: Option<&Scenario>) -> (&'static str, Option<Value>) {
    match () {
        () if load.find_max_goodput.is_some() => ("duration", Some(SEARCH_DURATION.into())),
        () if load.trace.is_some() => ("duration", None),
        // The scenario's own stands, unless that counts users and there are none any more.
        () if base.is_some() => ("duration", Some(DURATION.into())),
        () if !load.request_rate.is_empty() => ("duration", Some(DURATION.into())),
        () => ("requests_per_step", Some(REQUESTS.into())),
    }
}

fn is_open(load: &LoadArgs) -> bool {
    load.trace.is_some()
        || load.find_max_goodput == Some(QuantityArg::Rate)
        || (load.find_max_goodput.is_none() && !load.request_rate.is_empty())
}

fn requests(requests: RequestsArg) -> Value {
    match requests {
        RequestsArg::Count(number) => number.into(),
        RequestsArg::PerUser(number) => format!("{number}x").into(),
    }
}

/// The load in the form of the configuration.
fn form(load: &LoadArgs) -> Value {
    let mut form = Map::new();
    let mut set = |key: &str, value: Value| {
        form.insert(key.to_owned(), value);
    };
    let mut spread = Map::new();
    if let Some(arrival) = arrival(load) {
        spread.insert("arrival".to_owned(), arrival.as_str().into());
    }
    if let Some(burstiness) = load.burstiness {
        spread.insert("burstiness".to_owned(), burstiness.into());
    }
    if let Some(of) = load.find_max_goodput {
        let mut search = spread;
        search.insert("of".to_owned(), of.as_str().into());
        let given: Vec<f64> = match of {
            QuantityArg::Rate => load.request_rate.clone(),
            QuantityArg::Concurrency => {
                load.concurrency.iter().map(|users| f64::from(users.get())).collect()
            }
        };
        let most = match of {
            QuantityArg::Rate => MOST_RATE,
            QuantityArg::Concurrency => MOST_USERS,
        };
        if let Some(start) = given.first() {
            search.insert("start".to_owned(), (*start).into());
        }
        search.insert("max".to_owned(), given.get(1).copied().unwrap_or(most).into());
        set("find_max_goodput", search.into());
    } else if let Some(trace) = &load.trace {
        set("trace", trace.to_string_lossy().into());
    } else if !load.request_rate.is_empty() {
        set("rate", load.request_rate.clone().into());
        for (key, value) in spread {
            set(&key, value);
        }
        if let Some(size) = load.burst_size {
            set("burst_size", size.into());
        }
    } else {
        let users: Vec<u32> = load.concurrency.iter().map(|users| users.get()).collect();
        set("concurrency", if users.is_empty() { 1.into() } else { users.into() });
        if let Some(rate) = load.spawn_rate {
            set("spawn_rate", rate.into());
        }
    }
    if let Some(most) = load.max_concurrency {
        set("max_concurrency", most.get().into());
    }
    form.into()
}

fn workload(workload: &WorkloadArgs, base: Option<&Scenario>) -> Value {
    if let Some(file) = &workload.dataset {
        return json!({"dataset": {"file": file.to_string_lossy()}});
    }
    if let Some(path) = &workload.http_path {
        return json!({"http": {"path": path}});
    }
    let prefix = workload.shared_prefix.unwrap_or(0);
    // Of a scenario, the prefix is held against its own prompts.
    let usual = if base.is_some() { INPUT_TOKENS.max(prefix) } else { INPUT_TOKENS };
    let length = |mean: Option<std::num::NonZeroU32>, usual: u32, spread: Option<f64>| {
        let mean = mean.map_or(usual, std::num::NonZeroU32::get);
        match spread {
            Some(spread) if spread > 0.0 => json!({"mean": mean, "stddev": spread}),
            _ => mean.into(),
        }
    };
    json!({"synthetic": {
        "input_tokens": length(workload.isl, usual, workload.isl_stddev),
        "output_tokens": length(workload.osl, OUTPUT_TOKENS, workload.osl_stddev),
        "shared_prefix_tokens": prefix,
    }})
}

fn named_scenario(name: &str, config: Option<&Config>) -> anyhow::Result<Arc<Scenario>> {
    let own = config.and_then(|config| config.scenarios.get(name).cloned());
    if let Some(scenario) = own.or_else(|| config::shipped_scenario(name)) {
        return Ok(scenario);
    }
    let known = config.into_iter().chain([config::shipped()]);
    let names = known.flat_map(|config| config.scenarios.keys().map(String::as_str));
    bail!("there is no scenario {name}; nearest: {}", nearest(name, names))
}

fn named_slo(name: &str, config: Option<&Config>) -> anyhow::Result<Arc<Slo>> {
    let own = config.and_then(|config| config.slos.get(name).cloned());
    if let Some(slo) = own.or_else(|| config::shipped_slo(name)) {
        return Ok(slo);
    }
    let known = config.into_iter().chain([config::shipped()]);
    let names = known.flat_map(|config| config.slos.keys().map(String::as_str));
    bail!("there is no SLO {name}; nearest: {}", nearest(name, names))
}

#[cfg(test)]
mod tests;
