//! Section: how long a scrape of a hundred targets takes.

use std::{thread::sleep, time::Duration};

use super::{
    Scale,
    daemon::Daemon,
    engine::{Engine, Wire},
    report::{Cell, Section},
    stats::{median, percentile},
};

/// Promised of a scrape of 100 targets, in milliseconds.
const PROMISE: f64 = 20.0;

/// Formats by their `Accept`.
const FORMATS: [(&str, &str); 3] = [
    (
        "protobuf",
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
    ),
    ("OpenMetrics 1.0", "application/openmetrics-text;version=1.0.0"),
    ("text 0.0.4", "text/plain;version=0.0.4"),
];

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let engine = Engine::start(&["--ttft", "lognormal:50ms,0.5", "--itl", "5ms"], Wire::Plain)?;
    let daemon = Daemon::start(&engine, 100, "1s")?;
    sleep(Duration::from_secs(scale.pick(6, 3)));
    let mut section = Section::new(
        "A scrape of 100 targets that beat every second, ms",
        &["format", "coding", "over HTTP, median", "longest of 15", "CPU", "KiB"],
    );
    for (name, accept) in FORMATS {
        for coding in ["identity", "gzip"] {
            let (mut took, mut size) = (Vec::new(), 0);
            let cpu = daemon.process.cpu()?;
            for _ in 0..15 {
                let scrape = daemon.scrape(accept, coding)?;
                took.push(scrape.took.as_secs_f64() * 1e3);
                size = scrape.body.len();
            }
            // The beats of the time are in it: some 0.1 ms a scrape.
            let cpu = (daemon.process.cpu()? - cpu).as_secs_f64() * 1e3 / 15.0;
            section.row([
                Cell::text(name),
                Cell::text(coding),
                Cell::at_most(median(&took), 1, PROMISE),
                percentile(&took, 1.0).map_or(Cell::Absent, |longest| Cell::figure(longest, 1)),
                Cell::figure(cpu, 1),
                Cell::figure(size as f64 / 1024.0, 0),
            ]);
        }
    }
    Ok(section)
}
