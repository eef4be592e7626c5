//! From the units of others to base units.

/// The unit in which a value comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// A base unit.
    Base,
    /// Hundredths of a ratio.
    Percent,
    /// Thousandths.
    Milli,
    /// Millionths.
    Micro,
    /// Thousand-millionths.
    Nano,
    /// Millions.
    Mega,
    /// 2²⁰ bytes.
    Mebi,
}

impl Scale {
    /// The value in its base unit. Divided where that is exact and a product is not.
    pub(super) fn base(self, value: f64) -> f64 {
        match self {
            Self::Base => value,
            Self::Percent => value / 1e2,
            Self::Milli => value / 1e3,
            Self::Micro => value / 1e6,
            Self::Nano => value / 1e9,
            Self::Mega => value * 1e6,
            Self::Mebi => value * 1_048_576.0,
        }
    }
}
