//! A counter of another process, whose restarts do not show.

/// What a counter has risen to, restarts included. It begins at what the counter stood at when it
/// was first read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rising {
    /// What earlier lives of the process had counted.
    before: f64,
    last: f64,
}

impl Rising {
    /// Takes in what the counter says now, and says whether it was begun anew, which is so of one
    /// that has fallen.
    pub(super) fn observe(&mut self, now: f64) -> bool {
        let anew = now < self.last;
        if anew {
            self.before += self.last;
        }
        self.last = now;
        anew
    }

    /// What it has risen to.
    pub(super) fn value(self) -> f64 {
        self.before + self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_does_not_show() {
        let mut rising = Rising::default();
        for (now, value) in
            [(5.0, 5.0), (9.0, 9.0), (2.0, 11.0), (2.0, 11.0), (0.0, 11.0), (1.0, 12.0)]
        {
            let last = rising.last;
            assert_eq!(rising.observe(now), now < last);
            assert_eq!(rising.value(), value);
        }
    }
}
