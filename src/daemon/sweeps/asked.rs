//! What is asked for over HTTP.

use std::sync::Arc;

use crate::{
    event::{RunKey, SweepSkipped},
    schedule::HeldBack,
    web::{SweepAsked, SweepReply},
};

/// Somebody asks for a sweep, at one target or all, of one model or all.
pub(super) struct Asked {
    pub(super) keys: Vec<Arc<RunKey>>,
    pub(super) reply: SweepReply,
}

/// What is known of the targets of what was asked for.
pub(super) struct Looked {
    pub(super) asked: Asked,
    pub(super) held: Vec<(Arc<RunKey>, HeldBack)>,
}

impl Looked {
    /// Whether nothing holds `key` back.
    pub(super) fn lets(&self, key: &RunKey) -> bool {
        self.asked.keys.iter().any(|asked| **asked == *key)
            && self.held.iter().all(|(held, _)| **held != *key)
    }

    /// The answer so far: what is held back.
    pub(super) fn answer(&self) -> SweepAsked {
        let refused = |(key, held): &(Arc<RunKey>, HeldBack)| {
            let what = match held.why {
                SweepSkipped::Budget => "budget",
                _ => "guard",
            };
            (Arc::clone(key), format!("{what}: {}", held.words))
        };
        SweepAsked { runs: Vec::new(), refused: self.held.iter().map(refused).collect() }
    }
}
