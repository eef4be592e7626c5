//! A run's record for people and programs: table, JSON, CSV, Markdown, HTML.
//!
//! Owns how a record looks. Pure: from a record to text.

mod beside;
mod chart;
mod comparison;
mod compat;
mod csv;
mod findings;
mod flat;
mod grid;
mod html;
mod json;
mod markdown;
mod marks;
mod number;
#[cfg(test)]
pub(crate) mod sample;
mod sweep;
mod table;
mod text;

pub use self::{comparison::comparison, csv::csv};
pub use beside::{cause_evidence, cause_words};
pub use flat::flat_json;
pub use grid::Frame;
pub use html::html;
pub use json::{json, schema};
pub use markdown::markdown;
pub use text::text;
