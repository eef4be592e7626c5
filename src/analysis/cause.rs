//! What made a step, or a window of beats, miss its SLO.
//!
//! Owns the rules: a short table that is read from top to bottom, of which the first row that holds
//! names the cause. `docs/definitions.md` ("Causes") has the same table in words. Knows nothing of
//! where the numbers come from.

use std::collections::BTreeMap;

use crate::event::{Cause, CauseRecord, Mark, StepEngine, StepRecord};

/// The misses that are failures from which on they are what was missed.
const FAILURES: f64 = 0.5;

/// The part of the missed latency that a cause must be, besides being the largest part.
const PART: f64 = 0.4;

/// Shares of the time for which the clocks were held down: by what should not be there, and by the
/// power limit, at which a GPU under full load is often enough.
const HARD_THROTTLE: f64 = 0.10;
const POWER_THROTTLE: f64 = 0.25;

/// Preemptions a request from which on they tell.
const PREEMPTIONS: f64 = 0.05;

/// How many times the median the slowest first token is, of an engine that had to warm up.
const COLD: f64 = 3.0;

/// Throttling that a load brings with it, or that is no slowing down.
const POWER: &str = "power";
const HARD: [&str; 4] = ["thermal", "board_limit", "reliability", "sync_boost"];

/// What failed on the way, before the engine had its say.
const ON_THE_WAY: [&str; 5] = ["dns", "connect", "tls", "reset", "http_malformed"];

/// What was given up because it took too long: as a latency it is infinite.
const TOO_LONG: [&str; 3] = ["timeout_first_token", "timeout_total", "stall"];

/// What says nothing against the target.
const NO_FAILURE: [&str; 3] = ["ok", "aborted", "local"];

/// What was missed, as far as that bears on its cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Exchanges failed on the way to the engine.
    OnTheWay,
    /// They failed otherwise.
    Failed,
    /// The first token was late.
    FirstToken,
    /// The tokens after it were.
    Pace,
    /// The answer as a whole was.
    Whole,
}

/// The numbers that the rules look at. Times are means in seconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Clues {
    /// What was missed.
    pub missed: Missed,
    /// Its name, for the reader.
    pub name: String,
    /// Whether the client found itself at fault.
    pub client_late: bool,
    /// The client's mean time to first token, from when the request was due.
    pub ttft: Option<f64>,
    /// The same from when it was sent.
    pub service_ttft: Option<f64>,
    /// The slowest ÷ the median.
    pub ttft_spread: Option<f64>,
    /// The client's mean time to the end of the answer, from when the request was due.
    pub e2e: Option<f64>,
    /// The engine's view, if it tells.
    pub engine: Option<EngineClues>,
    /// Shares of the time for which clocks were held down, by reason.
    pub throttle: BTreeMap<String, f64>,
}

/// The engine's view.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EngineClues {
    /// Its mean time to first token.
    pub ttft: Option<f64>,
    /// Its mean time in the queue.
    pub queue: Option<f64>,
    /// Its mean time from the queue to the first token.
    pub prefill: Option<f64>,
    /// Its mean time from the first token to the last.
    pub decode: Option<f64>,
    /// Preemptions a request.
    pub preemptions: Option<f64>,
    /// Whether a process of it began anew meanwhile.
    pub restarted: bool,
    /// Whether it had done nothing since its start.
    pub was_fresh: bool,
}

/// Failures, by where they lie.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failed {
    on_the_way: u64,
    /// Those included, but not what was given up because it took too long.
    all: u64,
}

impl Failed {
    /// Counts `n` exchanges that ended so; what is no failure counts for nothing.
    pub(super) fn count(&mut self, outcome: &str, n: u64) {
        if NO_FAILURE.contains(&outcome) || TOO_LONG.contains(&outcome) {
            return;
        }
        self.all += n;
        if ON_THE_WAY.contains(&outcome) {
            self.on_the_way += n;
        }
    }
}

impl Missed {
    /// What was missed, and its name, of so many `misses` that `worst` is the threshold of most of.
    pub(super) fn of(failed: Failed, misses: u64, worst: Option<&str>) -> (Self, &str) {
        let of_misses = |count: u64| count as f64 / misses.max(1) as f64 >= FAILURES;
        if of_misses(failed.on_the_way) {
            return (Self::OnTheWay, "failed");
        }
        if of_misses(failed.all) {
            return (Self::Failed, "failed");
        }
        match worst {
            Some(name @ ("ttft" | "ttfo")) => (Self::FirstToken, name),
            Some(name @ ("tpot" | "tpot_mlperf" | "itl" | "ttst")) => (Self::Pace, name),
            Some(name) => (Self::Whole, name),
            None => (Self::Whole, "e2e"),
        }
    }
}

impl EngineClues {
    /// Those of what an engine told.
    pub(super) fn of(told: &StepEngine) -> Self {
        let requests = told.requests.filter(|requests| *requests > 0.0);
        Self {
            ttft: told.ttft_mean,
            queue: told.queue_mean,
            prefill: told.prefill_mean,
            decode: told.decode_mean,
            preemptions: told.preemptions.zip(requests).map(|(of, all)| of / all),
            restarted: told.restarts > 0,
            was_fresh: told.was_fresh,
        }
    }
}

/// Whether `misses` of `n` are more than an objective leaves.
pub(super) fn is_missed(n: u64, misses: u64, objective: f64) -> bool {
    (n.saturating_sub(misses) as f64) < objective * n as f64
}

/// A cause, and the numbers that it rests on.
type Found = (Cause, Vec<(&'static str, Option<f64>)>);

/// A row of the table.
type Rule = fn(&Clues) -> Option<Found>;

/// The rules, in their order.
const RULES: [Rule; 8] =
    [client, silent, on_the_way, cold, failed, hard_throttle, preempted, split];

/// The cause that the rules find.
pub fn cause_of(clues: &Clues) -> CauseRecord {
    let found = RULES.iter().find_map(|rule| rule(clues));
    let (cause, evidence) = found.unwrap_or_else(|| (Cause::Unknown, parts(clues)));
    let evidence = evidence.into_iter();
    let known = evidence.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    CauseRecord { cause, missed: clues.name.clone(), evidence: known.collect() }
}

/// The cause for which a step missed an SLO; absent if it missed none.
pub fn cause(step: &StepRecord) -> Option<CauseRecord> {
    let mut record = cause_of(&Clues::of(step)?);
    let validity = &step.validity;
    if record.cause == Cause::Client {
        let evidence = [
            ("send_lag_p99", validity.send_lag_p99),
            ("stamp_late_p99", validity.stamp_late_p99),
            ("stall_p99", validity.stall_p99),
            ("throttled_seconds", validity.throttled_seconds),
            ("cpu_pressure_ratio", validity.own_cpu_pressure()),
        ];
        let known = evidence.into_iter().filter_map(|(name, of)| Some((name.to_owned(), of?)));
        record.evidence.extend(known);
    }
    Some(record)
}

impl Clues {
    /// Those of a step, if it missed an SLO: of the one that it missed most.
    pub fn of(step: &StepRecord) -> Option<Self> {
        let missed = step.standings.iter().filter(|standing| {
            standing.metric.is_none() && is_missed(standing.n, standing.misses, standing.objective)
        });
        let slo = missed.max_by_key(|standing| standing.misses)?;
        let mut failed = Failed::default();
        step.outcomes.iter().for_each(|(outcome, n)| failed.count(outcome, *n));
        let thresholds = step.standings.iter().filter(|one| one.slo == slo.slo);
        let worst = thresholds
            .filter(|one| one.metric.is_some() && one.misses > 0)
            // Of equals the first: a late first token is also a late end.
            .reduce(|worst, one| if one.misses > worst.misses { one } else { worst })
            .and_then(|one| one.metric.as_deref());
        let (missed, name) = Missed::of(failed, slo.misses, worst);
        let latency = |name: &str| step.latencies.get(name);
        let mean = |name: &str| latency(name).and_then(|of| of.mean);
        let late = [Mark::ClientSaturated, Mark::Throttled];
        let spread =
            latency("ttft").and_then(|of| Some(of.max? / of.p50.filter(|p50| *p50 > 0.0)?));
        Some(Self {
            missed,
            name: name.to_owned(),
            client_late: late.iter().any(|mark| step.validity.marks.contains(mark)),
            ttft: mean("ttft"),
            service_ttft: mean("service_ttft"),
            ttft_spread: spread,
            e2e: mean("e2e"),
            engine: step
                .engine
                .as_ref()
                .filter(|engine| is_told(engine, missed))
                .map(EngineClues::of),
            throttle: step.gpu.as_ref().map(|gpu| gpu.throttle_ratios.clone()).unwrap_or_default(),
        })
    }

    /// The share of the time for which the clocks were held down for `reasons`: the largest.
    fn throttled(&self, reasons: &[&str]) -> Option<f64> {
        reasons.iter().filter_map(|reason| self.throttle.get(*reason)).copied().reduce(f64::max)
    }
}

/// Whether the engine tells enough to look for a cause: in its metrics, or in answers that say where
/// their time went. Whether a process of it began anew is in its metrics only, and without that
/// nobody knows who refused a connection.
pub(super) fn is_told(engine: &StepEngine, missed: Missed) -> bool {
    let timed = engine.prefill_mean.is_some() || engine.decode_mean.is_some();
    engine.readings > 0 || timed && missed != Missed::OnTheWay
}

/// The missed latency, split into what each cause has of it.
#[derive(Clone, Copy, Debug, Default)]
struct Split {
    whole: f64,
    /// Waits on our own side: at the gate, and late sends.
    client: f64,
    network: f64,
    queue: f64,
    prefill: f64,
    decode: f64,
    /// Before the first token, and nobody says where: an engine that tells of no queue leaves it
    /// open what was the queue and what was the way.
    untold: f64,
}

impl Split {
    /// `None` if the numbers are not there that would tell.
    fn of(clues: &Clues) -> Option<Self> {
        let (engine, ttft) = (clues.engine?, clues.ttft?);
        let sent = clues.service_ttft.unwrap_or(ttft).min(ttft);
        let first = Self::first(engine, sent, ttft - sent);
        match clues.missed {
            Missed::OnTheWay | Missed::Failed => None,
            Missed::FirstToken => Some(Self { whole: ttft, ..first? }),
            Missed::Pace => {
                let (decode, after) = (engine.decode?, clues.e2e? - ttft);
                let network = (after - decode).max(0.0);
                Some(Self { whole: after, decode: decode.min(after), network, ..Self::default() })
            }
            Missed::Whole => {
                let (e2e, decode) = (clues.e2e?, engine.decode?);
                let after = e2e - ttft;
                let first = first?;
                let network = first.network + (after - decode).max(0.0);
                Some(Self { whole: e2e, decode: decode.min(after), network, ..first })
            }
        }
    }

    /// The parts up to the first token, of a request that waited so long on our side and was then
    /// answered after `sent`.
    fn first(engine: EngineClues, sent: f64, client: f64) -> Option<Self> {
        let Some(queue) = engine.queue else {
            let prefill = engine.prefill?;
            let theirs = engine.ttft.unwrap_or(sent);
            let (network, untold) = ((sent - theirs).max(0.0), (theirs - prefill).max(0.0));
            return Some(Self { client, network, prefill, untold, ..Self::default() });
        };
        let theirs = engine.ttft.or_else(|| Some(queue + engine.prefill?))?;
        // What an engine does before its first token and does not call its queue is prefill, also
        // what stands in none of its own histograms: a busy front end, the step that was under way.
        let prefill = (theirs - queue).max(0.0);
        let network = (sent - theirs).max(0.0);
        Some(Self { client, network, queue, prefill, ..Self::default() })
    }

    fn parts(self) -> [(Cause, f64); 6] {
        [
            (Cause::Client, self.client),
            (Cause::Network, self.network),
            (Cause::Queue, self.queue),
            (Cause::Prefill, self.prefill),
            (Cause::Decode, self.decode),
            (Cause::Unknown, self.untold),
        ]
    }
}

/// The parts as evidence.
fn parts(clues: &Clues) -> Vec<(&'static str, Option<f64>)> {
    let Some(split) = Split::of(clues) else {
        return vec![("ttft_mean", clues.ttft), ("e2e_mean", clues.e2e)];
    };
    vec![
        ("missed_mean", Some(split.whole)),
        ("client_wait_mean", Some(split.client)),
        ("network_mean", Some(split.network)),
        ("queue_mean", Some(split.queue)),
        ("prefill_mean", Some(split.prefill)),
        ("decode_mean", Some(split.decode)),
        ("untold_mean", Some(split.untold).filter(|untold| *untold > 0.0)),
    ]
}

fn client(clues: &Clues) -> Option<Found> {
    clues.client_late.then(|| (Cause::Client, Vec::new()))
}

fn on_the_way(clues: &Clues) -> Option<Found> {
    // An engine that was started anew refused connections itself.
    let restarted = clues.engine.is_some_and(|engine| engine.restarted);
    let is_it = clues.missed == Missed::OnTheWay && !restarted;
    is_it.then(|| (Cause::Network, Vec::new()))
}

fn silent(clues: &Clues) -> Option<Found> {
    clues.engine.is_none().then(|| (Cause::Unknown, parts(clues)))
}

fn cold(clues: &Clues) -> Option<Found> {
    let engine = clues.engine?;
    let slow_at_first = clues.ttft_spread.is_some_and(|spread| spread >= COLD);
    let is_it = engine.restarted || engine.was_fresh && slow_at_first;
    let restarted = f64::from(u8::from(engine.restarted));
    let evidence = vec![("restarted", Some(restarted)), ("ttft_max_to_median", clues.ttft_spread)];
    is_it.then_some((Cause::ColdStart, evidence))
}

fn hard_throttle(clues: &Clues) -> Option<Found> {
    let ratio = clues.throttled(&HARD).filter(|ratio| *ratio >= HARD_THROTTLE)?;
    Some((Cause::GpuThrottle, vec![("throttle_ratio", Some(ratio))]))
}

fn preempted(clues: &Clues) -> Option<Found> {
    let preemptions = clues.engine?.preemptions.filter(|of| *of >= PREEMPTIONS)?;
    Some((Cause::Preemption, vec![("preemptions_per_request", Some(preemptions))]))
}

/// The largest part of the missed latency. Work on a GPU that its power limit held back is slow for
/// that reason; a queue in front of it is one of too much load.
fn split(clues: &Clues) -> Option<Found> {
    let split = Split::of(clues)?;
    let largest = split.parts().into_iter().max_by(|one, other| one.1.total_cmp(&other.1));
    let (cause, _) = largest.filter(|(_, part)| *part >= PART * split.whole && *part > 0.0)?;
    let mut evidence = parts(clues);
    let power = clues.throttled(&[POWER]).filter(|ratio| *ratio >= POWER_THROTTLE);
    if matches!(cause, Cause::Prefill | Cause::Decode) && power.is_some() {
        evidence.push(("throttle_ratio", power));
        return Some((Cause::GpuThrottle, evidence));
    }
    Some((cause, evidence))
}

fn failed(clues: &Clues) -> Option<Found> {
    (clues.missed == Missed::Failed).then(|| (Cause::Unknown, Vec::new()))
}

#[cfg(test)]
#[path = "cause/tests.rs"]
mod tests;
