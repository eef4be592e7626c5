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

/// A counter that is followed over a stretch of time, which begins when it is told so.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Followed {
    /// What it stood at then.
    base: f64,
    rising: Rising,
}

impl Followed {
    /// One whose stretch begins at `base`.
    pub(super) fn from(base: f64) -> Self {
        Self { base, rising: Rising::default() }
    }

    /// As [`Rising::observe`].
    pub(super) fn observe(&mut self, now: f64) -> bool {
        self.rising.observe(now)
    }

    /// The stretch begins here.
    pub(super) fn begin(&mut self) {
        self.base = self.rising.value();
    }

    /// What it stood at when the stretch began.
    pub(super) fn base(&self) -> f64 {
        self.base
    }

    /// What it has risen by since.
    pub(super) fn rose(&self) -> f64 {
        self.rising.value() - self.base
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
