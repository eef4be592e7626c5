//! One number of a sweep, from run to run.
//!
//! Owns which runs are its baseline. A value that deviates does not enter it, or a lasting change
//! for the worse would soon be its own excuse; but a level that stands long enough becomes the
//! baseline, or an alert would never end.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Stand,
    chance::{self, Against},
    point::Asked,
};
use crate::event::Regression;

/// Most runs of a baseline: older ones say little of today.
const MOST: usize = 20;

/// Least runs of a baseline: with fewer, only what is plain to the eye is outside of the interval.
const LEAST: usize = 5;

/// Of so many latest runs …
const LATELY: usize = 3;
/// … so many make a change that is not of one run alone.
const LASTING: usize = 2;

/// Runs after which a better level is the baseline: as soon as there are enough.
const BETTER_STANDS: usize = LEAST;
/// Runs after which a worse level is: nobody has acted on the alert for so long, so it is meant.
const WORSE_STANDS: usize = MOST;

#[derive(Debug)]
pub(super) struct Track {
    asked: Arc<Asked>,
    /// Logarithms, the oldest first.
    baseline: VecDeque<f64>,
    /// Those of runs since that were better, or worse, while that lasts.
    better: Vec<f64>,
    worse: Vec<f64>,
    lately: VecDeque<Stand>,
    active: bool,
    changed_at: Option<f64>,
}

impl Track {
    pub(super) const fn new(asked: Arc<Asked>) -> Self {
        Self {
            asked,
            baseline: VecDeque::new(),
            better: Vec::new(),
            worse: Vec::new(),
            lately: VecDeque::new(),
            active: false,
            changed_at: None,
        }
    }

    pub(super) fn asked(&self) -> &Asked {
        &self.asked
    }

    pub(super) const fn is_active(&self) -> bool {
        self.active
    }

    /// When `is_active` last changed, in seconds since the Unix epoch.
    pub(super) const fn changed_at(&self) -> Option<f64> {
        self.changed_at
    }

    pub(super) fn baseline_runs(&self) -> u32 {
        u32::try_from(self.baseline.len()).unwrap_or(u32::MAX)
    }

    /// How a value stands against the baseline, if that is long enough.
    pub(super) fn against(&self, log: f64) -> Option<Against> {
        let baseline: Vec<f64> = self.baseline.iter().copied().collect();
        (baseline.len() >= LEAST).then(|| chance::against(&baseline, log))
    }

    /// Takes in a value of a run that ended at a time in seconds since the Unix epoch.
    pub(super) fn settle(&mut self, log: f64, stand: Stand, ended_at: f64) {
        push(&mut self.lately, stand, LATELY);
        let (worse, better) = (self.lasts(Stand::Worse), self.lasts(Stand::Better));
        let finite = log.is_finite().then_some(log);
        match stand {
            // While a change lasts, a value between the old level and the new one is of neither.
            Stand::Ordinary if worse || better => {}
            Stand::Ordinary => {
                if let Some(log) = finite {
                    push(&mut self.baseline, log, MOST);
                }
            }
            Stand::Worse => self.worse.extend(finite),
            Stand::Better => self.better.extend(finite),
        }
        // One value alone may begin a change, until the next ones tell.
        for (values, of) in [(&mut self.worse, Stand::Worse), (&mut self.better, Stand::Better)] {
            if !self.lately.contains(&of) {
                values.clear();
            }
        }
        let mut active = worse;
        for (values, stands) in [(&mut self.worse, WORSE_STANDS), (&mut self.better, BETTER_STANDS)]
        {
            if values.len() >= stands {
                self.baseline = std::mem::take(values).into();
                self.lately.clear();
                active = false;
            }
        }
        if self.active != active {
            self.active = active;
            self.changed_at = Some(ended_at);
        }
    }

    /// Takes over what was told of this run when it ended, by one who knew more runs before it.
    pub(super) fn was_told(&mut self, told: &Regression) {
        if told.active == self.active {
            self.changed_at = told.last_change_at;
        }
    }

    fn lasts(&self, stand: Stand) -> bool {
        self.lately.iter().filter(|one| **one == stand).count() >= LASTING
    }
}

/// Adds to the end of `queue`, of which the last `most` are kept.
fn push<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    queue.push_back(value);
    if queue.len() > most {
        queue.pop_front();
    }
}
