//! The prefix cache: blocks of prompt tokens, least recently used out first.
//!
//! Owns the blocks and their order. Must not know requests or time.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Tokens in a block.
const BLOCK: usize = 16;

/// Blocks by the hash of everything up to their end.
pub(super) struct PrefixCache {
    capacity: usize,
    tick: u64,
    used: HashMap<u64, u64>,
    by_age: BTreeMap<u64, u64>,
}

impl PrefixCache {
    /// A cache for `capacity` blocks.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, tick: 0, used: HashMap::new(), by_age: BTreeMap::new() }
    }

    /// How many tokens at the start of `prompt` were cached; its whole blocks are, from now on.
    /// The last token is never counted: one has to be computed for the answer to begin.
    pub(super) fn look_up(&mut self, prompt: &str) -> u32 {
        if self.capacity == 0 {
            return 0;
        }
        let words: Vec<&str> = prompt.split_whitespace().collect();
        let mut hasher = DefaultHasher::new();
        let (mut cached, mut unbroken) = (0, true);
        for (index, block) in words.chunks_exact(BLOCK).enumerate() {
            block.hash(&mut hasher);
            unbroken &= self.touch(hasher.finish());
            if unbroken && (index + 1) * BLOCK < words.len() {
                cached = (index + 1) * BLOCK;
            }
        }
        u32::try_from(cached).unwrap_or(u32::MAX)
    }

    /// Whether the block was there; it is the most recently used one afterwards.
    fn touch(&mut self, block: u64) -> bool {
        self.tick += 1;
        let before = self.used.insert(block, self.tick);
        self.by_age.insert(self.tick, block);
        if let Some(age) = before {
            self.by_age.remove(&age);
        } else if self.used.len() > self.capacity
            && let Some((_, oldest)) = self.by_age.pop_first()
        {
            self.used.remove(&oldest);
        }
        before.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(words: std::ops::Range<u32>) -> String {
        words.map(|n| format!("w{n} ")).collect()
    }

    #[test]
    fn whole_shared_blocks_are_hits() {
        let mut cache = PrefixCache::new(100);
        assert_eq!(cache.look_up(&prompt(0..40)), 0);
        assert_eq!(cache.look_up(&prompt(0..40)), 32);
        assert_eq!(cache.look_up(&(prompt(0..20) + "other words")), 16);
        assert_eq!(cache.look_up(&prompt(1..40)), 0, "same words, other position");
        assert_eq!(cache.look_up(&prompt(0..32)), 16, "the last block holds the last token");
    }

    #[test]
    fn the_least_recently_used_block_leaves() {
        let mut cache = PrefixCache::new(2);
        cache.look_up(&prompt(0..17));
        cache.look_up(&prompt(100..117));
        assert_eq!(cache.look_up(&prompt(0..17)), 16);
        cache.look_up(&prompt(200..217));
        assert_eq!(cache.look_up(&prompt(0..17)), 16);
        assert_eq!(cache.look_up(&prompt(100..117)), 0);
        assert_eq!(PrefixCache::new(0).look_up(&prompt(0..40)), 0);
    }
}
