//! The last beats of every probe, for the page and the JSON API.
//!
//! Owns a bounded memory: per probe the last [`BEATS`] beats and, apart from them, the last
//! [`FAILURES`] failures, so that a long run of successes does not wash the failures out. Keeps
//! no answer text, header or prompt. Must not know who reads it.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    clock::{Stamp, Wall},
    config::{Connection, Probe, Target},
    event::{Beat, BeatKey},
    measure::{CountSource, Phase, Spoiled},
    protocol::Api,
    timeline::{Outcome, Retries, StampSource},
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
    /// What its beats are held against, in the order of a beat's judgements.
    pub slos: Vec<Arc<Slo>>,
    /// Scheme, host and port of the target.
    pub origin: String,
    /// What the target speaks.
    pub api: Api,
    /// Whether its beats dial.
    pub connection: Connection,
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
        }
    }
}

/// One beat, as far as it is remembered.
#[derive(Clone, Debug)]
pub struct BeatSummary {
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
    /// Time per output token.
    pub tpot: Option<Duration>,
    /// End to end.
    pub e2e: Option<Duration>,
    /// Tokens of the answer.
    pub output_tokens: Option<u64>,
    /// Where `output_tokens` comes from.
    pub count_source: Option<CountSource>,
    /// For each SLO of the probe why the beat is not good, absent if it is good. Empty for a beat
    /// that enters no SLO.
    pub judged: Box<[Option<Cause>]>,
    /// Why the beat says nothing about the target's speed.
    pub spoiled: Option<Spoiled>,
    /// Where its arrival stamps come from.
    pub source: Option<StampSource>,
    /// Retries, by reason.
    pub retries: Retries,
    /// The parts of the exchange that happened.
    pub phases: Box<[(Phase, Duration)]>,
}

impl BeatSummary {
    fn of(beat: &Beat) -> Self {
        let (timeline, measurement) = (&beat.exchange.timeline, &beat.measurement);
        Self {
            due_unix_nanos: beat.due_unix_nanos,
            outcome: beat.exchange.outcome,
            detail: beat.exchange.detail.as_deref().map(shorten),
            status: timeline.status,
            ttft: measurement.ttft,
            tpot: measurement.tpot,
            e2e: measurement.e2e,
            output_tokens: measurement.output_tokens,
            count_source: measurement.count_source,
            judged: beat.judgements.iter().map(|judgement| judgement.bad).collect(),
            spoiled: beat.spoiled,
            source: timeline.source,
            retries: timeline.retries,
            phases: measurement.phases.as_slice().into(),
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
#[derive(Debug)]
pub struct Recent {
    wall: Wall,
    probes: Mutex<BTreeMap<Arc<BeatKey>, Entry>>,
}

#[derive(Debug)]
struct Entry {
    view: Arc<ProbeView>,
    beats: VecDeque<Arc<BeatSummary>>,
    failures: VecDeque<Arc<BeatSummary>>,
}

impl Recent {
    /// An empty memory; `wall` ties its beats to the calendar.
    pub const fn new(wall: Wall) -> Self {
        Self { wall, probes: Mutex::new(BTreeMap::new()) }
    }

    /// The time now, in nanoseconds since the Unix epoch, on the clock of the beats.
    pub fn now_unix_nanos(&self) -> i64 {
        self.wall.unix_nanos(Stamp::now())
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
    /// beat was on its way) is ignored.
    pub fn beat(&self, beat: &Beat) {
        let summary = Arc::new(BeatSummary::of(beat));
        let mut probes = self.lock();
        let Some(entry) = probes.get_mut(&*beat.key) else { return };
        if summary.outcome.is_failure() {
            insert(&mut entry.failures, Arc::clone(&summary), FAILURES);
        }
        insert(&mut entry.beats, summary, BEATS);
    }

    /// Every probe with its view, by key.
    pub fn probes(&self) -> Vec<(Arc<BeatKey>, Arc<ProbeView>)> {
        let probes = self.lock();
        probes.iter().map(|(key, entry)| (Arc::clone(key), Arc::clone(&entry.view))).collect()
    }

    /// All that is remembered, by key.
    pub fn snapshot(&self) -> Vec<ProbeSnapshot> {
        self.lock()
            .iter()
            .map(|(key, entry)| ProbeSnapshot {
                key: Arc::clone(key),
                view: Arc::clone(&entry.view),
                beats: entry.beats.iter().cloned().collect(),
                failures: entry.failures.iter().cloned().collect(),
            })
            .collect()
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
mod tests {
    use super::*;
    use crate::{
        measure::Measurement,
        timeline::{Exchange, Timeline},
        verdict::Judge,
    };

    fn key(probe: &str) -> Arc<BeatKey> {
        Arc::new(BeatKey { target: "t".into(), model: "m".into(), probe: probe.into() })
    }

    fn view(slos: &[&str]) -> ProbeView {
        let slo = |name: &&str| {
            Arc::new(Slo {
                name: (*name).into(),
                thresholds: Vec::new(),
                objective: 0.95,
                window: Duration::from_secs(60),
                judge: Judge::Each,
            })
        };
        ProbeView {
            interval: Duration::from_secs(15),
            timeout: Duration::from_secs(30),
            slos: slos.iter().map(slo).collect(),
            origin: "http://t".into(),
            api: Api::OpenaiChat,
            connection: Connection::Fresh,
        }
    }

    fn beat(key: &Arc<BeatKey>, due: i64, outcome: Outcome, detail: Option<&str>) -> Beat {
        Beat {
            key: Arc::clone(key),
            due_unix_nanos: due,
            exchange: Exchange {
                timeline: Timeline::new(Stamp::from_nanos(1), 0),
                outcome,
                detail: detail.map(Into::into),
                text: Some("the answer".into()),
            },
            measurement: Measurement::default(),
            judgements: Vec::new(),
            spoiled: None,
        }
    }

    fn dues(beats: &[Arc<BeatSummary>]) -> Vec<i64> {
        beats.iter().map(|beat| beat.due_unix_nanos).collect()
    }

    #[test]
    fn failures_outlive_a_stream_of_successes() {
        let (recent, key) = (Recent::new(Wall::anchor()), key("p"));
        recent.add_probe(Arc::clone(&key), view(&[]));
        recent.beat(&beat(&key, 0, Outcome::Connect, Some("refused")));
        for due in 1..=100 {
            recent.beat(&beat(&key, due, Outcome::Ok, None));
        }
        let probe = &recent.snapshot()[0];
        assert_eq!(dues(&probe.beats), (41..=100).collect::<Vec<_>>());
        assert_eq!(dues(&probe.failures), [0]);
        for due in 101..=120 {
            recent.beat(&beat(&key, due, Outcome::Http5xx, None));
        }
        assert_eq!(dues(&recent.snapshot()[0].failures), (111..=120).collect::<Vec<_>>());
    }

    #[test]
    fn beats_stand_by_due_time_and_unmeasured_ones_are_no_failures() {
        let (recent, key) = (Recent::new(Wall::anchor()), key("p"));
        recent.add_probe(Arc::clone(&key), view(&[]));
        for (due, outcome) in [(2, Outcome::Ok), (3, Outcome::Aborted), (1, Outcome::TimeoutTotal)]
        {
            recent.beat(&beat(&key, due, outcome, None));
        }
        let probe = &recent.snapshot()[0];
        assert_eq!(dues(&probe.beats), [1, 2, 3]);
        assert_eq!(dues(&probe.failures), [1]);
    }

    #[test]
    fn unknown_and_removed_probes_are_not_remembered() {
        let recent = Recent::new(Wall::anchor());
        recent.beat(&beat(&key("p"), 1, Outcome::Ok, None));
        assert!(recent.snapshot().is_empty());
        recent.add_probe(key("p"), view(&[]));
        recent.remove_probe(&key("p"));
        assert!(recent.probes().is_empty());
    }

    #[test]
    fn a_reload_keeps_beats_unless_the_slos_change() {
        let (recent, key) = (Recent::new(Wall::anchor()), key("p"));
        recent.add_probe(Arc::clone(&key), view(&["a"]));
        recent.beat(&beat(&key, 1, Outcome::Ok, None));
        let slower = ProbeView { interval: Duration::from_secs(60), ..view(&["a"]) };
        recent.add_probe(Arc::clone(&key), slower);
        assert_eq!(dues(&recent.snapshot()[0].beats), [1]);
        assert_eq!(recent.snapshot()[0].view.interval, Duration::from_secs(60));
        recent.add_probe(Arc::clone(&key), view(&["b"]));
        assert_eq!(dues(&recent.snapshot()[0].beats), [0_i64; 0]);
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let (recent, key) = (Recent::new(Wall::anchor()), key("p"));
        recent.add_probe(Arc::clone(&key), view(&[]));
        recent.beat(&beat(&key, 1, Outcome::Http5xx, Some(&"é".repeat(5_000))));
        let probe = &recent.snapshot()[0];
        let detail = probe.beats[0].detail.as_deref().expect("kept");
        assert_eq!(detail.chars().count(), DETAIL_CHARS + 1);
    }
}
