//! Distributions of times.
//!
//! Owns drawing a duration and the short text form (`50ms`, `normal:50ms,5ms`) of the flags. Must
//! not know what the durations are for.

use std::str::FromStr;
use std::time::Duration;

use rand::RngExt as _;
use rand_distr::StandardNormal;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

/// No draw is longer, however wide the distribution.
const LONGEST: Duration = Duration::from_secs(600);

/// How a time is drawn. Negative draws count as zero, draws above ten minutes as ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Dist {
    /// Always the same.
    Constant {
        /// Milliseconds.
        ms: f64,
    },
    /// Every value of a range alike.
    Uniform {
        /// Least, in milliseconds.
        min_ms: f64,
        /// Most, in milliseconds.
        max_ms: f64,
    },
    /// Bell-shaped.
    Normal {
        /// Mean, in milliseconds.
        mean_ms: f64,
        /// Standard deviation, in milliseconds.
        stddev_ms: f64,
    },
    /// Long-tailed: the logarithm is normal.
    Lognormal {
        /// Median, in milliseconds.
        median_ms: f64,
        /// Standard deviation of the natural logarithm.
        sigma: f64,
    },
}

impl Dist {
    /// Always `ms` milliseconds.
    pub const fn constant_ms(ms: f64) -> Self {
        Self::Constant { ms }
    }

    /// Draws one time.
    pub(crate) fn draw(self, rng: &mut Pcg64Mcg) -> Duration {
        let ms = match self {
            Self::Constant { ms } => ms,
            Self::Uniform { min_ms, max_ms } => min_ms + (max_ms - min_ms) * rng.random::<f64>(),
            Self::Normal { mean_ms, stddev_ms } => {
                let z: f64 = rng.sample(StandardNormal);
                mean_ms + stddev_ms * z
            }
            Self::Lognormal { median_ms, sigma } => {
                let z: f64 = rng.sample(StandardNormal);
                median_ms * (sigma * z).exp()
            }
        };
        Duration::from_secs_f64((ms / 1e3).clamp(0.0, LONGEST.as_secs_f64()))
    }

    /// Whether every parameter is finite and not negative, and a range is not reversed.
    pub(crate) fn is_sound(self) -> bool {
        let good = |value: f64| value.is_finite() && value >= 0.0;
        match self {
            Self::Constant { ms } => good(ms),
            Self::Uniform { min_ms, max_ms } => good(min_ms) && good(max_ms) && min_ms <= max_ms,
            Self::Normal { mean_ms, stddev_ms } => good(mean_ms) && good(stddev_ms),
            Self::Lognormal { median_ms, sigma } => good(median_ms) && good(sigma),
        }
    }
}

impl FromStr for Dist {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or(("constant", text));
        let (first, second) =
            rest.split_once(',').map_or((rest, None), |(first, second)| (first, Some(second)));
        let second = || second.ok_or_else(|| format!("`{kind}` needs two values: `{kind}:A,B`"));
        let dist = match kind {
            "constant" => Self::Constant { ms: millis(first)? },
            "uniform" => Self::Uniform { min_ms: millis(first)?, max_ms: millis(second()?)? },
            "normal" => Self::Normal { mean_ms: millis(first)?, stddev_ms: millis(second()?)? },
            "lognormal" => Self::Lognormal {
                median_ms: millis(first)?,
                sigma: second()?.parse().map_err(|_| "sigma is a number".to_owned())?,
            },
            _ => {
                return Err("expected a time, or uniform:A,B, normal:MEAN,STDDEV or \
                            lognormal:MEDIAN,SIGMA"
                    .to_owned());
            }
        };
        if dist.is_sound() { Ok(dist) } else { Err("negative, or a reversed range".to_owned()) }
    }
}

/// Milliseconds of a time written with its unit: `us`, `ms`, `s` or `m`.
pub(crate) fn millis(text: &str) -> Result<f64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 60e3,
        _ => return Err(format!("`{text}` needs a unit: us, ms, s or m")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not a time"))?;
    Ok(number * scale)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn mean_ms(dist: Dist) -> f64 {
        let mut rng = Pcg64Mcg::seed_from_u64(7);
        (0..20_000).map(|_| dist.draw(&mut rng).as_secs_f64() * 1e3).sum::<f64>() / 20_000.0
    }

    #[test]
    fn draws_have_the_mean_of_their_distribution() {
        for (text, expected) in [
            ("50ms", 50.0),
            ("uniform:10ms,30ms", 20.0),
            ("normal:50ms,5ms", 50.0),
            ("lognormal:50ms,0.3", 50.0 * (0.3_f64 * 0.3 / 2.0).exp()),
        ] {
            let mean = mean_ms(text.parse().unwrap());
            assert!((mean - expected).abs() < expected * 0.02, "{text}: {mean}");
        }
    }

    #[test]
    fn unclear_texts_are_refused() {
        for text in ["", "50", "50h", "uniform:10ms", "uniform:30ms,10ms", "zipf:1ms,2ms", "ms"] {
            assert!(text.parse::<Dist>().is_err(), "{text}");
        }
    }
}
