//! What can be certified from so many exchanges and so many misses.
//!
//! Owns the statistics of one look. The pass side is MLPerf's early stopping with confidence 0.99
//! and no tolerance.

use super::beta;

/// The risk of a false verdict that is taken at one look.
pub const RISK: f64 = 0.01;

/// A verdict.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The objective is met, at the risk taken.
    Pass,
    /// The objective is missed, at the risk taken.
    Fail,
    /// Neither can be certified yet.
    #[default]
    NotEnoughData,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pass, Self::Fail, Self::NotEnoughData];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::NotEnoughData => "not_enough_data",
        }
    }

    /// The worse of two: a failure before missing data before a pass.
    #[must_use]
    pub const fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fail, _) | (_, Self::Fail) => Self::Fail,
            (Self::NotEnoughData, _) | (_, Self::NotEnoughData) => Self::NotEnoughData,
            (Self::Pass, Self::Pass) => Self::Pass,
        }
    }
}

/// The verdict on `n` judged exchanges, `misses` of them not good, for an `objective` share of
/// good ones, at risk `a` of certifying falsely. It holds for one look at the data: looking after
/// every exchange certifies falsely far more often.
pub fn certify(n: u64, misses: u64, objective: f64, a: f64) -> State {
    certify_shares(n as f64, misses as f64, objective, a)
}

/// As [`certify`], for counts that were divided by a design effect.
pub(super) fn certify_shares(n: f64, misses: f64, objective: f64, a: f64) -> State {
    let good = n - misses;
    if good > 0.0 && beta::regularised(objective, good, misses + 1.0) <= a {
        State::Pass
    } else if misses >= 1.0 && beta::regularised(1.0 - objective, misses, good.max(0.0) + 1.0) <= a
    {
        State::Fail
    } else {
        State::NotEnoughData
    }
}

/// The fewest exchanges that pass an `objective` with so many `misses`, at [`RISK`]; absent where
/// no number does (an objective of 100 %).
pub fn minimum_n(objective: f64, misses: u64) -> Option<u64> {
    let passes = |n: u64| certify(n, misses, objective, RISK) == State::Pass;
    let mut enough = misses + 1;
    while !passes(enough) {
        enough = enough.checked_mul(2).filter(|_| objective < 1.0)?;
    }
    // `passes` is monotone in n, so the boundary lies between the last power that did not and the
    // first that did.
    let mut short = misses;
    while enough - short > 1 {
        let middle = short + (enough - short) / 2;
        if passes(middle) {
            enough = middle;
        } else {
            short = middle;
        }
    }
    Some(enough)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_smallest_n_that_passes() {
        const MISSES: [u64; 8] = [0, 1, 2, 5, 10, 20, 50, 100];
        for (objective, row) in [
            (0.90, [44, 64, 81, 127, 197, 325, 681, 1246]),
            (0.95, [90, 130, 165, 259, 398, 656, 1372, 2504]),
            (0.99, [459, 662, 838, 1307, 2010, 3304, 6898, 12571]),
        ] {
            for (misses, n) in MISSES.into_iter().zip(row) {
                assert_eq!(minimum_n(objective, misses), Some(n), "{objective} with {misses}");
            }
        }
    }

    #[test]
    fn the_fewest_misses_that_fail() {
        for (objective, n, misses) in [
            (0.90, 100, 19),
            (0.90, 1000, 124),
            (0.95, 100, 12),
            (0.95, 1000, 68),
            (0.99, 100, 5),
            (0.99, 1000, 19),
        ] {
            assert_eq!(certify(n, misses, objective, RISK), State::Fail);
            assert_eq!(certify(n, misses - 1, objective, RISK), State::NotEnoughData);
        }
    }

    #[test]
    fn too_little_decides_nothing_and_all_of_them_is_never_certified() {
        for (n, misses, objective, state) in [
            (0, 0, 0.95, State::NotEnoughData),
            (1, 1, 0.95, State::NotEnoughData),
            (2, 2, 0.95, State::Fail),
            (1_000_000, 0, 1.0, State::NotEnoughData),
            (1_000_000, 1, 1.0, State::Fail),
            (1_000_000, 49_000, 0.95, State::Pass),
            (1_000_000, 50_000, 0.95, State::NotEnoughData),
            (1_000_000, 51_000, 0.95, State::Fail),
        ] {
            assert_eq!(certify(n, misses, objective, RISK), state, "{misses}/{n} at {objective}");
        }
        assert_eq!(minimum_n(1.0, 0), None);
    }

    /// `P(X ≥ k)` of a binomial, summed term by term.
    fn upper_tail(n: u64, p: f64, k: u64) -> f64 {
        let mut ln_choose = 0.0;
        let mut sum = 0.0;
        for i in 0..=n {
            if i > 0 {
                ln_choose += ((n - i + 1) as f64).ln() - (i as f64).ln();
            }
            if i >= k {
                sum += (ln_choose + i as f64 * p.ln() + (n - i) as f64 * (-p).ln_1p()).exp();
            }
        }
        sum
    }

    proptest! {
        #[test]
        fn agrees_with_the_binomial(
            n in 1_u64..2000,
            share in 0.0..=1.0_f64,
            near in any::<bool>(),
            p in prop_oneof![0.5..0.999_f64, 1e-4..0.5_f64, 0.999..0.999_99_f64],
        ) {
            let mean = n as f64 * (1.0 - p);
            let deviations = 10.0 * share - 5.0;
            // Any number, or one close to where the verdict changes.
            let misses = match near {
                true => (mean + deviations * (mean * p).sqrt()).clamp(0.0, n as f64) as u64,
                false => (share * share * n as f64) as u64,
            };
            let passing = upper_tail(n, p, n - misses);
            let failing = if misses == 0 { 1.0 } else { upper_tail(n, 1.0 - p, misses) };
            prop_assume!((passing - RISK).abs() > 1e-8 && (failing - RISK).abs() > 1e-8);
            let expected = if passing <= RISK {
                State::Pass
            } else if failing <= RISK {
                State::Fail
            } else {
                State::NotEnoughData
            };
            prop_assert_eq!(certify(n, misses, p, RISK), expected);
        }

        #[test]
        fn the_smallest_n_is_that_of_the_binomial(misses in 0_u64..40, p in 0.5..0.99_f64) {
            let n = minimum_n(p, misses).expect("an objective below 100 %");
            // At the very boundary the two roundings may differ.
            prop_assert!(upper_tail(n, p, n - misses) <= RISK * (1.0 + 1e-6));
            prop_assert!(upper_tail(n - 1, p, n - 1 - misses) > RISK * (1.0 - 1e-6));
        }

        #[test]
        fn a_miss_never_helps(n in 1_u64..100_000, share in 0.0..0.2_f64, p in 0.8..0.999_f64) {
            let misses = (share * n as f64) as u64;
            let rank = |state| match state {
                State::Pass => 0,
                State::NotEnoughData => 1,
                State::Fail => 2,
            };
            let with = |misses| rank(certify(n, misses, p, RISK));
            prop_assert!(with(misses) <= with((misses + 1).min(n)));
        }

        #[test]
        fn more_good_exchanges_never_hurt(n in 1_u64..100_000, misses in 0_u64..50, p in 0.8..0.999_f64) {
            prop_assume!(misses < n && certify(n, misses, p, RISK) == State::Pass);
            prop_assert_eq!(certify(n + 1, misses, p, RISK), State::Pass);
        }
    }
}
