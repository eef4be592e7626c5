//! Section: a load of many streams, its cost against the bare reader's.

use super::{
    super::{
        Scale,
        engine::{Engine, Wire},
        job::{Client, Job, Load},
        report::{Cell, Section},
        stats::{median, percentile},
    },
    runner::{Drive, Ran, Run, Runs},
};

/// What our engine may cost, in costs of the bare reader.
const PROMISE: f64 = 1.25;

/// What one core reads, in tokens a second, where the engine writes several events at once.
const TOKENS_PER_SECOND: f64 = 150_000.0;

/// Runs of each client, in turn; the figure is their median.
const RUNS: usize = 3;

/// An engine: its flags, and the tokens of an answer.
struct Case {
    itl: &'static str,
    events_per_write: &'static str,
    tokens: u32,
    promise: Option<f64>,
}

/// One event a write, for which half of the engine's core goes; and four, which is what an engine
/// sends whose HTTP side lags behind.
const CASES: [Case; 2] = [
    Case { itl: "30ms", events_per_write: "1", tokens: 96, promise: None },
    Case { itl: "10ms", events_per_write: "4", tokens: 288, promise: Some(TOKENS_PER_SECOND) },
];

pub(crate) fn section(scale: Scale) -> anyhow::Result<Section> {
    let streams = scale.pick(2_000, 500);
    let mut section = Section::new(
        "A closed loop of many streams on one core",
        &[
            "streams",
            "gap",
            "events a write",
            "tokens a second",
            "CPU s a million tokens",
            "bare reader",
            "ratio",
            "marked",
            "client's core",
            "engine's core",
        ],
    );
    for case in CASES {
        let engine = Engine::start(
            &[
                "--ttft",
                "uniform:50ms,500ms",
                "--itl",
                case.itl,
                "--events-per-write",
                case.events_per_write,
            ],
            Wire::Plain,
        )?;
        let (mut ours, mut bare, mut rates, mut cores) = (vec![], vec![], vec![], vec![]);
        let (mut engine_cores, mut marked) = (vec![], 0);
        for _ in 0..scale.pick(RUNS, 1) {
            let url = engine.url.to_string();
            let runs = Runs::in_turn(vec![Run {
                url: url.clone(),
                drive: Drive::Closed { users: streams, spawn_rate: Some(f64::from(streams)) },
                tokens: case.tokens,
                requests: None,
                window_ms: scale.pick(9_000, 7_000),
                warmup_ms: 2_000,
                seed: 1,
            }]);
            let before = engine.process.cpu()?;
            let ran = runs.run()?;
            let used = engine.process.cpu()? - before;
            engine_cores.push(used.as_nanos() as f64 / ran.wall_ns as f64);
            let figures = Figures::of(&ran, case.tokens)?;
            ours.push(ran.cpu_ns as f64 / 1e9 / (figures.tokens / 1e6));
            cores.push(ran.cpu_ns as f64 / ran.wall_ns as f64);
            rates.extend(figures.tokens_per_second);
            marked += usize::from(figures.marked);
            let job = Job {
                client: Client::Bare,
                url,
                ca_file: None,
                tokens: case.tokens,
                load: Load::Closed { streams, answers: scale.pick(4, 2) },
            };
            let done = job.run()?;
            anyhow::ensure!(done.failed == 0, "{} exchanges failed", done.failed);
            bare.push(done.cpu_per_million());
        }
        let percent = |shares: &[f64]| Cell::text(format!("{:.0} %", median(shares) * 100.0));
        section.row([
            Cell::text(streams.to_string()),
            Cell::text(case.itl),
            Cell::text(case.events_per_write),
            match (percentile(&rates, 0.5), case.promise.filter(|_| scale == Scale::Full)) {
                (Some(rate), Some(least)) => Cell::at_least(rate, 0, least),
                (Some(rate), None) => Cell::figure(rate, 0),
                (None, _) => Cell::Absent,
            },
            Cell::figure(median(&ours), 2),
            Cell::figure(median(&bare), 2),
            Cell::at_most(median(&ours) / median(&bare), 2, PROMISE),
            Cell::figure(marked as f64, 0),
            percent(&cores),
            percent(&engine_cores),
        ]);
    }
    Ok(section)
}

/// What a run says, of which there is one step.
struct Figures {
    /// Tokens read, those of the warm-up and the drain included, as the CPU time is that of them all.
    tokens: f64,
    /// Absent where the window was too short to tell.
    tokens_per_second: Option<f64>,
    marked: bool,
}

impl Figures {
    /// The figures of `ran`, each answer of which was to be of so many tokens.
    fn of(ran: &Ran, tokens: u32) -> anyhow::Result<Self> {
        let steps: Vec<_> = ran.records.iter().flat_map(|record| &record.steps).collect();
        let [step] = steps.as_slice() else {
            anyhow::bail!("{:?}", ran.records.iter().map(|run| &run.reason).collect::<Vec<_>>());
        };
        anyhow::ensure!(ran.ok == ran.ended, "{} of {} exchanges were ok", ran.ok, ran.ended);
        let judged = step.tokens.output;
        let due = step.n * u64::from(tokens);
        anyhow::ensure!(judged == due, "{judged} tokens in the window in place of {due}");
        Ok(Self {
            tokens: ran.ok as f64 * f64::from(tokens),
            tokens_per_second: step.rates.output_tokens_per_second,
            marked: !step.validity.is_valid(),
        })
    }
}
