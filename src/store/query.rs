//! Which runs are wanted.

use crate::event::RunRecord;

/// Which runs are wanted; an empty name matches all.
#[derive(Clone, Debug, Default)]
pub struct RunQuery {
    /// The sweep.
    pub sweep: String,
    /// The target.
    pub target: String,
    /// How many, the newest first.
    pub limit: usize,
}

impl RunQuery {
    /// Whether `record` is wanted.
    pub fn takes(&self, record: &RunRecord) -> bool {
        let is = |wanted: &str, name: &str| wanted.is_empty() || wanted == name;
        is(&self.sweep, &record.sweep) && is(&self.target, &record.target)
    }
}
