//! The seeds of a run's draws: one for each, so that a draw does not depend on the order in which
//! requests happen to end.

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Draw {
    /// The due times of a step.
    Arrivals,
    /// The lengths and prompts of the sizing, which is before the first step.
    Sizing,
    /// A session: that of a user of a closed loop, by number, or the one request of an open loop.
    Session {
        /// The user; in an open loop the number of the request.
        user: u64,
        /// Which of the user's sessions.
        number: u64,
    },
}

/// The seed of one draw in one step of the run that has seed `run`. Stable across versions and
/// platforms: a record's seed draws the same run again.
pub(super) fn seed(run: u64, step: u32, draw: Draw) -> u64 {
    let parts = match draw {
        Draw::Arrivals => [0, 0, 0],
        Draw::Session { user, number } => [1, user, number],
        Draw::Sizing => [2, 0, 0],
    };
    let start = mix(run, u64::from(step));
    parts.into_iter().fold(start, mix)
}

/// Takes `part` into `hash` and spreads it over all bits: a step of SplitMix64.
const fn mix(hash: u64, part: u64) -> u64 {
    const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut mixed = hash.wrapping_add(STEP).wrapping_add(part.wrapping_mul(STEP) ^ part);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_draw_has_a_seed_of_its_own() {
        let mut seeds = HashSet::new();
        for run in 0..4 {
            for step in 0..8 {
                assert!(seeds.insert(seed(run, step, Draw::Arrivals)));
                assert!(seeds.insert(seed(run, step, Draw::Sizing)));
                for user in 0..50 {
                    for number in 0..20 {
                        assert!(seeds.insert(seed(run, step, Draw::Session { user, number })));
                    }
                }
            }
        }
    }

    #[test]
    fn they_never_change() {
        assert_eq!(seed(1, 2, Draw::Session { user: 3, number: 4 }), 5_707_604_249_098_084_964);
    }
}
