//! Sections: what the daemon costs beside an engine, and with a thousand targets.

use std::{thread::sleep, time::Duration};

use super::{
    Scale,
    daemon::Daemon,
    engine::{Engine, Wire},
    report::{Cell, Section},
};

/// Promised of ten targets at 15 s and 16 tokens a beat.
const RSS_MIB: f64 = 25.0;
const CPU_PERCENT: f64 = 0.2;

/// Time for the connections, tables and first beats of a start to be over.
const SETTLE: Duration = Duration::from_secs(5);

pub(crate) fn sidecar(scale: Scale) -> anyhow::Result<Section> {
    let title = "The daemon beside an engine: 10 targets at 15 s, 16 tokens a beat";
    run(scale, scale.pick(60, 8), 10, title, Some((RSS_MIB, CPU_PERCENT)))
}

pub(crate) fn thousand(scale: Scale) -> anyhow::Result<Section> {
    let title = "1,000 targets at 15 s, 16 tokens a beat, in one process";
    run(scale, scale.pick(30, 5), 1_000, title, None)
}

fn run(
    scale: Scale,
    seconds: u64,
    targets: u32,
    title: &'static str,
    promise: Option<(f64, f64)>,
) -> anyhow::Result<Section> {
    let engine = Engine::start(&["--ttft", "100ms", "--itl", "10ms"], Wire::Plain)?;
    let daemon = Daemon::start(&engine, targets, "15s")?;
    sleep(scale.pick(SETTLE, Duration::from_secs(2)));
    let before = daemon.readings()?;
    let cpu = daemon.process.cpu()?;
    sleep(Duration::from_secs(seconds));
    let used = daemon.process.cpu()? - cpu;
    let rss = daemon.process.rss_mib()?;
    let after = daemon.readings()?;
    let grown = |name: &str| after.sum(name) - before.sum(name);
    let beats = grown("tokenbeat_probe_attempts_total");
    let tokens = grown("tokenbeat_probe_output_tokens_total");
    let late = |within| after.share_within(&before, "tokenbeat_send_lag_seconds", within);
    let percent = used.as_secs_f64() / seconds as f64 * 100.0;
    let (rss, percent) = match promise {
        Some((most_rss, most_cpu)) => {
            (Cell::at_most(rss, 1, most_rss), Cell::at_most(percent, 3, most_cpu))
        }
        None => (Cell::figure(rss, 1), Cell::figure(percent, 2)),
    };
    let mut section = Section::new(
        title,
        &[
            "seconds",
            "beats",
            "due",
            "failed",
            "spoiled",
            "skipped",
            "RSS, MiB",
            "CPU, % of a core",
            "CPU of a token, µs",
            "sent within 0.25 ms, %",
            "within 1 ms, %",
        ],
    );
    section.row([
        Cell::figure(seconds as f64, 0),
        Cell::figure(beats, 0),
        Cell::figure(f64::from(targets) * seconds as f64 / 15.0, 0),
        Cell::figure(grown("tokenbeat_probe_failures_total"), 0),
        Cell::figure(grown("tokenbeat_probe_spoiled_total"), 0),
        Cell::figure(grown("tokenbeat_probe_skipped_total"), 0),
        rss,
        percent,
        Cell::figure(used.as_secs_f64() * 1e6 / tokens, 1),
        Cell::figure(late(0.00025)? * 100.0, 2),
        Cell::figure(late(0.001)? * 100.0, 2),
    ]);
    Ok(section)
}
