//! Seeds: the same beat draws the same plan, also after a restart and on another machine.

use crate::fnv::Fnv;

/// A seed for the beat that `parts` (target, model and probe, say) name and that is due at a time
/// in nanoseconds since the Unix epoch. Stable across versions and platforms.
pub fn seed(parts: &[&str], due_unix_nanos: i64) -> u64 {
    let mut hash = Fnv::of_names(parts.iter().copied());
    hash.write(&due_unix_nanos.to_le_bytes());
    hash.spread()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn it_never_changes() {
        assert_eq!(seed(&["a", "m", "p"], 1_700_000_000_000_000_000), 684_723_684_805_418_154);
    }

    #[test]
    fn every_part_and_every_due_time_counts() {
        let mut seeds = HashSet::new();
        for parts in [["a", "b", "c"], ["ab", "", "c"], ["a", "bc", ""], ["", "ab", "c"]] {
            for beat in 0..1000_i64 {
                assert!(seeds.insert(seed(&parts, beat * 15_000_000_000)));
            }
        }
    }
}
