//! The queries that dashboards have in common.
//!
//! A server keeps histograms classic, native or both, and does not say which: every question to one
//! is asked in both forms, joined by `or`. The native form stands first: it is the finer one where
//! both are there. Replicas measure the same target, so counters are summed over them, and of gauges
//! the largest is taken.

/// The window of rates: never shorter than four scrapes, whatever the zoom.
pub(super) const WINDOW: &str = "$__rate_interval";
/// The window of totals: what is on the screen.
pub(super) const RANGE: &str = "$__range";

/// Series of one histogram, brought together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Histogram {
    /// Its name.
    pub(super) metric: &'static str,
    /// Which series, as the inside of a selector.
    pub(super) select: &'static str,
    /// The labels that are kept apart, with commas; may be empty.
    pub(super) by: &'static str,
    /// The window.
    pub(super) window: &'static str,
    /// What follows the window: nothing, or an offset.
    pub(super) shift: &'static str,
}

impl Histogram {
    /// Over the window of rates, now.
    pub(super) const fn new(metric: &'static str, select: &'static str, by: &'static str) -> Self {
        Self { metric, select, by, window: WINDOW, shift: "" }
    }

    /// The same over what is on the screen.
    #[must_use]
    pub(super) const fn over_range(self) -> Self {
        Self { window: RANGE, ..self }
    }

    /// The same as it was before, by what `$compare` says.
    #[must_use]
    pub(super) const fn before(self) -> Self {
        Self { shift: " offset $compare", ..self }
    }

    /// The value that the share `q` of the observations does not exceed.
    pub(super) fn quantile(&self, q: f64) -> String {
        let (native, classic) = (self.native(), self.classic("_bucket", "le"));
        format!("histogram_quantile({q}, {native})\nor\nhistogram_quantile({q}, {classic})")
    }

    /// The mean.
    pub(super) fn mean(&self) -> String {
        let (sum, count) = (self.classic("_sum", ""), self.classic("_count", ""));
        format!("histogram_avg({})\nor\n{sum} / {count}", self.native())
    }

    /// Observations a second.
    pub(super) fn rate(&self) -> String {
        format!("histogram_count({})\nor\n{}", self.native(), self.classic("_count", ""))
    }

    /// Observations within the window.
    pub(super) fn count(&self) -> String {
        let (native, classic) = (self.native(), self.classic("_count", ""));
        let increase = |rate: String| rate.replacen("(rate(", "(increase(", 1);
        format!("histogram_count({})\nor\n{}", increase(native), increase(classic))
    }

    /// Buckets over time. `on ()` keeps the classic ones away where there are native ones: drawn
    /// over each other they would mean nothing.
    pub(super) fn heat(&self) -> String {
        format!("{}\nor on ()\n{}", self.native(), self.classic("_bucket", "le"))
    }

    fn native(&self) -> String {
        self.sum("", "")
    }

    fn classic(&self, suffix: &str, more: &str) -> String {
        self.sum(suffix, more)
    }

    fn sum(&self, suffix: &str, more: &str) -> String {
        let Self { metric, select, by, window, shift } = self;
        let by = match (by.is_empty(), more.is_empty()) {
            (true, true) => String::new(),
            (true, false) => format!(" by ({more})"),
            (false, true) => format!(" by ({by})"),
            (false, false) => format!(" by ({by}, {more})"),
        };
        format!("sum{by} (rate({metric}{suffix}{{{select}}}[{window}]{shift}))")
    }
}

/// How fast a counter rises.
pub(super) fn rate(metric: &str, select: &str, by: &str) -> String {
    format!("sum{} (rate({metric}{{{select}}}[{WINDOW}]))", kept(by))
}

/// By how much a counter rose over what is on the screen.
pub(super) fn increase(metric: &str, select: &str, by: &str) -> String {
    format!("sum{} (increase({metric}{{{select}}}[{RANGE}]))", kept(by))
}

/// A gauge as it is, of replicas the largest.
pub(super) fn gauge(metric: &str, select: &str, by: &str) -> String {
    format!("max{} ({metric}{{{select}}})", kept(by))
}

/// The share of one counter in another, over `window`.
pub(super) fn share(part: &str, whole: &str, select: &str, by: &str, window: &str) -> String {
    let by = kept(by);
    format!(
        "sum{by} (rate({part}{{{select}}}[{window}]))\n/\nsum{by} (rate({whole}{{{select}}}[{window}]))"
    )
}

/// The seconds since the instant that a gauge tells.
pub(super) fn age(metric: &str, select: &str, by: &str) -> String {
    format!("time() - {}", gauge(metric, select, by))
}

fn kept(by: &str) -> String {
    if by.is_empty() { String::new() } else { format!(" by ({by})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_asked_for_in_both_forms() {
        let one = Histogram::new("x_seconds", "a=\"b\"", "target");
        assert_eq!(
            one.quantile(0.95),
            "histogram_quantile(0.95, sum by (target) (rate(x_seconds{a=\"b\"}[$__rate_interval])))\n\
             or\n\
             histogram_quantile(0.95, sum by (target, le) (rate(x_seconds_bucket{a=\"b\"}[$__rate_interval])))"
        );
        assert_eq!(
            Histogram { by: "", ..one }.over_range().before().count(),
            "histogram_count(sum (increase(x_seconds{a=\"b\"}[$__range] offset $compare)))\n\
             or\n\
             sum (increase(x_seconds_count{a=\"b\"}[$__range] offset $compare))"
        );
    }
}
