//! The traces that are kept: in a bounded memory for the page and the API, and for whoever exports
//! them.
//!
//! Owns the choice of what is kept, and per target the last [`EACH`] traces of each kind: a target
//! that fails all the time washes out no trace of another, and no failure is washed out by a
//! stream of good beats. Keeps no answer text, header or prompt.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use crate::event::{Beat, Kept, Trace, TraceId, TraceShare, TraceSink};

/// Traces kept for each target, of failures, of missed SLOs and of the share of the rest each.
pub const EACH: usize = 20;

/// The memory, and the way out.
#[derive(Default)]
pub struct Traces {
    share: Arc<TraceShare>,
    targets: Mutex<BTreeMap<Arc<str>, Kinds>>,
    exporter: RwLock<Option<Arc<dyn TraceSink>>>,
}

/// The traces of one target, the latest last, by why they are kept, in the order of [`Kept`].
type Kinds = [VecDeque<Arc<Trace>>; Kept::ALL.len()];

impl Traces {
    /// An empty memory that keeps a `share` of what nothing is wrong with.
    pub fn new(share: Arc<TraceShare>) -> Self {
        Self { share, ..Self::default() }
    }

    /// Hands every trace that is kept from now on to `exporter` too, and keeps that share, 0 to 1,
    /// of the good ones. Without an exporter, failures and misses are kept here alone.
    pub fn export(&self, exporter: Option<Arc<dyn TraceSink>>, share: f64) {
        self.share.set(share);
        *self.exporter.write().unwrap_or_else(PoisonError::into_inner) = exporter;
    }

    /// A beat has ended: its trace is built if it is kept.
    pub fn beat(&self, beat: &Beat) {
        let Some(kept) = Kept::of(beat, &self.share) else { return };
        let trace = Arc::new(Trace::of(beat, kept));
        let exporter = self.exporter.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(exporter) = exporter {
            exporter.kept(Arc::clone(&trace));
        }
        let mut targets = self.lock();
        let Some(kinds) = targets.get_mut(&trace.key.target) else { return };
        insert(&mut kinds[kept as usize], trace);
    }

    /// Begins to remember traces of these targets, and forgets those of all others.
    pub fn set_targets<'a>(&self, names: impl Iterator<Item = &'a Arc<str>>) {
        let mut targets = self.lock();
        let mut known = std::mem::take(&mut *targets);
        for name in names {
            let kinds = known.remove(name);
            targets.entry(Arc::clone(name)).or_insert_with(|| kinds.unwrap_or_default());
        }
    }

    /// All that are remembered for that reason, by target, the latest last.
    pub fn of(&self, kept: Kept) -> BTreeMap<Arc<str>, Vec<Arc<Trace>>> {
        let targets = self.lock();
        let kind = |kinds: &Kinds| kinds[kept as usize].iter().cloned().collect();
        targets.iter().map(|(name, kinds)| (Arc::clone(name), kind(kinds))).collect()
    }

    /// The trace of that id, if it is remembered.
    pub fn get(&self, id: TraceId) -> Option<Arc<Trace>> {
        let targets = self.lock();
        let mut all = targets.values().flatten().flatten();
        all.find(|trace| trace.id == id).cloned()
    }

    /// A panic while the lock was held leaves at worst one trace out: go on.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Kinds>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traces").field("targets", &self.lock().len()).finish_non_exhaustive()
    }
}

/// Puts `trace` in its place by due time: a slow beat ends after later ones have.
fn insert(ring: &mut VecDeque<Arc<Trace>>, trace: Arc<Trace>) {
    let due = |trace: &Trace| trace.spans.first().map(|root| root.start_unix_nanos);
    let place = ring.partition_point(|known| due(known) <= due(&trace));
    ring.insert(place, trace);
    while ring.len() > EACH {
        ring.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        clock::Stamp,
        event::{BeatKey, TraceContext},
        measure::Measurement,
        timeline::{Exchange, Outcome, Timeline},
    };

    fn beat(target: &str, due: i64, outcome: Outcome) -> Beat {
        let key = BeatKey { target: target.into(), model: "m".into(), probe: "p".into() };
        let timeline = Timeline::new(Stamp::from_nanos(1), 0);
        Beat {
            key: Arc::new(key),
            trace: TraceContext::of_bits(due.unsigned_abs().into(), 1),
            due_unix_nanos: due,
            exchange: Exchange { timeline, outcome, detail: None, text: None },
            measurement: Measurement::default(),
            slos: Arc::default(),
            judgements: Vec::new(),
            verdicts: Vec::new(),
            spoiled: None,
            own_sweep: false,
        }
    }

    fn targets(traces: &Traces, names: &[&str]) {
        let names: Vec<Arc<str>> = names.iter().map(|name| (*name).into()).collect();
        traces.set_targets(names.iter());
    }

    fn failures(traces: &Traces, target: &str) -> Vec<i64> {
        let all = traces.of(Kept::Failed);
        all.get(target).into_iter().flatten().map(|one| one.spans[0].start_unix_nanos).collect()
    }

    #[test]
    fn a_noisy_target_washes_out_nothing_of_another() {
        let traces = Traces::default();
        targets(&traces, &["quiet", "noisy"]);
        traces.beat(&beat("quiet", 1, Outcome::Connect));
        for due in 2..=100 {
            traces.beat(&beat("noisy", due, Outcome::Http5xx));
            traces.beat(&beat("quiet", due, Outcome::Ok));
        }
        assert_eq!(failures(&traces, "quiet"), [1]);
        assert_eq!(failures(&traces, "noisy"), (81..=100).collect::<Vec<_>>());
        assert!(traces.get(TraceContext::of_bits(1, 1).trace).is_some());
        assert!(traces.get(TraceContext::of_bits(2, 1).trace).is_none(), "it was washed out");
    }

    #[test]
    fn a_slow_beat_stands_by_its_due_time_and_a_target_that_goes_takes_its_traces_along() {
        let traces = Traces::default();
        targets(&traces, &["t"]);
        for due in [1, 3, 2] {
            traces.beat(&beat("t", due, Outcome::TimeoutTotal));
            traces.beat(&beat("unknown", due, Outcome::TimeoutTotal));
        }
        assert_eq!(failures(&traces, "t"), [1, 2, 3]);
        targets(&traces, &["t", "u"]);
        assert_eq!(failures(&traces, "t").len(), 3);
        targets(&traces, &["u"]);
        assert_eq!(traces.of(Kept::Failed).keys().map(|name| &**name).collect::<Vec<_>>(), ["u"]);
    }

    #[derive(Default)]
    struct Heard(Mutex<Vec<Kept>>);

    impl TraceSink for Heard {
        fn kept(&self, trace: Arc<Trace>) {
            self.0.lock().expect("not poisoned").push(trace.kept);
        }
    }

    #[test]
    fn an_exporter_gets_what_is_kept_for_as_long_as_there_is_one() {
        let (traces, heard) = (Traces::default(), Arc::new(Heard::default()));
        targets(&traces, &["t"]);
        traces.beat(&beat("t", 1, Outcome::Http5xx));
        traces.export(Some(Arc::clone(&heard) as _), 1.0);
        for outcome in [Outcome::Http5xx, Outcome::Ok, Outcome::Aborted] {
            traces.beat(&beat("t", 2, outcome));
        }
        traces.export(None, 0.0);
        traces.beat(&beat("t", 3, Outcome::Http5xx));
        assert_eq!(*heard.0.lock().expect("not poisoned"), [Kept::Failed, Kept::Sampled]);
        assert_eq!(failures(&traces, "t"), [1, 2, 3]);
    }
}
