//! Evenly spaced points.

/// The points 0, 1, 2 …: a request for every unit of time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Constant {
    next: u64,
}

impl Iterator for Constant {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        let point = self.next as f64;
        // Counted, not summed: the millionth point is as exact as the first.
        self.next = self.next.checked_add(1)?;
        Some(point)
    }
}
