//! Seeds: the same beat draws the same plan, also after a restart and on another machine.

/// A seed for the beat that `parts` (target, model and probe, say) name and that is due at a time
/// in nanoseconds since the Unix epoch. Stable across versions and platforms.
pub fn seed(parts: &[&str], due_unix_nanos: i64) -> u64 {
    // FNV-1a. A byte that UTF-8 never uses ends each part, so that moving a letter from one part
    // to the next is another seed.
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let parts = parts.iter().flat_map(|part| part.bytes().chain([0xff]));
    let hash = parts
        .chain(due_unix_nanos.to_le_bytes())
        .fold(BASIS, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    mix(hash)
}

/// Spreads neighbouring hashes over all bits (the finalizer of MurmurHash3); one to one.
const fn mix(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
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
