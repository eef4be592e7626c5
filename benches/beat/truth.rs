//! Section: how far our time to first token is from what the engine knows.
//!
//! The engine stamps the first token S right before its write, and the read R of the request. The
//! client has the due time D, its stamps W and W' before and after the write of the request, and
//! its stamp F of the first token. All are readings of one clock. A request arrives at A, which
//! nobody stamps: not after R, and on the loopback device not after W' either, for there a write
//! has delivered when it returns. A is taken to be the earlier of the two, which errs against us.
//! The bare reader knows no W'.
//!
//! | column | what |
//! |---|---|
//! | receive | F − S: the write, the wire, and the client's lateness in stamping |
//! | send | A − W: the write of the request, and the wire |
//! | span | (F − W) − (S − A): the error of the time from request to first token; receive + send |
//! | whole | (F − D) − (S − A): the error of `ttft`; span + W − D, the client's lateness in sending |
//! | engine's read | R − W: what send would be if the engine read without delay |
//!
//! Exchanges that dialled are left out: their dial is part of `ttft` and no error. So are those of
//! ours whose own record says that the first token's stamp is only an upper bound; *marked* counts
//! them.

use std::collections::HashMap;

use tokenbeat::sim::StampRecord;

use super::{
    Scale,
    engine::{Engine, Wire},
    job::{Client, Job, Load, Record},
    process,
    report::{Cell, Section},
    stats::percentile,
};

/// Promised at the 99th percentile, in milliseconds.
const RECEIVE: f64 = 0.02;
const RECEIVE_BESIDE_COMPETITOR: f64 = 0.05;
const TTFT: f64 = 0.2;

/// A case of the table.
struct Case {
    streams: u32,
    profile: Profile,
    wire: Wire,
    competitors: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Profile {
    /// Spread dues, first token after 100 ms.
    Constant,
    /// Spread dues, first token after 50 to 1000 ms.
    Uniform,
    /// All due at one instant, and all first tokens 20 ms later.
    AtOnce,
}

impl Profile {
    const fn name(self) -> &'static str {
        match self {
            Self::Constant => "spread, 100 ms",
            Self::Uniform => "spread, 50–1000 ms",
            Self::AtOnce => "at once, 20 ms",
        }
    }

    const fn ttft(self) -> (&'static str, f64) {
        match self {
            Self::Constant => ("100ms", 0.1),
            Self::Uniform => ("uniform:50ms,1000ms", 0.525),
            Self::AtOnce => ("20ms", 0.02),
        }
    }
}

const fn case(streams: u32, profile: Profile) -> Case {
    Case { streams, profile, wire: Wire::Plain, competitors: 0 }
}

const CASES: [Case; 15] = [
    case(1, Profile::Constant),
    case(100, Profile::Constant),
    case(500, Profile::Constant),
    case(1_000, Profile::Constant),
    case(1, Profile::Uniform),
    case(100, Profile::Uniform),
    case(500, Profile::Uniform),
    case(1_000, Profile::Uniform),
    case(100, Profile::AtOnce),
    case(500, Profile::AtOnce),
    case(1_000, Profile::AtOnce),
    Case { competitors: 1, ..case(100, Profile::Uniform) },
    Case { competitors: 1, ..case(500, Profile::Uniform) },
    Case { wire: Wire::Tls, ..case(100, Profile::Uniform) },
    Case { wire: Wire::Tls, ..case(1_000, Profile::Uniform) },
];

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let mut section = Section::new(
        "Time to first token against the engine's own stamps, error in ms, p50 / p99",
        &[
            "streams",
            "due, first token",
            "beside",
            "client",
            "n",
            "marked",
            "receive p50",
            "receive p99",
            "send p50",
            "send p99",
            "span p50",
            "span p99",
            "whole p50",
            "whole p99",
            "engine's read p99",
            "engine's core",
        ],
    );
    let picked = |case: &&Case| scale == Scale::Full || case.is_quick();
    for case in CASES.iter().filter(picked) {
        case.run(scale, &mut section)?;
    }
    Ok(section)
}

impl Case {
    fn run(&self, scale: Scale, section: &mut Section) -> anyhow::Result<()> {
        let (ttft, mean_ttft) = self.profile.ttft();
        // Enough tokens to load the client as streams do, few enough to leave the engine alone.
        let (tokens, itl, gap) =
            if self.streams == 1 { (4, "10ms", 0.01) } else { (24, "50ms", 0.05) };
        let engine = Engine::start(&["--ttft", ttft, "--itl", itl], self.wire)?;
        let seconds = scale.pick(3.0, 1.5);
        let load = match self.profile {
            Profile::AtOnce => {
                Load::Burst { streams: self.streams, rounds: scale.pick(3, 2), every_ms: 1_500 }
            }
            _ => Load::Open {
                per_second: f64::from(self.streams) / (mean_ttft + f64::from(tokens) * gap),
                seconds,
            },
        };
        for client in Client::BOTH {
            let competitors: Vec<_> =
                (0..self.competitors).map(|_| process::competitor()).collect::<Result<_, _>>()?;
            let job = Job {
                client,
                url: engine.url.to_string(),
                ca_file: engine.ca_file.clone(),
                tokens,
                load,
            };
            engine.forget()?;
            let before = engine.process.cpu()?;
            let done = job.run()?;
            let share = (engine.process.cpu()? - before).as_nanos() as f64 / done.wall_ns as f64;
            drop(competitors);
            anyhow::ensure!(done.failed == 0, "{} exchanges failed", done.failed);
            section.row(self.cells(client, &done.records, &engine.stamps()?, share));
        }
        Ok(())
    }

    fn cells(
        &self,
        client: Client,
        records: &[Record],
        stamps: &HashMap<String, StampRecord>,
        engine_share: f64,
    ) -> Vec<Cell> {
        let reused = |record: &&Record| record.reused;
        let marked = records.iter().filter(reused).filter(|record| !record.exact).count();
        let errors: Vec<Errors> = (records.iter().filter(reused).filter(|record| record.exact))
            .filter_map(|record| Errors::of(record, stamps.get(&record.key)?))
            .collect();
        let ours = client == Client::Ours;
        let receive = match self.competitors {
            0 => RECEIVE,
            _ => RECEIVE_BESIDE_COMPETITOR,
        };
        let cell = |value: fn(&Errors) -> f64, q, limit: Option<f64>| {
            let values: Vec<_> = errors.iter().map(value).collect();
            match (percentile(&values, q), limit.filter(|_| ours)) {
                (Some(value), Some(limit)) => Cell::at_most(value, 3, limit),
                (Some(value), None) => Cell::figure(value, 3),
                (None, _) => Cell::Absent,
            }
        };
        let beside = match (self.wire, self.competitors) {
            (Wire::Tls, _) => "TLS",
            (Wire::Plain, 0) => "–",
            (Wire::Plain, _) => "a busy loop",
        };
        vec![
            Cell::text(self.streams.to_string()),
            Cell::text(self.profile.name()),
            Cell::text(beside),
            Cell::text(client.name()),
            Cell::figure(errors.len() as f64, 0),
            Cell::figure(marked as f64, 0),
            cell(|errors| errors.receive, 0.5, None),
            cell(|errors| errors.receive, 0.99, Some(receive)),
            cell(|errors| errors.send, 0.5, None),
            cell(|errors| errors.send, 0.99, None),
            cell(|errors| errors.receive + errors.send, 0.5, None),
            cell(|errors| errors.receive + errors.send, 0.99, self.promised(TTFT)),
            cell(|errors| errors.whole, 0.5, None),
            cell(
                |errors| errors.whole,
                0.99,
                self.promised(TTFT).filter(|_| self.profile != Profile::AtOnce),
            ),
            cell(|errors| errors.engine_read, 0.99, None),
            Cell::text(format!("{:.0} %", engine_share * 100.0)),
        ]
    }

    fn is_quick(&self) -> bool {
        match self.profile {
            Profile::Uniform => self.streams == 100,
            Profile::AtOnce => self.streams == 500,
            Profile::Constant => false,
        }
    }

    /// Beside a competitor only the receive side is promised.
    fn promised(&self, limit: f64) -> Option<f64> {
        (self.competitors == 0).then_some(limit)
    }
}

/// The errors of one exchange, in milliseconds.
struct Errors {
    receive: f64,
    send: f64,
    whole: f64,
    engine_read: f64,
}

impl Errors {
    fn of(record: &Record, truth: &StampRecord) -> Option<Self> {
        let millis = |later: u64, earlier: u64| (later as f64 - earlier as f64) / 1e6;
        let first = truth.first_token_ns?;
        let arrived = truth.arrived_ns.min(record.sent_after.unwrap_or(u64::MAX));
        let served = millis(first, arrived);
        Some(Self {
            receive: millis(record.first, first),
            send: millis(arrived, record.sent),
            whole: millis(record.first, record.due) - served,
            engine_read: millis(truth.arrived_ns, record.sent),
        })
    }
}
