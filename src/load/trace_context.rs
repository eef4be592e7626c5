//! The ids of a beat's trace.
//!
//! Owns where they come from. They must be drawn and not computed: replicas beat for the same
//! subjects at the same times, and no two requests may have the same ids.

use rand::{SeedableRng, TryRng, rngs::SysRng};
use rand_pcg::Pcg64Mcg;

use crate::{clock::Stamp, event::TraceContext};

/// Draws the ids of one beat, from the operating system.
pub(super) fn draw() -> TraceContext {
    let (mut trace, mut root) = ([0; 16], [0; 8]);
    fill(&mut trace);
    fill(&mut root);
    TraceContext::of_bits(u128::from_be_bytes(trace), u64::from_be_bytes(root))
}

fn fill(bytes: &mut [u8]) {
    if SysRng.try_fill_bytes(bytes).is_err() {
        // A system that has no randomness to give: the requests of one process still differ.
        let process = u64::from(std::process::id()) << 32;
        let mut rng = Pcg64Mcg::seed_from_u64(Stamp::now().as_nanos() ^ process);
        let Ok(()) = rng.try_fill_bytes(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_beats_have_the_same_ids() {
        let (one, other) = (draw(), draw());
        assert!(one.trace != other.trace && one.root != other.root);
    }
}
