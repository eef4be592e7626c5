//! What the remembered beats of one probe add up to: its state, percentiles, and SLO tallies.

use std::{sync::Arc, time::Duration};

use crate::{
    sinks::recent::{BeatSummary, ProbeSnapshot},
    verdict::Slo,
};

/// Intervals without a beat after which a probe counts as silent.
const SILENT_AFTER: u32 = 3;

/// How a probe stands. The order is that of urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    /// The last measured beat failed.
    Failing,
    /// It succeeded, but too few of the remembered beats were good for an SLO's objective. Not the
    /// last beat alone: an objective of 95 % means that one beat in twenty may miss.
    Degraded,
    /// The latest beat says nothing of the target, by a fault on our side: how it stands is not
    /// known.
    Unmeasured,
    /// Beats have stopped coming: maintenance, a spent budget, or a fault of ours.
    Silent,
    /// None has ended yet.
    Waiting,
    /// The latest beat succeeded, and the objectives are reached.
    Ok,
}

impl State {
    /// Every state.
    pub(super) const ALL: [Self; 6] =
        [Self::Failing, Self::Degraded, Self::Unmeasured, Self::Silent, Self::Waiting, Self::Ok];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Degraded => "degraded",
            Self::Unmeasured => "unmeasured",
            Self::Silent => "silent",
            Self::Waiting => "waiting",
            Self::Ok => "ok",
        }
    }

    /// The state of a probe at `now`. A failure stands until a measured beat takes it back, or
    /// until it is too old to tell: what could not be measured has not recovered.
    pub(super) fn of(probe: &ProbeSnapshot, now_unix_nanos: i64) -> Self {
        let Some(latest) = probe.beats.last() else { return Self::Waiting };
        let patience = probe.view.interval * SILENT_AFTER + probe.view.timeout;
        let is_recent = |beat: &BeatSummary| {
            let age = now_unix_nanos.saturating_sub(beat.due_unix_nanos);
            i128::from(age) <= patience.as_nanos().cast_signed()
        };
        if !is_recent(latest) {
            return Self::Silent;
        }
        // A failure beside a sweep of our own is likely of our making.
        let tells = |beat: &&Arc<BeatSummary>| beat.outcome.is_measured() && !beat.own_sweep;
        let measured = probe.beats.iter().rev().find(tells);
        let measured = measured.filter(|beat| is_recent(beat));
        if measured.is_some_and(|beat| beat.outcome.is_failure()) {
            return Self::Failing;
        }
        if !latest.outcome.is_measured() {
            return Self::Unmeasured;
        }
        match Tally::of(probe).iter().any(|tally| tally.reaches() == Some(false)) {
            true => Self::Degraded,
            false => Self::Ok,
        }
    }

    /// Why the probe stands so, where its latest beat says: what keeps it from being measured.
    pub(super) fn reason(self, probe: &ProbeSnapshot) -> Option<&str> {
        let latest = probe.beats.last().filter(|_| self == Self::Unmeasured)?;
        latest.detail.as_deref()
    }
}

/// A latency, or infinity: what a failed exchange counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Finite(Duration),
    Infinite,
}

/// Percentiles of one latency over the remembered beats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Percentiles {
    pub(super) n: usize,
    pub(super) p50: Option<Rank>,
    pub(super) p95: Option<Rank>,
}

impl Percentiles {
    /// The rank statistic of `docs/definitions.md`: failures count as infinite, undefined values
    /// are left out, and so are beats that the client itself was late for or loaded the target
    /// beside.
    pub(super) fn of(
        beats: &[Arc<BeatSummary>],
        value: impl Fn(&BeatSummary) -> Option<Duration>,
    ) -> Self {
        let mut ranks: Vec<_> = beats
            .iter()
            .filter(|beat| beat.outcome.is_measured() && beat.spoiled.is_none())
            .filter(|beat| !beat.own_sweep)
            .filter_map(|beat| match beat.outcome.is_failure() {
                true => Some(Rank::Infinite),
                false => value(beat).map(Rank::Finite),
            })
            .collect();
        ranks.sort_unstable();
        let at = |percent: usize| {
            let place = (ranks.len() * percent).div_ceil(100);
            place.checked_sub(1).and_then(|index| ranks.get(index)).copied()
        };
        Self { n: ranks.len(), p50: at(50), p95: at(95) }
    }
}

/// How many of the remembered beats were good by one SLO.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) slo: Arc<Slo>,
    pub(super) judged: usize,
    pub(super) good: usize,
}

impl Tally {
    /// One tally an SLO of the probe, in its order.
    pub(super) fn of(probe: &ProbeSnapshot) -> Vec<Self> {
        let tally = |(index, slo): (usize, &Arc<Slo>)| {
            let judged = probe.beats.iter().filter_map(|beat| beat.judged.get(index));
            let (judged, good) = judged.fold((0, 0), |(judged, good), bad| {
                (judged + 1, good + usize::from(bad.is_none()))
            });
            Self { slo: Arc::clone(slo), judged, good }
        };
        probe.view.slos.iter().enumerate().map(tally).collect()
    }

    /// Whether the share of good beats reaches the objective; undefined of no beats.
    pub(super) fn reaches(&self) -> Option<bool> {
        let (good, judged) = (self.good as f64, self.judged as f64);
        (self.judged > 0).then(|| good >= self.slo.objective * judged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        measure::Spoiled,
        sinks::recent::testing::{failed, ok, probe},
        timeline::Outcome,
        verdict::Cause,
    };

    const SECOND: i64 = 1_000_000_000;

    fn judged(bad: Option<Cause>) -> BeatSummary {
        BeatSummary { judged: [bad].into(), ..ok(100) }
    }

    fn state(beats: Vec<BeatSummary>) -> State {
        State::of(&probe(beats), SECOND)
    }

    #[test]
    fn a_failed_beat_counts_as_infinite_and_a_spoiled_one_not_at_all() {
        let spoiled = BeatSummary { spoiled: Some(Spoiled::SendLag), ..ok(9_000) };
        let undefined = BeatSummary { ttft: None, ..ok(0) };
        let swept = BeatSummary { own_sweep: true, ..ok(9_000) };
        let beats: Vec<_> = [
            ok(300),
            ok(100),
            spoiled,
            swept,
            failed(Outcome::Stall),
            ok(200),
            undefined,
            failed(Outcome::Local),
        ]
        .map(Arc::new)
        .into();
        let percentiles = Percentiles::of(&beats, |beat| beat.ttft);
        let expected = Percentiles {
            n: 4,
            p50: Some(Rank::Finite(Duration::from_millis(200))),
            p95: Some(Rank::Infinite),
        };
        assert_eq!(percentiles, expected);
        assert_eq!(Percentiles::of(&[], |beat| beat.ttft), Percentiles::default());
    }

    #[test]
    fn the_state_is_that_of_the_last_measured_beat() {
        assert_eq!(state(vec![]), State::Waiting);
        assert_eq!(state(vec![failed(Outcome::Local)]), State::Unmeasured);
        assert_eq!(state(vec![ok(1), failed(Outcome::Local)]), State::Unmeasured);
        assert_eq!(state(vec![failed(Outcome::Local), ok(1)]), State::Ok);
        assert_eq!(state(vec![ok(1)]), State::Ok);
        assert_eq!(state(vec![ok(1), failed(Outcome::Empty)]), State::Failing);
        assert_eq!(
            state(vec![ok(1), failed(Outcome::Empty), failed(Outcome::Local)]),
            State::Failing
        );
        assert_eq!(state(vec![failed(Outcome::Empty), ok(1)]), State::Ok);
        let swept = BeatSummary { own_sweep: true, ..failed(Outcome::Empty) };
        assert_eq!(state(vec![ok(1), swept]), State::Ok);
    }

    #[test]
    fn one_miss_is_within_the_objective_and_many_are_not() {
        let miss = || judged(Some(Cause::Failed));
        let mut beats: Vec<_> = (0..19).map(|_| judged(None)).collect();
        beats.push(miss());
        assert_eq!(state(beats.clone()), State::Ok);
        beats.push(miss());
        assert_eq!(state(beats), State::Degraded);
    }

    #[test]
    fn a_probe_without_beats_falls_silent() {
        let probe = probe(vec![ok(1)]);
        let patience = i64::try_from((probe.view.interval * 3 + probe.view.timeout).as_secs());
        let patience = patience.expect("a short time") * SECOND;
        assert_eq!(State::of(&probe, patience), State::Ok);
        assert_eq!(State::of(&probe, patience + 1), State::Silent);
    }
    #[test]
    fn a_failure_is_forgotten_when_nothing_is_measured_for_long() {
        let probe_at = |due_unix_nanos| {
            let detail = Some("cannot read the secret file".into());
            let local = BeatSummary { due_unix_nanos, detail, ..failed(Outcome::Local) };
            probe(vec![failed(Outcome::Http5xx), local])
        };
        let recent = probe_at(60 * SECOND);
        assert_eq!(State::of(&recent, 60 * SECOND), State::Failing);
        assert_eq!(State::Failing.reason(&recent), None);
        let old = probe_at(600 * SECOND);
        let state = State::of(&old, 600 * SECOND);
        assert_eq!(state, State::Unmeasured);
        assert_eq!(state.reason(&old), Some("cannot read the secret file"));
    }
}
