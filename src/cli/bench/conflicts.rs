//! Which flags go together, and what to give instead where they do not.

use anyhow::bail;

use super::args::{ArrivalArg, LoadArgs, QuantityArg, WorkloadArgs};

/// The arrival that is given, or that another flag implies.
pub(super) fn arrival(load: &LoadArgs) -> Option<ArrivalArg> {
    load.arrival
        .or(load.burstiness.map(|_| ArrivalArg::Gamma))
        .or(load.burst_size.map(|_| ArrivalArg::Burst))
}

/// Whether a flag says how long prompts or answers are.
pub(super) fn has_lengths(workload: &WorkloadArgs) -> bool {
    workload.isl.is_some()
        || workload.isl_stddev.is_some()
        || workload.osl.is_some()
        || workload.osl_stddev.is_some()
        || workload.shared_prefix.is_some()
}

/// Whether the flags of load go together.
///
/// # Errors
/// If they do not; with what to give instead.
pub(super) fn check_load(load: &LoadArgs) -> anyhow::Result<()> {
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
    if load.spawn_rate.is_some() && (open || search.is_some() || load.trace.is_some()) {
        bail!("--spawn-rate says how users enter: give --concurrency too, and no search");
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

/// Whether the flags of the workload go together.
///
/// # Errors
/// If they do not; with what to give instead.
pub(super) fn check_workload(workload: &WorkloadArgs) -> anyhow::Result<()> {
    if workload.dataset.is_some() && workload.http_path.is_some() {
        bail!("--http-path asks no prompt: leave out --dataset");
    }
    if workload.dataset.is_some() && has_lengths(workload) {
        bail!("--dataset has its own lengths: leave out --isl, --osl and --shared-prefix");
    }
    if workload.http_path.is_some() && has_lengths(workload) {
        bail!("--http-path asks no prompt: leave out --isl, --osl and --shared-prefix");
    }
    Ok(())
}
