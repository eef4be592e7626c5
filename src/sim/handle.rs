//! The view of tests and benches on a running engine.
//!
//! Owns no state of its own. Must not know the wire.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;

use super::degrade::Degrade;
use super::fault::{FaultOrder, UnknownFault};
use super::metrics;
use super::spec::SpecError;
use super::stamps::StampRecord;
use super::state::State;

/// A request as it came in.
#[derive(Clone, Debug)]
pub struct SeenRequest {
    /// The method.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Headers in the order sent, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Bytes,
}

impl SeenRequest {
    /// The first header called `name` (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Looks into a running engine and scripts its faults. Clones look into the same engine.
#[derive(Clone)]
pub struct SimHandle(pub(super) Arc<State>);

impl SimHandle {
    /// Requests read so far, on every path.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Ordering::Relaxed)
    }

    /// The latest request.
    pub fn last_request(&self) -> Option<SeenRequest> {
        self.0.last_seen()
    }

    /// The latest requests, at most 256, oldest first.
    pub fn recent_requests(&self) -> Vec<SeenRequest> {
        self.0.seen()
    }

    /// The send stamps kept so far, if the spec switched them on.
    pub fn stamps(&self) -> Vec<StampRecord> {
        self.0.engine.stamps.all()
    }

    /// Scripts the faults of the next completion requests, one each (`none` for a good answer), in
    /// place of what is left of the last script.
    pub fn set_faults<'a>(
        &self,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), UnknownFault> {
        let script = names.into_iter().map(str::parse).collect::<Result<Vec<FaultOrder>, _>>()?;
        self.0.set_script(script);
        Ok(())
    }

    /// Orders bad spells in place of those that there were; `None` ends them.
    ///
    /// # Errors
    /// If the parameters make no sense; then nothing changes.
    pub fn set_degrade(&self, degrade: Option<Degrade>) -> Result<(), SpecError> {
        if degrade.is_some_and(|degrade| !degrade.is_sound()) {
            return Err(SpecError::Range("degrade"));
        }
        self.0.set_degrade(degrade);
        Ok(())
    }

    /// What `/metrics` answers now.
    pub fn metrics(&self) -> String {
        metrics::render(&self.0.metrics)
    }
}
