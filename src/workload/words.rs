//! The vocabulary of made-up prompts.
//!
//! Short English words that the vocabularies in use hold as one token each, with a space before
//! them: so a prompt has about as many tokens as words and full stops, and its length needs no
//! tokenizer.

/// Things.
pub(super) const NOUNS: [&str; 128] = [
    "apple", "army", "baby", "bag", "ball", "bank", "bar", "bed", "bell", "bird", "boat", "body",
    "book", "bottle", "box", "boy", "bridge", "brother", "building", "bus", "camp", "captain",
    "car", "card", "cat", "chair", "chicken", "child", "church", "city", "clock", "cloud", "coat",
    "coffee", "coin", "corner", "cow", "cup", "daughter", "desk", "doctor", "dog", "door", "dream",
    "driver", "egg", "engine", "eye", "farm", "farmer", "father", "field", "finger", "fire",
    "fish", "flag", "floor", "flower", "food", "forest", "friend", "garden", "gate", "girl",
    "glass", "hand", "hat", "hill", "horse", "hotel", "house", "island", "key", "king", "kitchen",
    "lady", "lake", "lamp", "leaf", "letter", "light", "machine", "man", "map", "market", "moon",
    "morning", "mother", "mountain", "museum", "office", "paper", "park", "path", "picture",
    "plane", "plant", "queen", "rain", "ring", "river", "road", "rock", "room", "school", "sea",
    "ship", "shoe", "shop", "sister", "snow", "soldier", "song", "star", "stone", "store",
    "street", "student", "sun", "table", "teacher", "tower", "town", "train", "tree", "village",
    "wall", "window",
];

/// What they did.
pub(super) const VERBS: [&str; 64] = [
    "found", "saw", "held", "made", "took", "left", "moved", "carried", "opened", "closed",
    "watched", "painted", "followed", "built", "broke", "cut", "sold", "bought", "kept", "lost",
    "passed", "turned", "pulled", "pushed", "reached", "touched", "crossed", "filled", "washed",
    "cleaned", "fixed", "served", "called", "helped", "led", "met", "drew", "wrote", "sent",
    "brought", "showed", "caught", "threw", "hit", "covered", "shared", "counted", "raised",
    "dropped", "picked", "joined", "liked", "loved", "needed", "wanted", "heard", "felt", "knew",
    "won", "paid", "chose", "gave", "marked", "visited",
];

/// What they are like.
pub(super) const ADJECTIVES: [&str; 64] = [
    "old", "new", "big", "small", "long", "short", "tall", "low", "high", "deep", "wide", "dark",
    "bright", "red", "blue", "green", "white", "black", "brown", "yellow", "warm", "cold", "hot",
    "cool", "dry", "wet", "soft", "hard", "heavy", "quick", "slow", "fast", "quiet", "loud",
    "clean", "dirty", "empty", "full", "open", "round", "flat", "sharp", "sweet", "fresh", "rich",
    "poor", "young", "strong", "weak", "happy", "sad", "kind", "brave", "calm", "clear", "plain",
    "strange", "famous", "early", "late", "great", "little", "good", "fine",
];

/// The word that stands for a byte: each of the 256 words above for one.
pub(super) fn for_byte(byte: u8) -> &'static str {
    let index = usize::from(byte);
    NOUNS.iter().chain(&VERBS).chain(&ADJECTIVES).nth(index).copied().unwrap_or(NOUNS[0])
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_byte_has_a_word_of_its_own() {
        let words: HashSet<_> = (0..=u8::MAX).map(for_byte).collect();
        assert_eq!(words.len(), 256);
        assert!(words.iter().all(|word| word.bytes().all(|letter| letter.is_ascii_lowercase())));
    }
}
