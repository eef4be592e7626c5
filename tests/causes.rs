//! The cause of a missed SLO: found on what was built to have it, and on nothing else.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/load.rs, which uses it all")]
#[path = "support/runner.rs"]
mod runner;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    sync::Arc,
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use runner::{Deaf, Runner, closed, scenario};
use tokenbeat::{
    analysis::{Clues, EngineClues, Missed, cause, cause_of},
    clock::Wall,
    config::{Requests, Scenario, Warmup},
    daemon::Onlooker,
    event::{Cause, EngineSource, Mark, StepRecord},
    load::{Halt, Loader},
    sim::{Dist, Flavour, Sim, SimSpec},
    telemetry::Nvml,
};

/// Scenarios a cause.
const DRAWS: usize = 500;

/// Rows are what was built, columns what was found.
type Confusion = BTreeMap<(String, Cause), usize>;

/// Parts of a latency in seconds: network, queue, prefill, decode.
#[derive(Clone, Copy)]
struct Parts([f64; 4]);

const PARTS: [Cause; 4] = [Cause::Network, Cause::Queue, Cause::Prefill, Cause::Decode];

impl Parts {
    /// An exchange in which no part stands out much.
    fn healthy(rng: &mut Pcg64Mcg) -> Self {
        let mut draw = |low: f64, high: f64| rng.random_range(low..high);
        Self([draw(0.005, 0.03), draw(0.0, 0.02), draw(0.02, 0.06), draw(0.05, 0.3)])
    }

    /// The parts that count for the latency that was missed.
    fn counted(missed: Missed) -> &'static [usize] {
        match missed {
            Missed::FirstToken => &[0, 1, 2],
            Missed::Pace => &[3],
            _ => &[0, 1, 2, 3],
        }
    }

    /// Makes part `at` so many times as long as the other counted ones together.
    fn inflate(&mut self, at: usize, missed: Missed, times: f64) {
        let counted = Self::counted(missed).iter().filter(|other| **other != at);
        let others: f64 = counted.map(|other| self.0[*other]).sum();
        self.0[at] = (times * others).max(self.0[at] * times);
    }

    fn clues(self, missed: Missed) -> Clues {
        let [network, queue, prefill, decode] = self.0;
        let ttft = network + queue + prefill;
        Clues {
            missed,
            name: "drawn".to_owned(),
            client_late: false,
            ttft: Some(ttft),
            service_ttft: Some(ttft),
            ttft_spread: Some(1.5),
            e2e: Some(ttft + decode),
            engine: Some(EngineClues {
                ttft: Some(queue + prefill),
                queue: Some(queue),
                prefill: Some(prefill),
                decode: Some(decode),
                preemptions: Some(0.0),
                restarted: false,
                was_fresh: false,
            }),
            throttle: BTreeMap::new(),
        }
    }
}

/// What is missed when a part is long.
fn missed(part: usize, rng: &mut Pcg64Mcg) -> Missed {
    match (part, rng.random_bool(0.3)) {
        (3, false) => Missed::Pace,
        (_, true) => Missed::Whole,
        _ => Missed::FirstToken,
    }
}

/// A scenario that has `wanted`, in a form drawn at random.
fn built(wanted: Cause, rng: &mut Pcg64Mcg) -> Clues {
    // Whatever is slow besides: the others take a share, too.
    let part = PARTS.iter().position(|cause| *cause == wanted);
    let at = part.unwrap_or_else(|| rng.random_range(0..4));
    let missed = missed(at, rng);
    let mut parts = Parts::healthy(rng);
    parts.inflate(at, missed, rng.random_range(2.0..20.0));
    let mut clues = parts.clues(missed);
    let engine = clues.engine.as_mut().expect("it tells");
    match wanted {
        Cause::Client if rng.random_bool(0.5) => clues.client_late = true,
        Cause::Client => {
            // A gate of ours: all of it before anything was sent.
            let (ttft, e2e) = (clues.ttft.expect("timed"), clues.e2e.expect("timed"));
            let wait = rng.random_range(2.0..9.0) * e2e;
            clues.missed = Missed::FirstToken;
            (clues.ttft, clues.e2e) = (Some(ttft + wait), Some(e2e + wait));
        }
        Cause::Preemption => engine.preemptions = Some(rng.random_range(0.05..2.0)),
        Cause::GpuThrottle if at >= 2 && rng.random_bool(0.5) => {
            clues.throttle = [("power".to_owned(), rng.random_range(0.25..1.0))].into();
        }
        Cause::GpuThrottle => {
            let reasons = ["thermal", "board_limit", "reliability"];
            let reason = reasons[rng.random_range(0..reasons.len())].to_owned();
            clues.throttle = [(reason, rng.random_range(0.1..1.0))].into();
        }
        Cause::ColdStart if rng.random_bool(0.5) => engine.restarted = true,
        Cause::ColdStart => {
            engine.was_fresh = true;
            clues.ttft_spread = Some(rng.random_range(3.0..50.0));
        }
        Cause::Unknown => clues.engine = None,
        Cause::Network | Cause::Queue | Cause::Prefill | Cause::Decode => {}
    }
    clues
}

/// Two causes at once: the one that has more of the latency is to be named.
fn mixed(rng: &mut Pcg64Mcg) -> (Cause, Clues) {
    let (first, second) = (rng.random_range(0..4usize), rng.random_range(1..4usize));
    let second = (first + second) % 4;
    let missed = Missed::Whole;
    let mut parts = Parts::healthy(rng);
    // The second is as long as the rest, the first half as long again and more.
    parts.inflate(second, missed, 1.0);
    parts.inflate(first, missed, rng.random_range(1.0..4.0));
    (PARTS[first], parts.clues(missed))
}

#[test]
fn each_cause_is_found_on_its_scenarios_and_not_on_the_others() {
    let mut rng = Pcg64Mcg::seed_from_u64(20_260_801);
    let mut confusion = Confusion::new();
    let mut count = |row: &str, found: Cause| {
        *confusion.entry((row.to_owned(), found)).or_default() += 1;
    };
    for wanted in Cause::ALL {
        for _ in 0..DRAWS {
            count(wanted.as_str(), cause_of(&built(wanted, &mut rng)).cause);
        }
    }
    for _ in 0..DRAWS {
        let (wanted, clues) = mixed(&mut rng);
        count(&format!("{} and another", wanted.as_str()), cause_of(&clues).cause);
    }
    let table = table(&confusion);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::write(folder.join("causes.txt"), &table).expect("written");
    for ((row, found), n) in confusion {
        assert!(row.starts_with(found.as_str()), "{n} of {row} were called {found:?}:\n{table}");
    }
}

fn table(confusion: &Confusion) -> String {
    let mut text = format!("{:<24}", "built, and found:");
    for cause in Cause::ALL {
        let _ = write!(text, "{:>13}", cause.as_str());
    }
    let rows: BTreeSet<&String> = confusion.keys().map(|(row, _)| row).collect();
    for row in rows {
        let _ = write!(text, "\n{row:<24}");
        for cause in Cause::ALL {
            let n = confusion.get(&(row.clone(), cause)).copied().unwrap_or_default();
            let _ = write!(text, "{n:>13}");
        }
    }
    text.push('\n');
    text
}

/// A healthy engine, fast beside what is built into it.
fn engine() -> SimSpec {
    SimSpec { ttft: Dist::constant_ms(20.0), itl: Dist::constant_ms(2.0), ..SimSpec::default() }
}

const TELLS: &str = "engine_metrics: {url: \"{}/metrics\", interval: 1s}";
const GPU: &str = "gpu: {dcgm: {url: \"{}/dcgm/metrics\", interval: 1s}}";

/// One step of `users` against an engine, with what it tells.
fn step(spec: SimSpec, users: u32, slo: &'static str, tells: &[&str]) -> StepRecord {
    let warm = Warmup { requests: u64::from(users), ..Warmup::default() };
    ran(spec, users, slo, tells, warm, |_| {})
}

fn ran(
    spec: SimSpec,
    users: u32,
    slo: &'static str,
    tells: &[&str],
    warmup: Warmup,
    meanwhile: impl FnOnce(&str),
) -> StepRecord {
    let sim = Sim::spawn(spec).expect("an engine");
    let origin = sim.base_url().to_owned();
    let mut runner = Runner::at(sim.base_url());
    runner.slo = Some(slo);
    runner.target = tells.iter().map(|one| format!(", {}", one.replace("{}", &origin))).collect();
    let scenario = Scenario {
        requests_per_step: Some(Requests::Count(u64::from(users) * 6)),
        warmup,
        ..scenario(vec![closed(users)], 16)
    };
    let mut order = runner.order(scenario);
    let serving = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    order.witness = serving.block_on(async { Onlooker::of(&order.link, &Nvml::default()) });
    assert_eq!(order.witness.is_some(), !tells.is_empty());
    let loader = Loader::start(Wall::anchor()).expect("a thread");
    let record = loader.run(order, Arc::new(Deaf), Halt::default());
    meanwhile(&origin);
    let record = record.blocking_recv().expect("a record");
    loader.join();
    let mut step = record.steps[0].clone();
    assert_eq!(step.cause, cause(&step));
    // The machine that tests run on may be late: that is not what they are about.
    step.validity.marks.retain(|mark| *mark == Mark::Contaminated);
    step
}

fn found(step: &StepRecord) -> Cause {
    cause(step).unwrap_or_else(|| panic!("it met its SLO: {step:#?}")).cause
}

const FIRST: &str = "{thresholds: {ttft: 100ms}, objective: 95%}";
const PACE: &str = "{thresholds: {tpot: 10ms}, objective: 95%}";

#[test]
fn a_queue_is_found() {
    let spec = SimSpec { slots: 2, itl: Dist::constant_ms(10.0), ..engine() };
    let step = step(spec, 12, FIRST, &[TELLS]);
    assert_eq!(found(&step), Cause::Queue, "{step:#?}");
    let engine = step.engine.expect("told");
    assert!(engine.queue_ratio.expect("a share") > 0.5, "{engine:?}");
}

#[test]
fn prefill_is_found() {
    let spec = SimSpec { ttft: Dist::constant_ms(300.0), ..engine() };
    assert_eq!(found(&step(spec, 2, FIRST, &[TELLS])), Cause::Prefill);
}

#[test]
fn decoding_is_found_and_a_gpu_that_is_held_down_behind_it() {
    let slow = || SimSpec { itl: Dist::constant_ms(40.0), ..engine() };
    assert_eq!(found(&step(slow(), 2, PACE, &[TELLS, GPU])), Cause::Decode);
    let held = SimSpec { slots: 2, gpu_throttle_ratio: 0.9, ..slow() };
    let step = step(held, 2, PACE, &[TELLS, GPU]);
    assert_eq!(found(&step), Cause::GpuThrottle, "{step:#?}");
    let gpu = step.gpu.expect("told");
    assert!(gpu.throttle_ratios["power"] > 0.25, "{gpu:?}");
    assert!(gpu.joules_per_output_token.expect("known") > 0.0, "{gpu:?}");
}

#[test]
fn the_network_is_found() {
    let spec = SimSpec { wire_delay_ms: 300, ..engine() };
    let step = step(spec, 2, FIRST, &[TELLS]);
    assert_eq!(found(&step), Cause::Network, "{step:#?}");
    // The engine's mean is also of requests of the warm-up, which a busy machine may hold up.
    assert!(step.engine.expect("told").ttft_gap.expect("known") >= 0.2);
}

#[test]
fn preemption_is_found() {
    let spec = SimSpec { preempt_ratio: 0.5, preempt_ms: 400, ..engine() };
    assert_eq!(found(&step(spec, 4, PACE, &[TELLS])), Cause::Preemption);
}

#[test]
fn a_cold_start_is_found() {
    let spec = SimSpec { cold_ms: 1_000, ..engine() };
    let step = ran(spec, 2, FIRST, &[TELLS], Warmup::default(), |_| {});
    assert_eq!(found(&step), Cause::ColdStart, "{step:#?}");
}

#[test]
fn an_engine_that_is_silent_leaves_the_cause_unknown() {
    let spec = SimSpec { ttft: Dist::constant_ms(300.0), ..engine() };
    let step = step(spec, 2, FIRST, &[]);
    assert_eq!(found(&step), Cause::Unknown);
    let told = step.engine.expect("usage tells what was cached");
    assert_eq!((told.readings, told.prefill_mean, told.decode_mean), (0, None, None));
    let wrong = "engine_metrics: {url: \"{}/nowhere\", interval: 1s}";
    let spec = SimSpec { ttft: Dist::constant_ms(300.0), ..engine() };
    let step = self::step(spec, 2, FIRST, &[wrong]);
    assert_eq!(found(&step), Cause::Unknown);
    let warned = step.warnings.iter().find(|warning| warning.code == "telemetry_untold");
    assert!(warned.expect("a warning").text.contains("could not be read"), "{:?}", step.warnings);
}

#[test]
fn answers_alone_tell_prefill_from_decode() {
    let llama = |spec| SimSpec { flavour: Flavour::LlamaCpp, ..spec };
    let slow = llama(SimSpec { ttft: Dist::constant_ms(300.0), ..engine() });
    let step = step(slow.clone(), 2, FIRST, &[]);
    assert_eq!(found(&step), Cause::Prefill, "{step:#?}");
    let told = step.engine.expect("told");
    assert!(told.prefill_mean.expect("told") >= 0.3, "{told:?}");
    assert!(told.decode_mean.expect("told") > 0.0, "{told:?}");
    assert_eq!((told.readings, told.answers), (0, step.outcomes["ok"]));
    assert_eq!((told.ttft_mean, told.queue_mean, told.foreign_token_ratio), (None, None, None));
    let told = |name: &str| told.sources.get(name).copied();
    assert_eq!(told("prefill_mean"), Some(EngineSource::Answers));
    assert_eq!(told("ttft_mean"), None);

    // Where the engine counts itself, its counters are believed, as they have what answers do not.
    let step = self::step(slow, 2, FIRST, &[TELLS]);
    assert_eq!(found(&step), Cause::Prefill, "{step:#?}");
    let counted = step.engine.expect("told");
    assert!(counted.readings > 0 && counted.answers > 0, "{counted:?}");
    assert!(counted.sources.values().all(|of| *of == EngineSource::Counters), "{counted:?}");

    let slow = llama(SimSpec { itl: Dist::constant_ms(40.0), ..engine() });
    assert_eq!(found(&self::step(slow, 2, PACE, &[])), Cause::Decode);
}

#[test]
fn answers_that_tell_of_no_queue_leave_it_open_what_was_the_way() {
    let llama = |spec| SimSpec { flavour: Flavour::LlamaCpp, ..spec };
    for spec in [
        SimSpec { slots: 2, itl: Dist::constant_ms(10.0), ..engine() },
        SimSpec { wire_delay_ms: 300, ..engine() },
    ] {
        let step = step(llama(spec), 12, FIRST, &[]);
        let cause = cause(&step).expect("it missed");
        assert_eq!(cause.cause, Cause::Unknown, "{step:#?}");
        assert!(cause.evidence["untold_mean"] > cause.evidence["prefill_mean"], "{cause:?}");
    }
}

#[test]
fn our_tokens_are_the_engines_and_those_of_others_contaminate() {
    // Without a warm-up both views are of the same requests, to the last.
    let alone = ran(engine(), 4, FIRST, &[TELLS], Warmup::default(), |_| {});
    let told = alone.engine.as_ref().expect("told");
    assert_eq!(told.generation_tokens, Some(told.own_output_tokens as f64), "{told:?}");
    assert_eq!((told.foreign_token_ratio, alone.validity.marks.is_empty()), (Some(0.0), true));
    assert!(told.ttft_gap.expect("known") >= 0.0, "we see a token after the engine: {told:?}");

    let ask = |origin: &str| {
        let body = r#"{"model": "sim-8b", "prompt": "others", "max_tokens": 2000}"#;
        let address = origin.trim_start_matches("http://");
        let head = format!(
            "POST /v1/completions HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        let mut wire = TcpStream::connect(address).expect("a connection");
        wire.set_read_timeout(Some(Duration::from_secs(60))).expect("a deadline");
        wire.write_all((head + body).as_bytes()).expect("sent");
        let mut answer = String::new();
        wire.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    };
    let spec = SimSpec { ttft: Dist::constant_ms(500.0), itl: Dist::constant_ms(1.0), ..engine() };
    let warm = Warmup { requests: 4, ..Warmup::default() };
    let loaded = ran(spec, 4, FIRST, &[TELLS], warm, ask);
    let told = loaded.engine.as_ref().expect("told");
    assert_eq!(loaded.validity.marks, [Mark::Contaminated], "{told:?}");
    assert!(told.foreign_token_ratio.expect("known") > 0.05, "{told:?}");
}
