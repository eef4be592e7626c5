//! From flags to a checked scenario and its SLOs.
//!
//! The flags are written down in the form of the configuration and read by its own loader, so one
//! set of rules and defaults holds for both. Owns which flags go together, and what to give instead
//! where they do not.

use std::sync::Arc;

use anyhow::{anyhow, bail};
use serde_json::{Map, Value, json};

use super::{
    super::target::nearest,
    args::{Args, ArrivalArg, LoadArgs, QuantityArg, RequestsArg, WorkloadArgs},
    slo,
};
use crate::{
    config::{self, Config, Scenario},
    units::Period,
    verdict::Slo,
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
/// The first request also dials, which no later one does.
const WARMUP: u64 = 1;
/// The highest levels of a search, unless one is given.
const MOST_RATE: f64 = 10_000.0;
const MOST_USERS: f64 = 1_024.0;
/// The most that a step of a search may take before it is given up as undecided.
const SEARCH_DURATION: &str = "10m";

/// What is to be run, and what it is held against.
pub(super) struct Bench {
    pub(super) scenario: Arc<Scenario>,
    pub(super) slos: Vec<Arc<Slo>>,
}

/// The scenario that the flags describe. `config` is that of `--config.file`, if there is one.
///
/// # Errors
/// If flags contradict each other, or name what is not there; with what to give instead.
pub(super) fn build(args: &Args, config: Option<&Config>) -> anyhow::Result<Bench> {
    check_load(&args.load)?;
    check_workload(&args.workload)?;
    let base =
        args.load.scenario.as_deref().map(|name| named_scenario(name, config)).transpose()?;
    let searches = args.load.find_max_goodput.is_some();
    if searches && args.judging.goodput.is_empty() && args.judging.slo.is_empty() {
        bail!(
            "--find-max-goodput searches for the highest load that meets an SLO: give one with \
             --goodput \"ttft:500ms tpot:30ms\" or --slo NAME"
        );
    }
    if args.judging.objective.is_some() && args.judging.goodput.is_empty() {
        bail!("--objective goes with --goodput; an SLO of --slo has its own");
    }
    let read = read(&document(args, base.as_deref())?)?;
    let flags = read.scenarios.get(BENCH).ok_or_else(|| anyhow!("the flags give no scenario"))?;
    let scenario = match base {
        None => Arc::clone(flags),
        Some(base) => Arc::new(changed(&base, flags, args)),
    };
    let mut slos: Vec<_> = read.slos.values().cloned().collect();
    for name in &args.judging.slo {
        slos.push(named_slo(name, config)?);
    }
    Ok(Bench { scenario, slos })
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
fn document(args: &Args, base: Option<&Scenario>) -> anyhow::Result<Value> {
    let mut scenario = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            scenario.insert(key.to_owned(), value);
        }
    };
    let time = |time: std::time::Duration| Value::from(Period(time).to_string());
    let steps = &args.steps;
    set("workload", Some(BENCH.into()));
    set("load", Some(load(&args.load)));
    set("requests_per_step", steps.requests.map(requests));
    set("duration", steps.duration.map(time));
    set("warmup_requests", Some(steps.warmup.unwrap_or(WARMUP).into()));
    set("settle", steps.settle.map(time));
    set("timeout", args.whom.timeout.map(time));
    set("seed", steps.seed.map(Value::from));
    if steps.requests.is_none() && steps.duration.is_none() {
        let (key, value) = extent(&args.load, base);
        set(key, value);
    }
    if let (Some(RequestsArg::PerUser(_)), true) = (steps.requests, is_open(&args.load)) {
        bail!("--requests Nx counts users, and a rate has none: give a number or --duration");
    }
    let mut slos = Map::new();
    if !args.judging.goodput.is_empty() {
        let slo = slo::goodput(&args.judging.goodput, args.judging.objective)?;
        slos.insert(GOODPUT.to_owned(), slo);
    }
    Ok(json!({
        "workloads": {BENCH: workload(&args.workload)},
        "slos": slos,
        "scenarios": {BENCH: scenario},
    }))
}

/// How far a step goes where no flag says so.
fn extent(load: &LoadArgs, base: Option<&Scenario>) -> (&'static str, Option<Value>) {
    match () {
        // The scenario's own stands; this one only satisfies the rule that there is one.
        () if base.is_some() => ("duration", Some(DURATION.into())),
        () if load.find_max_goodput.is_some() => ("duration", Some(SEARCH_DURATION.into())),
        () if load.trace.is_some() => ("duration", None),
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

fn load(load: &LoadArgs) -> Value {
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
    }
    if let Some(most) = load.max_concurrency {
        set("max_concurrency", most.get().into());
    }
    form.into()
}

/// The arrival that is given, or that another flag implies.
fn arrival(load: &LoadArgs) -> Option<ArrivalArg> {
    load.arrival
        .or(load.burstiness.map(|_| ArrivalArg::Gamma))
        .or(load.burst_size.map(|_| ArrivalArg::Burst))
}

fn workload(workload: &WorkloadArgs) -> Value {
    if let Some(file) = &workload.dataset {
        return json!({"dataset": {"file": file.to_string_lossy()}});
    }
    let length = |mean: Option<std::num::NonZeroU32>, usual: u32, spread: Option<f64>| {
        let mean = mean.map_or(usual, std::num::NonZeroU32::get);
        match spread {
            Some(spread) if spread > 0.0 => json!({"mean": mean, "stddev": spread}),
            _ => mean.into(),
        }
    };
    json!({"synthetic": {
        "input_tokens": length(workload.isl, INPUT_TOKENS, workload.isl_stddev),
        "output_tokens": length(workload.osl, OUTPUT_TOKENS, workload.osl_stddev),
        "shared_prefix_tokens": workload.shared_prefix.unwrap_or(0),
    }})
}

/// The scenario `base` with what the flags say.
fn changed(base: &Scenario, flags: &Scenario, args: &Args) -> Scenario {
    let mut scenario = base.clone();
    let (load, steps) = (&args.load, &args.steps);
    if has_load(load) {
        scenario.load = flags.load.clone();
    }
    if has_workload(&args.workload) {
        scenario.workloads = flags.workloads.clone();
    }
    if steps.requests.is_some() || steps.duration.is_some() {
        scenario.requests_per_step = flags.requests_per_step;
        scenario.duration = flags.duration;
    }
    if steps.warmup.is_some() {
        scenario.warmup = flags.warmup;
    }
    if steps.settle.is_some() {
        scenario.settle = flags.settle;
    }
    scenario.timeout = flags.timeout.or(base.timeout);
    scenario.seed = flags.seed.or(base.seed);
    scenario
}

fn has_load(load: &LoadArgs) -> bool {
    !load.concurrency.is_empty()
        || !load.request_rate.is_empty()
        || load.trace.is_some()
        || load.find_max_goodput.is_some()
}

fn has_workload(workload: &WorkloadArgs) -> bool {
    workload.dataset.is_some()
        || workload.isl.is_some()
        || workload.isl_stddev.is_some()
        || workload.osl.is_some()
        || workload.osl_stddev.is_some()
        || workload.shared_prefix.is_some()
}

fn check_load(load: &LoadArgs) -> anyhow::Result<()> {
    let (closed, open) = (!load.concurrency.is_empty(), !load.request_rate.is_empty());
    let search = load.find_max_goodput;
    if closed && open {
        bail!(
            "--concurrency keeps so many requests in flight, --request-rate sends on a schedule: \
             give one of them; --max-concurrency limits how many of a rate are in flight"
        );
    }
    if load.trace.is_some() && (closed || open || search.is_some()) {
        bail!("--trace has its own schedule: leave out --concurrency, --request-rate and searches");
    }
    match search {
        Some(QuantityArg::Rate) if closed => {
            bail!("to search for a concurrency, give --find-max-goodput=concurrency")
        }
        Some(QuantityArg::Concurrency) if open => {
            bail!("to search for a rate, give --find-max-goodput=rate")
        }
        Some(_) if load.concurrency.len() > 2 || load.request_rate.len() > 2 => {
            bail!("a search takes at most two levels: the first one and the highest")
        }
        Some(_) | None => {}
    }
    let rated = open || search == Some(QuantityArg::Rate);
    for (flag, given) in [
        ("--arrival", load.arrival.is_some()),
        ("--burstiness", load.burstiness.is_some()),
        ("--burst-size", load.burst_size.is_some()),
    ] {
        if given && !rated {
            bail!("{flag} says how a rate is spread: give --request-rate too");
        }
    }
    if load.max_concurrency.is_some() && (search.is_some() || !open && load.trace.is_none()) {
        bail!(
            "--max-concurrency limits how many requests of a rate are in flight: give \
             --request-rate too and no search, or --concurrency alone"
        );
    }
    match (arrival(load), load.burstiness, load.burst_size) {
        (Some(ArrivalArg::Gamma), None, _) => bail!("--arrival gamma needs --burstiness"),
        (Some(ArrivalArg::Burst), _, None) => bail!("--arrival burst needs --burst-size"),
        (Some(arrival), Some(_), _) if arrival != ArrivalArg::Gamma => {
            bail!("--burstiness goes with --arrival gamma, not {}", arrival.as_str())
        }
        (Some(arrival), _, Some(_)) if arrival != ArrivalArg::Burst => {
            bail!("--burst-size goes with --arrival burst, not {}", arrival.as_str())
        }
        _ => Ok(()),
    }
}

fn check_workload(workload: &WorkloadArgs) -> anyhow::Result<()> {
    let synthetic = WorkloadArgs { dataset: None, ..workload.clone() };
    if workload.dataset.is_some() && has_workload(&synthetic) {
        bail!("--dataset has its own lengths: leave out --isl, --osl and --shared-prefix");
    }
    Ok(())
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
mod tests {
    use std::time::Duration;

    use clap::Parser;

    use super::*;
    use crate::{
        arrival::{Arrival, Load, Pattern},
        config::Requests,
        workload::{Length, Workload},
    };

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: Args,
    }

    fn bench(flags: &[&str]) -> anyhow::Result<Bench> {
        let command = Command::try_parse_from(["bench", "http://h"].iter().chain(flags))?;
        build(&command.args, None)
    }

    fn levels(flags: &[&str]) -> Vec<Arrival> {
        match &bench(flags).expect("a scenario").scenario.load {
            Load::Levels(levels) => levels.clone(),
            Load::Search(search) => panic!("{search:?}"),
        }
    }

    fn refusal(flags: &[&str]) -> String {
        match bench(flags) {
            Ok(bench) => panic!("{flags:?} gives {:?}", bench.scenario),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn without_flags_one_user_sends_ten_requests() {
        let bench = bench(&[]).expect("a scenario");
        assert_eq!(bench.scenario.requests_per_step, Some(Requests::PerUser(10)));
        assert_eq!(levels(&[])[0].concurrency(), Some(1));
        assert_eq!(bench.scenario.warmup.requests, WARMUP);
        assert!(bench.slos.is_empty());
    }

    #[test]
    fn a_rate_goes_on_for_a_minute() {
        let scenario = bench(&["--request-rate", "5,10"]).expect("a scenario").scenario;
        assert_eq!(scenario.requests_per_step, None);
        assert_eq!(scenario.duration, Some(Duration::from_secs(60)));
        let levels = levels(&["--request-rate", "5,10"]);
        let rates: Vec<_> = levels.iter().map(Arrival::rate).collect();
        assert_eq!(rates, [Some(5.0), Some(10.0)]);
        assert_eq!(levels[0].as_str(), "poisson");
    }

    #[test]
    fn a_shape_implies_its_arrival() {
        let gamma = &levels(&["--request-rate", "5", "--burstiness", "0.5"])[0];
        assert_eq!(gamma.as_str(), "gamma");
        let burst = &levels(&["--request-rate", "5", "--burst-size", "10"])[0];
        let Arrival::Open(open) = burst else { panic!("{burst:?}") };
        let Pattern::Burst { size, period } = open.pattern else { panic!("{open:?}") };
        assert_eq!((size, period), (10, Duration::from_secs(2)));
        assert_eq!(levels(&["--request-rate=5", "--arrival=constant"])[0].as_str(), "constant");
    }

    #[test]
    fn lengths_reach_the_workload() {
        let flags = ["--isl", "512", "--isl-stddev", "20", "--osl", "64", "--shared-prefix", "128"];
        let scenario = bench(&flags).expect("a scenario").scenario;
        let Workload::Synthetic(workload) = &*scenario.workloads[0].1 else { panic!("synthetic") };
        assert_eq!(workload.input_tokens, Length::Normal { mean: 512.0, stddev: 20.0 });
        assert_eq!(workload.output_tokens, Length::Constant(64));
    }

    #[test]
    fn a_search_begins_and_ends_where_it_is_told() {
        let flags =
            ["--find-max-goodput=concurrency", "--goodput", "ttft:1s", "--concurrency=4,64"];
        let bench = bench(&flags).expect("a scenario");
        let Load::Search(search) = &bench.scenario.load else { panic!("a search") };
        assert_eq!((search.start, search.max), (4.0, 64.0));
        assert_eq!(&*bench.slos[0].name, GOODPUT);
    }

    #[test]
    fn a_shipped_scenario_is_changed_by_flags_and_by_nothing_else() {
        let shipped = config::shipped_scenario("concurrency_sweep").expect("shipped");
        let same = bench(&["--scenario", "concurrency_sweep"]).expect("a scenario").scenario;
        assert_eq!(same.load, shipped.load);
        assert_eq!(same.requests_per_step, shipped.requests_per_step);
        assert_eq!((same.warmup, same.settle), (shipped.warmup, shipped.settle));
        let flags = ["--scenario=concurrency_sweep", "--concurrency=2", "--requests=7", "--seed=3"];
        let changed = bench(&flags).expect("a scenario").scenario;
        assert_ne!(changed.load, shipped.load);
        assert_eq!(changed.requests_per_step, Some(Requests::Count(7)));
        assert_eq!((changed.settle, changed.seed), (shipped.settle, Some(3)));
        assert_eq!(&*changed.name, "concurrency_sweep");
    }

    #[test]
    fn a_shipped_slo_stands_beside_that_of_the_flags() {
        let bench = bench(&["--slo", "interactive", "--goodput", "ttft:1s"]).expect("a scenario");
        let names: Vec<_> = bench.slos.iter().map(|slo| &*slo.name).collect();
        assert_eq!(names, [GOODPUT, "interactive"]);
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_a_remedy() {
        for (flags, remedy) in [
            (&["--concurrency=1", "--request-rate=1"][..], "--max-concurrency"),
            (&["--max-concurrency=8"], "--concurrency alone"),
            (&["--arrival=constant"], "--request-rate"),
            (&["--request-rate=5", "--arrival=gamma"], "--burstiness"),
            (&["--request-rate=5", "--arrival=burst"], "--burst-size"),
            (&["--request-rate=5", "--arrival=poisson", "--burstiness=2"], "--arrival gamma"),
            (&["--find-max-goodput"], "--goodput"),
            (&["--find-max-goodput", "--goodput=ttft:1s", "--concurrency=4"], "=concurrency"),
            (&["--request-rate=5", "--requests=10x"], "--duration"),
            (&["--trace=a", "--concurrency=4"], "--trace"),
            (&["--dataset=a", "--isl=4"], "--isl"),
            (&["--objective=99%"], "--goodput"),
            (&["--scenario=latency_bench"], "latency_benchmark"),
            (&["--slo=interactiv"], "interactive"),
            (&["--shared-prefix=500"], "shared prefix"),
            (&["--goodput=ttft:fast"], "duration"),
        ] {
            let refusal = refusal(flags);
            assert!(refusal.contains(remedy), "{flags:?}: {refusal}");
        }
    }
}
