//! The last beats of every probe, for the page and the JSON API.
//!
//! Owns a bounded memory: per probe the last [`BEATS`] beats and, apart from them, the last
//! [`FAILURES`] failures, so that a long run of successes does not wash the failures out. Keeps
//! no answer text, header or prompt. Must not know who reads it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Stamp, Wall},
    config::{Connection, Probe, Target},
    event::{Beat, BeatKey, TraceId},
    measure::{CountSource, Phase, Spoiled},
    protocol::Api,
    timeline::{EngineTold, Outcome, Retries, StampSource},
    verdict::{Cause, Slo},
};

/// Beats kept for each probe.
pub const BEATS: usize = 60;

/// Failures kept for each probe beside its beats.
pub const FAILURES: usize = 10;

/// Longest detail kept, in characters: a server's error can be a whole page.
const DETAIL_CHARS: usize = 400;

/// What is said about a probe that does not change from beat to beat.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbeView {
    /// Time between beats.
    pub interval: Duration,
    /// Longest beat.
    pub timeout: Duration,
    /// What its beats are held against, in the order of a beat's causes.
    pub slos: Vec<Arc<Slo>>,
    /// Scheme, host and port of the target.
    pub origin: String,
    /// What the target speaks.
    pub api: Api,
    /// Whether its beats dial.
    pub connection: Connection,
    /// What the target costs, in dollars an hour.
    pub cost_per_hour: Option<f64>,
}

impl ProbeView {
    /// The view of `probe` at `target`. Only the origin of the URL is kept: a path can hold a key.
    pub fn of(target: &Target, probe: &Probe) -> Self {
        Self {
            interval: probe.interval,
            timeout: probe.timeout,
            slos: probe.slos.clone(),
            origin: target.url.origin().ascii_serialization(),
            api: target.api,
            connection: probe.connection,
            cost_per_hour: target.cost_per_hour,
        }
    }
}

/// One beat, as far as it is remembered.
#[derive(Clone, Debug)]
pub struct BeatSummary {
    /// Its trace: what others recorded of it has the same id.
    pub trace: TraceId,
    /// When it was due, in nanoseconds since the Unix epoch.
    pub due_unix_nanos: i64,
    /// How it ended.
    pub outcome: Outcome,
    /// What a person needs to know about a failure; text of the target, not to be trusted.
    pub detail: Option<Box<str>>,
    /// Status of the answer.
    pub status: Option<u16>,
    /// Time to first token.
    pub ttft: Option<Duration>,
    /// The same from when its last attempt was sent.
    pub service_ttft: Option<Duration>,
    /// Time per output token.
    pub tpot: Option<Duration>,
    /// End to end.
    pub e2e: Option<Duration>,
    /// Tokens of the prompt.
    pub input_tokens: Option<u64>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// Where `output_tokens` comes from.
    pub count_source: Option<CountSource>,
    /// For each SLO of the probe why the beat is not good, absent if it is good. Empty for a beat
    /// that enters no SLO.
    pub judged: Box<[Option<Cause>]>,
    /// Why the beat says nothing about the target's speed.
    pub spoiled: Option<Spoiled>,
    /// Whether one of our own sweeps ran beside it.
    pub own_sweep: bool,
    /// Where its arrival stamps come from.
    pub source: Option<StampSource>,
    /// Retries, by reason.
    pub retries: Retries,
    /// The parts of the exchange that happened.
    pub phases: Box<[(Phase, Duration)]>,
    /// What the engine told in the answer of what it did for it.
    pub told: Option<EngineTold>,
}

impl BeatSummary {
    /// Without judgements if those of `slos` are not the beat's.
    fn of(beat: &Beat, slos: &[Arc<Slo>]) -> Self {
        let (timeline, measurement) = (&beat.exchange.timeline, &beat.measurement);
        let judgements = if *beat.slos == *slos { beat.judgements.as_slice() } else { &[] };
        Self {
            trace: beat.trace.trace,
            due_unix_nanos: beat.due_unix_nanos,
            outcome: beat.exchange.outcome,
            detail: beat.exchange.detail.as_deref().map(shorten),
            status: timeline.status,
            ttft: measurement.ttft,
            service_ttft: measurement.service_ttft,
            tpot: measurement.tpot,
            e2e: measurement.e2e,
            input_tokens: measurement.input_tokens,
            output_tokens: measurement.output_tokens,
            count_source: measurement.count_source,
            judged: judgements.iter().map(|judgement| judgement.bad).collect(),
            spoiled: beat.spoiled,
            own_sweep: beat.own_sweep,
            source: timeline.source,
            retries: timeline.retries,
            phases: measurement.phases.as_slice().into(),
            told: timeline.told,
        }
    }
}

/// A probe and what is remembered of it.
#[derive(Clone, Debug)]
pub struct ProbeSnapshot {
    /// Which probe.
    pub key: Arc<BeatKey>,
    /// What does not change from beat to beat.
    pub view: Arc<ProbeView>,
    /// Its last beats, by due time, the latest last.
    pub beats: Vec<Arc<BeatSummary>>,
    /// Its last failures, by due time, the latest last.
    pub failures: Vec<Arc<BeatSummary>>,
}

/// The memory. Shared between the sink that writes and the pages that read; a writer holds the
/// lock for one insertion, a reader for as long as it takes to copy pointers.
#[derive(Debug, Default)]
pub struct Recent {
    probes: Mutex<BTreeMap<Arc<BeatKey>, Entry>>,
}

#[derive(Debug)]
struct Entry {
    view: Arc<ProbeView>,
    beats: VecDeque<Arc<BeatSummary>>,
    failures: VecDeque<Arc<BeatSummary>>,
}

impl Entry {
    fn snapshot(&self, key: &Arc<BeatKey>) -> ProbeSnapshot {
        ProbeSnapshot {
            key: Arc::clone(key),
            view: Arc::clone(&self.view),
            beats: self.beats.iter().cloned().collect(),
            failures: self.failures.iter().cloned().collect(),
        }
    }
}

impl Recent {
    /// An empty memory.
    pub const fn new() -> Self {
        Self { probes: Mutex::new(BTreeMap::new()) }
    }

    /// The time now, in nanoseconds since the Unix epoch, on the clock of the beats.
    pub fn now_unix_nanos(&self) -> i64 {
        Wall::anchor().unix_nanos(Stamp::now())
    }

    /// Begins to remember a probe. One that is known keeps its beats, unless its SLOs changed: its
    /// old judgements would be read against the wrong objectives.
    pub fn add_probe(&self, key: Arc<BeatKey>, view: ProbeView) {
        let mut probes = self.lock();
        if let Some(entry) = probes.get_mut(&key)
            && entry.view.slos == view.slos
        {
            entry.view = Arc::new(view);
            return;
        }
        let entry = Entry {
            view: Arc::new(view),
            beats: VecDeque::with_capacity(BEATS),
            failures: VecDeque::new(),
        };
        probes.insert(key, entry);
    }

    /// Forgets a probe.
    pub fn remove_probe(&self, key: &BeatKey) {
        self.lock().remove(key);
    }

    /// Remembers a beat that has ended. A beat of a probe that is not known (removed while the
    /// beat was on its way) is ignored; one that was held against other SLOs than the probe has now
    /// is remembered as not judged.
    pub fn beat(&self, beat: &Beat) {
        let mut probes = self.lock();
        let Some(entry) = probes.get_mut(&*beat.key) else { return };
        let summary = Arc::new(BeatSummary::of(beat, &entry.view.slos));
        if summary.outcome.is_failure() {
            insert(&mut entry.failures, Arc::clone(&summary), FAILURES);
        }
        insert(&mut entry.beats, summary, BEATS);
    }

    /// Of the remembered beats at `target` that were due after `since`, how many say something of
    /// it and how many of those failed. Beats beside our own sweeps are left out.
    pub fn failed_of(&self, target: &str, since_unix_nanos: i64) -> (u64, u64) {
        let probes = self.lock();
        let beats = probes
            .iter()
            .filter(|(key, _)| &*key.target == target)
            .flat_map(|(_, entry)| &entry.beats)
            .filter(|beat| beat.due_unix_nanos > since_unix_nanos)
            .filter(|beat| beat.outcome.is_measured() && !beat.own_sweep);
        beats.fold((0, 0), |(measured, failed), beat| {
            (measured + 1, failed + u64::from(beat.outcome.is_failure()))
        })
    }

    /// Every probe with its view, by key.
    pub fn probes(&self) -> Vec<(Arc<BeatKey>, Arc<ProbeView>)> {
        let probes = self.lock();
        probes.iter().map(|(key, entry)| (Arc::clone(key), Arc::clone(&entry.view))).collect()
    }

    /// All that is remembered, by key.
    pub fn snapshot(&self) -> Vec<ProbeSnapshot> {
        self.lock().iter().map(|(key, entry)| entry.snapshot(key)).collect()
    }

    /// The targets that have a probe.
    pub fn targets(&self) -> BTreeSet<Arc<str>> {
        self.lock().keys().map(|key| Arc::clone(&key.target)).collect()
    }

    /// All that is remembered of one target, by key. Who asks for one target after the other holds
    /// up no beat for longer than that takes.
    pub fn snapshot_of(&self, target: &Arc<str>) -> Vec<ProbeSnapshot> {
        let first = BeatKey { target: Arc::clone(target), model: "".into(), probe: "".into() };
        let probes = self.lock();
        let from = probes.range::<BeatKey, _>(first..);
        let of_target = from.take_while(|(key, _)| key.target == *target);
        of_target.map(|(key, entry)| entry.snapshot(key)).collect()
    }

    /// A panic while the lock was held leaves at worst one beat out: go on.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<BeatKey>, Entry>> {
        self.probes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts `beat` in its place by due time: a slow beat ends after later ones have.
fn insert(ring: &mut VecDeque<Arc<BeatSummary>>, beat: Arc<BeatSummary>, capacity: usize) {
    let place = ring.partition_point(|known| known.due_unix_nanos <= beat.due_unix_nanos);
    ring.insert(place, beat);
    while ring.len() > capacity {
        ring.pop_front();
    }
}

fn shorten(detail: &str) -> Box<str> {
    detail
        .char_indices()
        .nth(DETAIL_CHARS)
        .map_or_else(|| detail.into(), |(end, _)| format!("{}…", &detail[..end]).into())
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests;
