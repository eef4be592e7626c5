//! Section: how late the pacer is, from due to the write of the request.

use super::{
    Scale,
    engine::{Engine, Wire},
    job::{Client, Job, Load, Record},
    report::{Cell, Section},
    stats::percentile,
};

/// Promised at 2,000 a second at the 99th percentile, in milliseconds.
const PROMISE: f64 = 0.2;

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "From due to sent, ms",
        &["rate, 1/s", "client", "n", "p50", "p99", "longest", "CPU of a request, µs"],
    );
    for (per_second, limit) in [(67.0, None), (2_000.0, Some(PROMISE))] {
        let engine = Engine::start(&["--ttft", "1ms", "--itl", "1ms"], Wire::Plain)?;
        for client in Client::BOTH {
            let seconds = scale.pick(4.0, 1.0);
            let job = Job {
                client,
                url: engine.url.to_string(),
                ca_file: None,
                tokens: 1,
                load: Load::Open { per_second, seconds },
            };
            let done = job.run()?;
            let reused = done.records.iter().filter(|record| record.reused);
            let lag = |record: &Record| (record.sent as f64 - record.due as f64) / 1e6;
            let lags: Vec<f64> = reused.map(lag).collect();
            let at = |q| percentile(&lags, q).unwrap_or(f64::NAN);
            section.row([
                Cell::figure(per_second, 0),
                Cell::text(client.name()),
                Cell::figure(lags.len() as f64, 0),
                Cell::figure(at(0.5), 3),
                match limit.filter(|_| client == Client::Ours) {
                    Some(limit) => Cell::at_most(at(0.99), 3, limit),
                    None => Cell::figure(at(0.99), 3),
                },
                Cell::figure(at(1.0), 3),
                Cell::figure(done.cpu_ns as f64 / 1e3 / done.records.len() as f64, 0),
            ]);
        }
    }
    Ok(section)
}
