//! What each dashboard asks: one file a dashboard. The first row answers its question, the rows
//! below say why.

mod common;
pub(super) mod daemon;
pub(super) mod fleet;
pub(super) mod gpu;
pub(super) mod slo;
pub(super) mod sweeps;
pub(super) mod target;
