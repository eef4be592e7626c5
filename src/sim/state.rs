//! What all connections of one engine share.
//!
//! Owns the log of requests, the script of faults, the bad spells in force and the choice of a
//! fault for a request. Must not know the wire.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use super::degrade::Degrade;
use super::engine::Engine;
use super::fault::{FaultOrder, Script, UnknownFault};
use super::gpu;
use super::handle::SeenRequest;
use super::http::Request;
use super::metrics::Metrics;
use super::spec::SimSpec;
use crate::clock::{Stamp, Wall};

/// The header that names the fault of its request.
const FAULT_HEADER: &str = "x-sim-fault";
/// Requests remembered for tests; the oldest is forgotten first.
const REMEMBERED: usize = 256;
/// Faults that a script may hold.
pub(super) const SCRIPT_LIMIT: usize = 100_000;

/// The shared state.
pub(super) struct State {
    pub(super) spec: SimSpec,
    pub(super) engine: Arc<Engine>,
    /// In the order of the spec's models.
    pub(super) metrics: Vec<Arc<Metrics>>,
    pub(super) connections: AtomicU64,
    pub(super) requests: AtomicU64,
    completions: AtomicU64,
    script: Mutex<Script>,
    /// The bad spells: those of the spec until others are ordered.
    degrade: RwLock<Option<Degrade>>,
    seen: Mutex<VecDeque<SeenRequest>>,
    started: Stamp,
    wall: Wall,
}

impl State {
    pub(super) fn new(spec: SimSpec) -> Self {
        let metrics =
            spec.models.iter().map(|model| Arc::new(Metrics::new(model, spec.kv_cache_tokens)));
        Self {
            metrics: metrics.collect(),
            engine: Arc::new(Engine::new(spec.slots, spec.prefix_cache_blocks, spec.stamps)),
            connections: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            completions: AtomicU64::new(0),
            script: Mutex::default(),
            degrade: RwLock::new(spec.degrade),
            seen: Mutex::default(),
            started: Stamp::now(),
            wall: Wall::anchor(),
            spec,
        }
    }

    /// Notes that `request` came in.
    pub(super) fn saw(&self, request: &Request) {
        let mut seen = lock(&self.seen);
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(SeenRequest {
            method: request.method.clone(),
            target: request.target.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
        });
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn seen(&self) -> Vec<SeenRequest> {
        lock(&self.seen).iter().cloned().collect()
    }

    pub(super) fn last_seen(&self) -> Option<SeenRequest> {
        lock(&self.seen).back().cloned()
    }

    /// Puts `script` in the place of what is left of the last one.
    pub(super) fn set_script(&self, script: impl IntoIterator<Item = FaultOrder>) {
        *lock(&self.script) = script.into_iter().take(SCRIPT_LIMIT).collect();
    }

    /// What is left of the script.
    pub(super) fn script(&self) -> Vec<FaultOrder> {
        lock(&self.script).iter().copied().collect()
    }

    /// Puts `degrade` in the place of the bad spells there were. The caller has found it sound.
    pub(super) fn set_degrade(&self, degrade: Option<Degrade>) {
        *self.degrade.write().unwrap_or_else(PoisonError::into_inner) = degrade;
    }

    /// The bad spells as they are ordered now.
    pub(super) fn degrade(&self) -> Option<Degrade> {
        *self.degrade.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the next completion, and its source of draws.
    pub(super) fn next_completion(&self) -> (u64, Pcg64Mcg) {
        let number = self.completions.fetch_add(1, Ordering::Relaxed);
        (number, Pcg64Mcg::seed_from_u64(self.spec.seed.wrapping_add(number << 32)))
    }

    /// The fault of a completion request, if any: what its header says, else the next of the
    /// script, else what the shares and the bad spells draw.
    pub(super) fn fault_for(
        &self,
        request: &Request,
        rng: &mut Pcg64Mcg,
    ) -> Result<Option<FaultOrder>, UnknownFault> {
        if let Some(name) = request.header(FAULT_HEADER) {
            return name.parse().map(Some);
        }
        if let Some(order) = lock(&self.script).pop_front() {
            return Ok(Some(order));
        }
        let mut draw: f64 = rng.random();
        for rule in &self.spec.faults {
            if draw < rule.ratio {
                return Ok(Some(rule.fault));
            }
            draw -= rule.ratio;
        }
        let errors = self.bad_spell(Stamp::now()).map_or(0.0, |degrade| degrade.error_ratio);
        if rng.random::<f64>() < errors { "http_503".parse().map(Some) } else { Ok(None) }
    }

    /// What times are multiplied by at `at`.
    pub(super) fn slowness(&self, at: Stamp) -> f64 {
        self.bad_spell(at).map_or(1.0, |degrade| degrade.factor)
    }

    fn bad_spell(&self, at: Stamp) -> Option<Degrade> {
        let up: Duration = at.since(self.started);
        self.degrade().filter(|degrade| degrade.is_bad(up))
    }

    /// What a DCGM exporter would tell of the GPUs now.
    pub(super) fn gpus(&self) -> String {
        let now = Stamp::now();
        let kv = self.metrics.iter().map(|metrics| metrics.kv_usage()).fold(0.0, f64::max);
        gpu::render(&self.spec, &self.engine.work, now.since(self.started), now, kv)
    }

    /// Seconds since the Unix epoch, for `created`.
    pub(super) fn unix_seconds(&self, at: Stamp) -> i64 {
        self.wall.unix_nanos(at) / 1_000_000_000
    }
}

/// A panic elsewhere leaves these collections whole, so a poisoned lock is still good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
