//! How far a value lies from its baseline, and how likely chance alone brings it there.

use crate::verdict::incomplete_beta;

/// Least relative spread that runs are taken to have. Percentiles of a record come from a histogram
/// of three significant digits, so values within a thousandth may be the same one: runs that agree
/// in every digit are no surer than that, and nothing is divided by zero.
const LEAST_SPREAD: f64 = 0.001;

/// A value beside its baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Against {
    /// ln(value ÷ geometric mean of the baseline).
    log_change: f64,
    /// How likely a value at least as far away, either way, is without a change.
    pub(super) p_value: f64,
}

impl Against {
    /// Value ÷ baseline − 1.
    pub(super) fn change_ratio(self) -> f64 {
        self.log_change.exp_m1()
    }
}

/// Holds `log`, the logarithm of a value, against those of its baseline, of which there are two at
/// least: where in Student's prediction interval for one more value does it lie?
pub(super) fn against(baseline: &[f64], log: f64) -> Against {
    let n = baseline.len() as f64;
    let mean = baseline.iter().sum::<f64>() / n;
    let squares: f64 = baseline.iter().map(|one| (one - mean).powi(2)).sum();
    let spread = (squares / (n - 1.0)).sqrt().max(LEAST_SPREAD);
    let log_change = log - mean;
    let t = log_change / (spread * (1.0 + 1.0 / n).sqrt());
    Against { log_change, p_value: two_sided(t, n - 1.0) }
}

/// The probability that Student's t with so many degrees of freedom is at least as far from 0
/// (<https://dlmf.nist.gov/8.17>, by its relation to the beta distribution).
fn two_sided(t: f64, degrees: f64) -> f64 {
    incomplete_beta(degrees / (degrees + t * t), degrees / 2.0, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_s_t_is_that_of_the_printed_tables() {
        // Two-sided 5 %, 1 % and 0.1 % points of the t distribution.
        for (degrees, points) in [
            (1.0, [12.706_205, 63.656_741, 636.619_249]),
            (4.0, [2.776_445, 4.604_095, 8.610_302]),
            (9.0, [2.262_157, 3.249_836, 4.780_913]),
            (19.0, [2.093_024, 2.860_935, 3.883_406]),
        ] {
            for (t, p) in points.into_iter().zip([0.05, 0.01, 0.001]) {
                for t in [t, -t] {
                    let found = two_sided(t, degrees);
                    assert!((found / p - 1.0).abs() < 1e-5, "t {t}, {degrees} degrees: {found}");
                }
            }
        }
        assert_eq!(two_sided(0.0, 4.0), 1.0);
        assert_eq!(two_sided(f64::INFINITY, 4.0), 0.0);
    }

    #[test]
    fn runs_that_agree_in_every_digit_have_the_spread_of_a_digit() {
        let same = against(&[0.0; 5], 0.0005);
        assert!(same.p_value > 0.5, "{same:?}");
        let other = against(&[0.0; 5], 1.1_f64.ln());
        assert!(other.p_value < 1e-6, "{other:?}");
        assert!((other.change_ratio() - 0.1).abs() < 1e-12, "{other:?}");
    }

    #[test]
    fn what_is_infinite_or_nothing_is_not_by_chance() {
        let baseline = [0.0, 0.1, -0.1, 0.05, -0.05];
        let infinite = against(&baseline, f64::INFINITY);
        assert_eq!((infinite.change_ratio(), infinite.p_value), (f64::INFINITY, 0.0));
        let nothing = against(&baseline, 0.0_f64.ln());
        assert_eq!((nothing.change_ratio(), nothing.p_value), (-1.0, 0.0));
    }
}
