//! A rate that rises or falls, linearly or in steps, and then stays.

use std::time::Duration;

/// The rate over time, and from it when so many requests are due: the inverse of its integral, so
/// that no error adds up from request to request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ramp {
    from: f64,
    to: f64,
    seconds: f64,
    steps: Option<u32>,
}

impl Ramp {
    /// From `from` to `to` requests a second within `over`. `steps` is how often the rate jumps,
    /// each time by as much: `from` is held for the first part of `over` and `to` from its end on.
    pub(super) fn new(from: f64, to: f64, over: Duration, steps: Option<u32>) -> Self {
        let steps = steps.map(|steps| steps.max(1));
        Self { from, to, seconds: over.as_secs_f64(), steps }
    }

    /// The moment, in seconds, up to which `requests` are due; absent if there are never so many.
    pub(super) fn when(&self, requests: f64) -> Option<f64> {
        if requests <= 0.0 {
            return Some(0.0);
        }
        let within = self.within();
        if requests <= within {
            return Some(match self.steps {
                None => self.when_linear(requests),
                Some(steps) => self.when_stepped(requests, f64::from(steps)),
            });
        }
        (self.to > 0.0).then(|| self.seconds + (requests - within) / self.to)
    }

    /// Requests that are due while the rate changes.
    fn within(&self) -> f64 {
        let mean = match self.steps {
            None => (self.from + self.to) / 2.0,
            Some(steps) => self.up_to(f64::from(steps), f64::from(steps)) / f64::from(steps),
        };
        mean * self.seconds
    }

    fn when_linear(&self, requests: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        // The root of from·t + slope·t²/2 = requests in the form that no small slope spoils. At the
        // very end of a fall to 0 the radicand may be below 0 by a rounding.
        let radicand = self.from * self.from + 2.0 * slope * requests;
        2.0 * requests / (self.from + radicand.max(0.0).sqrt())
    }

    fn when_stepped(&self, requests: f64, steps: f64) -> f64 {
        let part = self.seconds / steps;
        let requests = requests / part;
        // The last part that begins with fewer requests: parts are at most some hundreds, and a
        // search by halves finds it in a few looks.
        let (mut low, mut high) = (0.0, steps);
        while high - low > 1.0 {
            let middle = ((low + high) / 2.0_f64).floor();
            if self.up_to(middle, steps) < requests {
                low = middle;
            } else {
                high = middle;
            }
        }
        let rate = self.from + (self.to - self.from) * low / steps;
        part * (low + (requests - self.up_to(low, steps)) / rate)
    }

    /// The sum of the rates of the first `parts` of `steps` parts.
    fn up_to(&self, parts: f64, steps: f64) -> f64 {
        parts * self.from + (self.to - self.from) / steps * parts * (parts - 1.0) / 2.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ramp(from: f64, to: f64, seconds: u64, steps: Option<u32>) -> Ramp {
        Ramp::new(from, to, Duration::from_secs(seconds), steps)
    }

    /// How many slices an integral is summed in.
    const SLICES: u32 = 20_000;

    /// Requests due up to `at`: the integral of the rate, summed in thin slices.
    fn integral(from: f64, to: f64, seconds: f64, steps: Option<u32>, at: f64) -> f64 {
        let width = at / f64::from(SLICES);
        let rate = |time: f64| {
            let share = (time / seconds).min(1.0);
            let share =
                steps.map_or(share, |steps| (share * f64::from(steps)).floor() / f64::from(steps));
            from + (to - from) * share
        };
        (0..SLICES).map(|slice| rate((f64::from(slice) + 0.5) * width) * width).sum()
    }

    #[test]
    fn linear_and_stepped_rates_meet_by_hand() {
        // 0 → 10/s in 10 s: t²/2 requests, then ten a second.
        let up = ramp(0.0, 10.0, 10, None);
        for (requests, at) in [(0.0, 0.0), (0.5, 1.0), (8.0, 4.0), (50.0, 10.0), (70.0, 12.0)] {
            assert!((up.when(requests).expect("due") - at).abs() < 1e-12, "{requests}");
        }
        // 10, 20, 30, 40 a second, a second each, then 50.
        let steps = ramp(10.0, 50.0, 4, Some(4));
        for (requests, at) in
            [(5.0, 0.5), (10.0, 1.0), (20.0, 1.5), (60.0, 3.0), (100.0, 4.0), (150.0, 5.0)]
        {
            assert!((steps.when(requests).expect("due") - at).abs() < 1e-12, "{requests}");
        }
    }

    #[test]
    fn a_rate_that_falls_to_nothing_ends() {
        let down = ramp(10.0, 0.0, 10, None);
        assert_eq!(down.when(50.0), Some(10.0));
        assert_eq!(down.when(50.1), None);
        assert_eq!(ramp(0.0, 0.0, 10, None).when(1.0), None);
        // At once, where there is no time for it.
        assert_eq!(ramp(1.0, 4.0, 0, None).when(8.0), Some(2.0));
        assert_eq!(ramp(1.0, 4.0, 0, Some(3)).when(8.0), Some(2.0));
    }

    proptest! {
        #[test]
        fn so_many_are_due_as_the_rate_sums_to(
            from in 0.0..200.0,
            to in 0.5..200.0,
            seconds in 1_u64..1000,
            steps in proptest::option::of(1_u32..20),
            share in 0.01..1.5,
        ) {
            let ramp = ramp(from, to, seconds, steps);
            let requests = share * ramp.within();
            let at = ramp.when(requests).expect("due");
            let due = integral(from, to, seconds as f64, steps, at);
            // A slice in which the rate jumps counts on one side of the jump only.
            let jumps = (to - from).abs() * at / f64::from(SLICES);
            let tolerated = 1e-3 * requests.max(1.0) + jumps;
            prop_assert!((due - requests).abs() <= tolerated, "{due} {requests}");
        }

        #[test]
        fn later_requests_are_due_later(
            from in 0.0..200.0,
            to in 0.0..200.0,
            seconds in 0_u64..1000,
            steps in proptest::option::of(0_u32..20),
        ) {
            let ramp = ramp(from, to, seconds, steps);
            let moments = (0..1000).map_while(|one| ramp.when(f64::from(one)));
            prop_assert!(moments.is_sorted());
        }
    }
}
