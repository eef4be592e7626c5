//! Whether a run is worse than those before it.
//!
//! Owns the history of one sweep of one subject: a track for every number that is compared, and the
//! correction for how many there are. Told of its complete, valid runs in the order of their ends;
//! knows nothing of where they are kept.

mod chance;
mod point;
mod track;

use std::collections::{BTreeMap, btree_map::Entry};

pub use point::Point;
use point::{Case, Setting, Value};
use track::Track;

use crate::event::Regression;

/// Of the changes that one run is said to have, the share that may be chance: the rate of false
/// discoveries that Benjamini and Hochberg's procedure holds.
const FALSE_DISCOVERIES: f64 = 0.01;

/// The least change that is worth a word, however sure it is, as a share of the baseline.
const LEAST_CHANGE: f64 = 0.05;

/// How a value stands against its baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    /// As before, as far as can be told.
    Ordinary,
    /// Surely and considerably worse.
    Worse,
    /// Surely and considerably better.
    Better,
}

/// The runs of one sweep of one subject, as far as they are compared.
#[derive(Debug, Default)]
pub struct History {
    setting: Option<Setting>,
    tracks: BTreeMap<Case, Track>,
}

impl History {
    /// Holds the next run against those before it, and takes it in. What has too short a baseline
    /// is not told.
    pub fn judge(&mut self, run: &Point) -> Vec<Regression> {
        self.move_to(&run.setting);
        let mut tested = Vec::new();
        for value in &run.values {
            let track = self.track(value);
            tested.push((value, track.against(value.log)));
        }
        let chances = tested.iter().filter_map(|(_, against)| Some((*against)?.p_value));
        let surest = surest(chances.collect());
        let mut found = Vec::new();
        for (value, against) in tested {
            let Some(track) = self.tracks.get_mut(&value.case) else { continue };
            let stand = match against {
                Some(against) if against.p_value <= surest => {
                    value.case.stand(against.change_ratio())
                }
                Some(_) | None => Stand::Ordinary,
            };
            let baseline_runs = track.baseline_runs();
            track.settle(value.log, stand, run.ended_at);
            if let Some(told) = run.told(value.case) {
                track.was_told(told);
            }
            let Some(against) = against else { continue };
            found.push(Regression {
                step: value.case.step,
                metric: value.case.metric,
                active: track.is_active(),
                change_ratio: Some(against.change_ratio()).filter(|ratio| ratio.is_finite()),
                p_value: against.p_value,
                baseline_runs,
                last_change_at: track.changed_at(),
            });
        }
        found
    }

    /// Other conditions open a new history: what differs then is no regression.
    fn move_to(&mut self, setting: &Setting) {
        let setting = match &self.setting {
            Some(before) => setting.filled_from(before),
            None => setting.clone(),
        };
        if self.setting.as_ref() != Some(&setting) {
            self.tracks.clear();
        }
        self.setting = Some(setting);
    }

    /// The track that `value` belongs to: a new one, if it was asked for differently before.
    fn track(&mut self, value: &Value) -> &Track {
        let new = || Track::new(value.asked.clone());
        match self.tracks.entry(value.case) {
            Entry::Vacant(empty) => empty.insert(new()),
            Entry::Occupied(known) => {
                let track = known.into_mut();
                if !track.asked().is_like(&value.asked) {
                    *track = new();
                }
                track
            }
        }
    }
}

impl Case {
    fn stand(self, change_ratio: f64) -> Stand {
        if change_ratio.abs() < LEAST_CHANGE {
            Stand::Ordinary
        } else if (change_ratio > 0.0) == self.metric.worse_if_more() {
            Stand::Worse
        } else {
            Stand::Better
        }
    }
}

/// The largest of `chances` that is taken for a discovery (Benjamini and Hochberg 1995); below every
/// one of them if none is.
fn surest(mut chances: Vec<f64>) -> f64 {
    chances.sort_by(f64::total_cmp);
    let all = chances.len() as f64;
    let ranked = (1_u32..).zip(chances);
    ranked
        .filter(|(rank, p)| *p <= FALSE_DISCOVERIES * f64::from(*rank) / all)
        .last()
        .map_or(-1.0, |(_, p)| p)
}

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
