//! The search for the highest level that is certified to meet an SLO.
//!
//! Owns which level comes next. A search goes up by doubling until a level misses, then halves the
//! ratio of the bracket; one that knows its last answer begins there and goes up or down by its
//! precision, in steps that grow, so that an unchanged answer costs two steps. When and how a step
//! is decided is not known here. A step that is not valid decides nothing: its level is tried once
//! more, and one that stays so is neither end of the bracket, but none above it is tried.

use super::edge::edge;
use crate::{
    arrival::{self, Quantity},
    verdict::{RISK, State},
};

/// Ratio of two levels while nothing is known.
const DOUBLING: f64 = 2.0;

/// So many steps in a row that this client spoiled end the search: each level has two.
const HOPELESS: usize = 4;

/// A level that misses no more than this part of what it may is worth a second step.
const ROOM: f64 = 0.5;

/// By how much two ratios differ that are the same but for roundings.
const ROUNDING: f64 = 1e-9;

/// Doubling, then bisection on certified verdicts: pure, told the outcome of each step.
#[derive(Clone, Debug)]
pub struct Search {
    spec: arrival::Search,
    known: Option<f64>,
    /// Every step so far: at most as many as the search may have.
    steps: Vec<Tried>,
    below: Below,
}

/// Whether a lower level may meet what the lowest so far has missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Below {
    #[default]
    Unknown,
    /// It may not: requests that met no other missed, too.
    Missed,
}

/// What became of one step.
#[derive(Clone, Copy, Debug)]
enum Tried {
    Decided(Decision),
    Marked(f64, Marked),
}

impl Tried {
    const fn level(&self) -> f64 {
        match self {
            Self::Decided(decision) => decision.level,
            Self::Marked(level, _) => *level,
        }
    }
}

/// Why a step of a search says nothing of its level: it is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// This client was at fault. That may have been a hiccup, so the level is tried once more.
    ByClient,
    /// It was too short beside its exchanges, as it would be again.
    TooShort,
}

/// What a search wants to know of a level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aim {
    /// Whether it lies on this side or beyond, with the next level twice as far.
    Side,
    /// On which side of the edge it lies, if it is off by this share of it.
    Within(f64),
}

/// How a step of a search was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision {
    /// The level that the step had.
    pub level: f64,
    /// What was certified.
    pub state: State,
    /// Misses ÷ the misses that the objective allows of as many exchanges; of several thresholds
    /// the largest such ratio. Above 1 the objective was missed, if not certifiably.
    pub misses_to_allowed: f64,
    /// Exchanges that were judged.
    pub n: u64,
    /// Good requests a second.
    pub goodput: Option<f64>,
}

/// What a search ends with.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SearchOutcome {
    /// The highest level that was certified to pass, below all that were certified to fail.
    pub low: Option<f64>,
    /// The lowest level that was certified to fail.
    pub high: Option<f64>,
    /// Good requests a second at `low`.
    pub goodput: Option<f64>,
    /// Where the objective is just met, as far as the steps about it tell, certified or not: the
    /// best answer, and where the next search begins. Of users the highest number that met it.
    pub estimate: Option<f64>,
    /// Confidence of each end: each valid step takes the risk of one verdict, however often it was
    /// looked at, and the ends are picked from all steps, so their risks add up (Bonferroni). It
    /// holds as far as a step is long against the lulls of the engine's queue.
    pub confidence: f64,
}

impl Decision {
    /// Whether the level counts as met: as certified, or where nothing could be, as counted.
    fn met(&self) -> bool {
        match self.state {
            State::Pass => true,
            State::Fail => false,
            State::NotEnoughData => self.misses_to_allowed <= 1.0,
        }
    }
}

/// The two levels between which the answer lies.
#[derive(Clone, Copy, Debug)]
struct Bracket {
    low: Option<f64>,
    high: Option<f64>,
}

impl Bracket {
    /// The lowest level that missed, and the highest below it that did not: where the steps
    /// contradict each other, the lower level is believed.
    fn of(
        steps: &[Decision],
        met: fn(&Decision) -> bool,
        missed: fn(&Decision) -> bool,
        wall: Option<f64>,
    ) -> Self {
        let levels = |of: fn(&Decision) -> bool| {
            steps.iter().filter(move |step| of(step)).map(|step| step.level)
        };
        let high = levels(missed).chain(wall).min_by(f64::total_cmp);
        let below = |level: &f64| high.is_none_or(|high| *level < high);
        Self { low: levels(met).filter(below).max_by(f64::total_cmp), high }
    }
}

impl Search {
    /// A search, which begins at `known`, the last run's answer, if there is one.
    pub fn new(spec: arrival::Search, known: Option<f64>) -> Self {
        let known = known.filter(|level| level.is_finite() && *level > 0.0);
        Self { spec, known, steps: Vec::new(), below: Below::default() }
    }

    /// The level to be tried next; absent when the search has ended.
    pub fn next(&self) -> Option<f64> {
        if self.steps.len() >= self.spec.max_steps as usize || self.is_hopeless() {
            return None;
        }
        if let Some(level) = self.again() {
            return Some(level);
        }
        let bracket = self.bracket();
        let level = match (bracket.low, bracket.high) {
            (None, None) => self.round(self.known.unwrap_or(self.spec.start)),
            (Some(low), None) => match self.above(low) {
                Some(level) => level,
                None => return self.highest_once_more(low),
            },
            (None, Some(_)) if self.below == Below::Missed => return None,
            (None, Some(high)) => self.below(high)?,
            (Some(low), Some(high)) if self.is_open(low, high) => {
                let middle = self.round(self.within(low, high));
                if middle > low && middle < high { middle } else { return self.last(low) }
            }
            (Some(low), Some(_)) => return self.last(low),
        };
        // A level that was tried comes again only where nothing but the limits is left.
        (self.tried(level) == 0).then_some(level)
    }

    /// What the step at `level` is to tell. While levels are doubled, little; between two ends as much
    /// as the nearer is off, and at the last the precision of the search.
    pub fn aim(&self, level: f64) -> Aim {
        let Bracket { low: Some(low), high: Some(high) } = self.bracket() else {
            // Only the highest of all is tried again without an end above it: to be shown.
            let again = self.bracket().low == Some(level);
            let precise = again || self.known.is_some();
            return if precise { Aim::Within(self.spec.precision) } else { Aim::Side };
        };
        let off = (high / level).min(level / low) - 1.0;
        Aim::Within(off.max(self.spec.precision))
    }

    /// Takes in what became of the step, which was valid.
    pub fn decided(&mut self, decision: Decision) {
        self.steps.push(Tried::Decided(decision));
    }

    /// Takes in that in a step which missed too much, requests that met no other missed too much
    /// already: where no level was met yet, none will be.
    pub fn missed_alone(&mut self) {
        self.below = Below::Missed;
    }

    /// Takes back the steps at the end in which nothing was good.
    pub fn forget_the_last_without_any_good(&mut self) {
        let is_good = |step: &Tried| match step {
            Tried::Decided(decision) => decision.goodput.is_some_and(|goodput| goodput > 0.0),
            Tried::Marked(..) => false,
        };
        let keep = self.steps.iter().rposition(is_good).map_or(0, |last| last + 1);
        self.steps.truncate(keep);
    }

    /// Whether a step at `level` or above has met the objective.
    pub fn was_met_at(&self, level: f64) -> bool {
        self.decisions().iter().any(|step| step.level >= level && step.met())
    }

    /// Takes in that the step at `level` was not valid: it says nothing, neither that the level
    /// meets the objective nor that it misses it.
    pub fn marked(&mut self, level: f64, why: Marked) {
        self.steps.push(Tried::Marked(level, why));
    }

    /// What is known so far.
    pub fn outcome(&self) -> SearchOutcome {
        let decisions = self.decisions();
        let certified = self.certified();
        let goodput = certified.low.and_then(|low| {
            let at = |step: &&Decision| step.level == low && step.state == State::Pass;
            decisions.iter().find(at)?.goodput
        });
        SearchOutcome {
            low: certified.low,
            high: certified.high,
            goodput,
            estimate: self.estimate(&decisions),
            confidence: (1.0 - RISK * decisions.len() as f64).max(0.0),
        }
    }

    /// The best answer. Between the last level that met the objective and the first that missed
    /// it, unless users are counted, who are whole.
    fn estimate(&self, decisions: &[Decision]) -> Option<f64> {
        let counted = Bracket::of(decisions, Decision::met, |step| !step.met(), None);
        let low = counted.low?;
        match (self.spec.of, counted.high) {
            (Quantity::Rate, Some(high)) => Some(edge(decisions, low, high)),
            _ => Some(low),
        }
    }

    /// The valid steps.
    fn decisions(&self) -> Vec<Decision> {
        let decision = |step: &Tried| match step {
            Tried::Decided(decision) => Some(*decision),
            Tried::Marked(..) => None,
        };
        self.steps.iter().filter_map(decision).collect()
    }

    /// Between what was met and what was not, or lies beyond what this client can tell.
    fn bracket(&self) -> Bracket {
        Bracket::of(&self.decisions(), Decision::met, |step| !step.met(), self.wall())
    }

    /// The level that is to be tried again, since its first step was not valid.
    fn again(&self) -> Option<f64> {
        match self.steps.last() {
            Some(Tried::Marked(level, Marked::ByClient)) => {
                (self.marks(*level) == 1).then_some(*level)
            }
            _ => None,
        }
    }

    /// The lowest level that stays without a valid step: none above it is tried.
    fn wall(&self) -> Option<f64> {
        let decisions = self.decisions();
        let stays = |step: &Tried| match step {
            Tried::Marked(level, why) => {
                let again = *why == Marked::TooShort || self.marks(*level) > 1;
                let decided = decisions.iter().any(|decision| decision.level == *level);
                (again && !decided).then_some(*level)
            }
            Tried::Decided(_) => None,
        };
        self.steps.iter().filter_map(stays).min_by(f64::total_cmp)
    }

    /// Whether two levels in a row stayed without a valid step by the client's own fault: a third
    /// would, too.
    fn is_hopeless(&self) -> bool {
        let at_fault = |step: &Tried| matches!(step, Tried::Marked(_, Marked::ByClient));
        self.steps.len() >= HOPELESS && self.steps.iter().rev().take(HOPELESS).all(at_fault)
    }

    /// How often a step at `level` was not valid.
    fn marks(&self, level: f64) -> usize {
        let marked = |step: &&Tried| matches!(step, Tried::Marked(of, _) if *of == level);
        self.steps.iter().filter(marked).count()
    }

    /// Between what was certified to pass and what was certified to fail.
    fn certified(&self) -> Bracket {
        Bracket::of(
            &self.decisions(),
            |step| step.state == State::Pass,
            |step| step.state == State::Fail,
            None,
        )
    }

    /// The next level between two: the middle by ratio. But just below a level that was met once
    /// and then missed, for it is near the edge.
    fn within(&self, low: f64, high: f64) -> f64 {
        if self.tried(high) > self.marks(high) + 1 {
            return low.max(high / (1.0 + self.spec.precision));
        }
        (low * high).sqrt()
    }

    /// The bracket is narrow, with `low` as its answer: what remains to be tried.
    ///
    /// A queue near its limit has lulls, in which a level that it does not bear is soon certified:
    /// so an answer that no earlier run knew is tried once more, and falls if it then misses. After
    /// that come levels for an end for which nothing was certified yet: the highest that was met with
    /// room while levels were doubled, which was soon seen and is now to be shown, or one beyond all.
    fn last(&self, low: f64) -> Option<f64> {
        if self.tried(low) < 2 && self.known != Some(low) {
            return Some(low);
        }
        let certified = self.certified();
        let levels = self.steps.iter().map(Tried::level);
        if certified.low.is_none() {
            self.roomy(low).or_else(|| self.below(levels.min_by(f64::total_cmp)?))
        } else if certified.high.is_none() && self.wall().is_none() {
            self.above(levels.max_by(f64::total_cmp)?)
        } else {
            None
        }
    }

    /// The highest level that is allowed, if it was met and yet not certified: levels that are
    /// doubled are soon seen, and nothing that comes after would show it.
    fn highest_once_more(&self, level: f64) -> Option<f64> {
        (self.tried(level) < 2 && self.certified().low != Some(level)).then_some(level)
    }

    /// The highest level up to `low` that was tried once and met with half the misses allowed.
    fn roomy(&self, low: f64) -> Option<f64> {
        let decisions = self.decisions();
        let roomy = decisions.iter().filter(|step| {
            step.level <= low && step.misses_to_allowed <= ROOM && self.tried(step.level) == 1
        });
        roomy.map(|step| step.level).max_by(f64::total_cmp)
    }

    /// How often a level was tried.
    fn tried(&self, level: f64) -> usize {
        self.steps.iter().filter(|step| step.level() == level).count()
    }

    /// A level above `low`; absent at the highest that is allowed.
    fn above(&self, low: f64) -> Option<f64> {
        let next = low * self.growth();
        let next = match self.spec.of {
            Quantity::Concurrency => next.floor().max(low + 1.0),
            Quantity::Rate => next,
        };
        Some(next.min(self.highest())).filter(|next| *next > low)
    }

    /// A level below `high`; absent at one user.
    fn below(&self, high: f64) -> Option<f64> {
        let next = high / self.growth();
        let next = match self.spec.of {
            Quantity::Concurrency => next.ceil().min(high - 1.0),
            Quantity::Rate => next,
        };
        (next > 0.0 && next < high).then_some(next)
    }

    /// By how much the next level differs: twofold, or beside a known answer its precision first
    /// and then ever more.
    fn growth(&self) -> f64 {
        match self.known {
            None => DOUBLING,
            Some(_) => {
                let doublings = i32::try_from(self.steps.len().saturating_sub(1)).unwrap_or(0);
                let exponent = 2_f64.powi(doublings.min(16));
                (1.0 + self.spec.precision).powf(exponent).clamp(1.0 + ROUNDING, DOUBLING)
            }
        }
    }

    /// Whether the bracket is wider than it may be.
    fn is_open(&self, low: f64, high: f64) -> bool {
        high / low - 1.0 > self.spec.precision + ROUNDING
    }

    /// A level as it can be had: a whole number of users, at least one, and none above the highest.
    fn round(&self, level: f64) -> f64 {
        let level = match self.spec.of {
            Quantity::Concurrency => level.round().max(1.0),
            Quantity::Rate => level,
        };
        level.min(self.highest())
    }

    fn highest(&self) -> f64 {
        match self.spec.of {
            Quantity::Concurrency => self.spec.max.floor().max(1.0),
            Quantity::Rate => self.spec.max,
        }
    }
}

#[cfg(test)]
mod tests;
