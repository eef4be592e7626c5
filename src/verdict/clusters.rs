//! How far misses cluster, and what can be certified of them in spite of it.
//!
//! Owns both readings of how much less a sequence tells than as many independent exchanges: by the
//! variance of counts, which sees any clustering, and by the length of outages, which is sharper
//! where misses follow one another. Knows nothing of how the counts are kept.

use super::{
    State,
    certify::{certify_shares, minimum_n},
};

/// Fewest groups whose variance is looked at.
pub(super) const GROUPS: u64 = 8;

/// What a sequence of exchanges shows of its misses under one objective.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Clustered {
    /// Exchanges.
    pub n: u64,
    /// Misses.
    pub misses: u64,
    /// Runs of misses.
    pub outages: u64,
    /// By how much the miss counts of groups vary more than those of independent exchanges would,
    /// at the size of groups where it is most, but at least 1. Absent where there are too few
    /// groups to tell.
    pub effect: Option<f64>,
}

/// What is held against a pass where few misses were seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caution {
    /// A sequence may be without an outage because there are none, or because they are long and
    /// rare. So that the second is unlikely for outages of up to this mean length, in exchanges, a
    /// pass takes so many times the exchanges that it would if they were independent.
    pub(super) outage: f64,
    /// The normal deviate of the one-sided confidence with which misses cluster no more than is
    /// assumed.
    pub(super) deviate: f64,
}

/// A share of exchanges that must be good.
#[derive(Clone, Copy, Debug)]
pub(super) struct Objective {
    share: f64,
    /// Independent exchanges that pass it without a miss; infinite where no number does.
    least: f64,
}

/// Sums over groups of consecutive exchanges: what the variance of their misses takes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Groups {
    count: u64,
    misses: u64,
    squares: u64,
}

impl Clustered {
    /// Of misses that are single ones, far apart.
    pub fn apart(n: u64, misses: u64) -> Self {
        Self { n, misses, outages: misses, effect: Some(1.0) }
    }

    /// The design effect as it may well be, where the sequence shows too few outages to tell: what
    /// must not be taken for less when few misses are to count in favour.
    pub(super) fn cautious_effect(&self, deviate: f64) -> Option<f64> {
        let effect = self.effect?;
        if self.misses == 0 {
            return Some(effect);
        }
        let misses = self.misses as f64;
        let outages = self.outages as f64;
        // `misses ÷ effect` independent misses would vary as these do: so many clusters there are.
        let by_variance = effect * upper_limit((misses / effect).max(1.0), deviate);
        // Runs of geometric length have, of mean L and far apart, the design effect 2 L − 1.
        let by_length = 2.0 * misses / outages * upper_limit(outages, deviate) - 1.0;
        Some(by_variance.max(by_length))
    }
}

impl Objective {
    /// The objective that a share of exchanges be good.
    pub(super) fn new(share: f64) -> Self {
        let least = minimum_n(share, 0).map_or(f64::INFINITY, |least| least as f64);
        Self { share, least }
    }

    /// The verdict on a sequence at the risk of one look.
    pub(super) fn decide(&self, seen: &Clustered, risk: f64, caution: Caution) -> State {
        let certified = |effect: Option<f64>, state| {
            effect.is_some_and(|effect| self.certify(seen, effect, risk) == state)
        };
        let roomy = seen.n as f64 >= caution.outage * self.least;
        if roomy && certified(seen.cautious_effect(caution.deviate), State::Pass) {
            State::Pass
        } else if certified(seen.effect, State::Fail) {
            State::Fail
        } else {
            State::NotEnoughData
        }
    }

    /// What can be certified of exchanges that count for `effect` times fewer.
    fn certify(&self, seen: &Clustered, effect: f64, risk: f64) -> State {
        let (n, misses) = (seen.n as f64 / effect, seen.misses as f64 / effect);
        if n < self.least && self.least.is_finite() {
            return State::NotEnoughData;
        }
        certify_shares(n, misses, self.share, risk)
    }
}

impl Groups {
    /// Takes in a group with so many misses.
    pub(super) fn push(&mut self, misses: u64) {
        self.count += 1;
        self.misses += misses;
        self.squares += misses * misses;
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The variance of the misses of groups of `size` exchanges, over what it would be if these
    /// were independent. There must be two groups at least.
    pub(super) fn excess(&self, size: f64) -> f64 {
        let (count, total) = (self.count as f64, self.misses as f64);
        let share = total / (count * size);
        let independent = size * share * (1.0 - share);
        let variance = (self.squares as f64 - total * total / count) / (count - 1.0);
        // Without misses, or without anything else, no group differs from another.
        if independent > 0.0 { variance / independent } else { 1.0 }
    }
}

/// Of a mean length found from so many that vary as the exponential distribution does (at least
/// one): the upper confidence limit, over the mean found. That is n ÷ a lower quantile of the gamma
/// distribution of shape n, by the approximation of Wilson and Hilferty (1931).
fn upper_limit(outages: f64, deviate: f64) -> f64 {
    let spread = 1.0 / (9.0 * outages);
    (1.0 - spread - deviate * spread.sqrt()).powi(-3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_upper_limit_of_a_mean_is_that_of_the_gamma_distribution() {
        // n ÷ the 7.5 % quantile of the gamma distribution of shape n.
        for (outages, limit, tolerance) in
            [(1.0, 12.827, 0.15), (2.0, 4.460, 0.02), (5.0, 2.249, 0.01), (100.0, 1.163, 0.001)]
        {
            let found = upper_limit(outages, 1.4395);
            assert!((found / limit - 1.0).abs() < tolerance, "{outages}: {found}");
        }
    }

    #[test]
    fn clusters_count_for_less_and_few_of_them_for_still_less() {
        const BOLD: Caution = Caution { outage: 0.0, deviate: 0.0 };
        const WARY: Caution = Caution { outage: 6.0, deviate: 1.0 };
        let objective = Objective::new(0.95);
        let of = |n, misses, outages, effect| Clustered { n, misses, outages, effect };
        for (seen, caution, state) in [
            (Clustered::apart(90, 0), BOLD, State::Pass),
            (Clustered::apart(89, 0), BOLD, State::NotEnoughData),
            // Six times ninety, whatever they show.
            (Clustered::apart(539, 0), WARY, State::NotEnoughData),
            (Clustered::apart(540, 0), WARY, State::Pass),
            (of(1_000, 20, 20, Some(1.0)), WARY, State::Pass),
            (of(1_000, 20, 2, Some(1.0)), WARY, State::NotEnoughData),
            (of(1_000, 20, 20, Some(9.0)), WARY, State::NotEnoughData),
            (of(1_000, 20, 20, None), WARY, State::NotEnoughData),
            (Clustered::apart(100, 12), WARY, State::Fail),
            (of(1_000, 120, 60, Some(2.0)), WARY, State::Fail),
            (of(1_000, 120, 60, Some(12.0)), WARY, State::NotEnoughData),
            (of(1_000, 120, 60, None), WARY, State::NotEnoughData),
        ] {
            assert_eq!(objective.decide(&seen, 0.01, caution), state, "{seen:?} {caution:?}");
        }
        // Of an objective that nothing passes, the first miss is one too many.
        let whole = Objective::new(1.0);
        let states = [0, 1].map(|misses| whole.decide(&Clustered::apart(10, misses), 0.01, WARY));
        assert_eq!(states, [State::NotEnoughData, State::Fail]);
    }
}
