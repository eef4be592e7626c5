//! Bursts: so many at once, every so often.

use std::time::Duration;

/// The offsets of bursts, the first at 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burst {
    size: u32,
    period: Duration,
    /// When the burst is due of which requests are left, and how many.
    due: Duration,
    left: u32,
}

impl Burst {
    /// Bursts of `size`, which is at least 1, every `period`.
    pub(super) fn new(size: u32, period: Duration) -> Self {
        let size = size.max(1);
        Self { size, period, due: Duration::ZERO, left: size }
    }
}

impl Iterator for Burst {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        if self.left == 0 {
            self.due = self.due.checked_add(self.period)?;
            self.left = self.size;
        }
        self.left -= 1;
        Some(self.due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_have_their_size_and_their_period() {
        let period = Duration::from_nanos(333_333_333);
        let offsets: Vec<Duration> = Burst::new(7, period).take(7_000_000).collect();
        for (burst, at) in offsets.chunks(7).zip(0_u32..) {
            assert!(burst.iter().all(|offset| *offset == period * at), "burst {at}");
        }
    }

    #[test]
    fn a_burst_of_none_is_one_of_one() {
        let offsets: Vec<_> = Burst::new(0, Duration::from_secs(1)).take(3).collect();
        assert_eq!(offsets, [0, 1, 2].map(Duration::from_secs));
    }
}
