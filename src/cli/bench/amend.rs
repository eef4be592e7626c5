//! A named scenario, and the flags that change it.
//!
//! Owns what of the scenario stands where the flags are silent.

use std::{num::NonZeroU32, sync::Arc};

use anyhow::bail;

use super::{
    args::{Args, ArrivalArg, LoadArgs, WorkloadArgs},
    conflicts::has_lengths,
    scenario::NO_USERS,
};
use crate::{
    arrival::{Arrival, Load, Open, Pattern},
    config::{Requests, Scenario},
    workload::{Synthetic, Workload},
};

/// The flags of load, with what the scenario says where they are silent: `--concurrency` alone
/// keeps its spawn rate, `--request-rate` alone the way its requests are spread and their gate, and
/// a flag that says how a rate is spread keeps the rates.
pub(super) fn filled(load: &LoadArgs, base: &Scenario) -> LoadArgs {
    let mut load = load.clone();
    let Load::Levels(levels) = &base.load else { return load };
    if load.trace.is_some() || load.find_max_goodput.is_some() {
        return load;
    }
    let spreads = load.arrival.is_some()
        || load.burstiness.is_some()
        || load.burst_size.is_some()
        || load.max_concurrency.is_some();
    match levels.first() {
        Some(Arrival::Closed(closed)) => {
            if load.spawn_rate.is_some() && load.concurrency.is_empty() {
                let users = levels.iter().filter_map(Arrival::concurrency);
                load.concurrency = users.filter_map(NonZeroU32::new).collect();
            } else if !load.concurrency.is_empty() {
                load.spawn_rate = load.spawn_rate.or(closed.spawn_rate);
            }
        }
        Some(Arrival::Open(open)) => {
            let rates: Option<Vec<f64>> = levels.iter().map(Arrival::rate).collect();
            if load.request_rate.is_empty() && load.concurrency.is_empty() && spreads {
                load.request_rate = rates.unwrap_or_default();
            }
            if !load.request_rate.is_empty() {
                spread_like(&mut load, open);
            }
        }
        None => {}
    }
    load
}

/// Spreads a rate as `open` does, unless the flags say how.
fn spread_like(load: &mut LoadArgs, open: &Open) {
    let gate = open.max_in_flight.and_then(NonZeroU32::new);
    load.max_concurrency = load.max_concurrency.or(gate);
    if load.arrival.is_some() || load.burstiness.is_some() || load.burst_size.is_some() {
        return;
    }
    match open.pattern {
        Pattern::Constant { .. } => load.arrival = Some(ArrivalArg::Constant),
        Pattern::Gamma { burstiness, .. } => load.burstiness = Some(burstiness),
        Pattern::Burst { size, .. } => load.burst_size = Some(size),
        Pattern::Poisson { .. } | Pattern::Ramp { .. } | Pattern::Trace { .. } => {}
    }
}

/// The scenario `base` with what the flags say; `flags` is the scenario that they would make alone.
///
/// # Errors
/// If they give lengths to what has none.
pub(super) fn changed(
    base: &Scenario,
    flags: &Scenario,
    load: &LoadArgs,
    args: &Args,
) -> anyhow::Result<Scenario> {
    let mut scenario = base.clone();
    let steps = &args.steps;
    if has_load(load) {
        scenario.load = flags.load.clone();
    }
    if args.workload.dataset.is_some() || args.workload.http_path.is_some() {
        scenario.workloads = flags.workloads.clone();
    } else if has_lengths(&args.workload) {
        let lengths = flags.workloads.first().map(|(_, workload)| &**workload);
        if let Some(Workload::Synthetic(lengths)) = lengths {
            let whose = Prefixes::of(base);
            let of = |(name, workload): &(Arc<str>, Arc<Workload>)| {
                let changed = resized(name, workload, lengths, &args.workload, whose)?;
                Ok((format!("{name}-changed").into(), Arc::new(changed)))
            };
            scenario.workloads = base.workloads.iter().map(of).collect::<anyhow::Result<_>>()?;
        }
    }
    if steps.requests.is_some() || steps.duration.is_some() {
        scenario.requests_per_step = flags.requests_per_step;
        scenario.duration = flags.duration;
    }
    if matches!(scenario.requests_per_step, Some(Requests::PerUser(_)))
        && !scenario.load.has_users()
    {
        if steps.requests.is_some() {
            bail!(NO_USERS);
        }
        scenario.requests_per_step = None;
        scenario.duration = scenario.duration.or(flags.duration);
    }
    if steps.warmup.is_some() {
        scenario.warmup = flags.warmup;
    }
    if steps.settle.is_some() {
        scenario.settle = flags.settle;
    }
    scenario.timeout = flags.timeout.or(base.timeout);
    scenario.seed = flags.seed.or(base.seed);
    Ok(scenario)
}

fn has_load(load: &LoadArgs) -> bool {
    !load.concurrency.is_empty()
        || !load.request_rate.is_empty()
        || load.trace.is_some()
        || load.find_max_goodput.is_some()
}

/// Whose shared prefix a flag changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prefixes {
    /// Every workload's: none has one yet.
    All,
    /// That of workloads that have one: the others are there to be compared with.
    Present,
}

impl Prefixes {
    fn of(base: &Scenario) -> Self {
        let has_one = |workload: &Workload| match workload {
            Workload::Synthetic(synthetic) => synthetic.shared_prefix_tokens > 0,
            _ => false,
        };
        match base.workloads.iter().any(|(_, workload)| has_one(workload)) {
            true => Self::Present,
            false => Self::All,
        }
    }
}

/// The workload `name` with the lengths that the flags give, those of `lengths`.
fn resized(
    name: &str,
    workload: &Workload,
    lengths: &Synthetic,
    flags: &WorkloadArgs,
    whose: Prefixes,
) -> anyhow::Result<Workload> {
    let mut synthetic = match workload {
        Workload::Synthetic(synthetic) => synthetic.clone(),
        Workload::Mix(parts) => {
            let resized = parts.iter().map(|(weight, part)| {
                Ok((*weight, Arc::new(resized(name, part, lengths, flags, whose)?)))
            });
            return Ok(Workload::Mix(resized.collect::<anyhow::Result<_>>()?));
        }
        Workload::Fixed(_) | Workload::Dataset(_) | Workload::Http(_) => bail!(
            "the prompts of the workload {name} are not made up: leave out --isl, --osl and \
             --shared-prefix, or the scenario"
        ),
    };
    for (flag, mean, spread) in [
        ("--isl", flags.isl.is_some(), flags.isl_stddev.is_some()),
        ("--osl", flags.osl.is_some(), flags.osl_stddev.is_some()),
    ] {
        if spread && !mean {
            bail!("{flag}-stddev changes a scenario together with {flag} only: give both");
        }
    }
    if flags.isl.is_some() {
        synthetic.input_tokens = lengths.input_tokens.clone();
    }
    if flags.osl.is_some() {
        synthetic.output_tokens = lengths.output_tokens.clone();
    }
    if flags.shared_prefix.is_some()
        && (whose == Prefixes::All || synthetic.shared_prefix_tokens > 0)
    {
        synthetic.shared_prefix_tokens = lengths.shared_prefix_tokens;
    }
    let prefix = synthetic.shared_prefix_tokens.saturating_add(synthetic.user_prefix.tokens);
    let shortest = synthetic.input_tokens.fewest();
    if prefix > shortest {
        bail!(
            "the workload {name} has prompts of {shortest} tokens and prefixes of {prefix}: give a \
             longer --isl or a shorter --shared-prefix"
        );
    }
    Ok(Workload::Synthetic(synthetic))
}
