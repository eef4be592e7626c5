//! The truth of the benches: when the engine really sent.
//!
//! Owns the bounded ring of records. Must not know how stamps are taken.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Records kept; the oldest leaves first.
const KEPT: usize = 65_536;
/// Characters of the prompt that identify a record.
const PROMPT: usize = 64;

/// The send times of one completion: nanoseconds of the monotonic clock, which all processes of
/// the machine share. In an answer that is not streamed, a token counts as sent when generated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StampRecord {
    /// The first 64 characters of the prompt.
    pub prompt: String,
    /// When the last byte of the request had been read.
    pub arrived_ns: u64,
    /// When the kernel had received that byte; absent on TLS, and where it does not stamp.
    pub received_ns: Option<u64>,
    /// Right before the write of the first event with a token.
    pub first_token_ns: Option<u64>,
    /// Right before the write of the last event with a token.
    pub last_token_ns: Option<u64>,
    /// Tokens generated.
    pub tokens: u32,
}

/// The ring; keeps nothing unless switched on.
pub(super) struct Stamps {
    on: bool,
    ring: Mutex<VecDeque<StampRecord>>,
}

impl Stamps {
    pub(super) const fn new(on: bool) -> Self {
        Self { on, ring: Mutex::new(VecDeque::new()) }
    }

    /// What identifies a record; empty if none is kept.
    pub(super) fn key(&self, prompt: &str) -> String {
        if self.on { prompt.chars().take(PROMPT).collect() } else { String::new() }
    }

    pub(super) fn push(&self, record: StampRecord) {
        if self.on {
            let mut ring = self.lock();
            if ring.len() == KEPT {
                ring.pop_front();
            }
            ring.push_back(record);
        }
    }

    pub(super) fn all(&self) -> Vec<StampRecord> {
        self.lock().iter().cloned().collect()
    }

    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<StampRecord>> {
        // A record is pushed whole, so a panic elsewhere leaves nothing half-done.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
