//! The quick test of one target: does it answer, what is it, and can it be measured?
//!
//! Owns the order of the checks, the control requests beside the measured one, the recognition of
//! engines, the fetching of what they tell of themselves, and the report with its two forms. Knows
//! nothing of flags and files. No logic here: see `quick`.

mod addresses;
mod completion;
mod control;
mod engine;
mod engine_metrics;
mod heard;
mod models;
mod numbers;
mod quick;
mod reach;
mod render;
mod report;
mod words;

pub(crate) use addresses::Addresses;
pub use control::CheckError;
pub use engine::Recognised;
pub use engine_metrics::Metrics;
pub(crate) use engine_metrics::{own_metrics, recognised};
pub(crate) use models::{first_that_speaks, listed as listed_models, survey};
pub use numbers::Numbers;
pub use quick::{Ask, quick_test};
pub use render::Colour;
pub use report::{Check, Name, Report, Status};
