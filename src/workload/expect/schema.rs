//! JSON held against a JSON Schema: the part of the language by which structured answers are asked
//! for.
//!
//! Owns which keywords there are, what each means, and the refusal of every other: a rule that is
//! not understood must not look like one that is kept. Its referee in tests is a whole validator.

mod compile;
mod error;
mod part;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use error::SchemaError;
use part::Part;

/// A schema that can be held against an answer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Schema(Arc<Part>);

impl Schema {
    /// Reads a schema from its JSON.
    ///
    /// # Errors
    /// The first thing that is no JSON, no schema or none of the keywords known here, with its place.
    pub(crate) fn parse(text: &str) -> Result<Self, SchemaError> {
        let json: Value =
            serde_json::from_str(text).map_err(|error| SchemaError::Json(error.to_string()))?;
        compile::compile(&json).map(|part| Self(Arc::new(part)))
    }

    /// The first reason why `answer` is not of the schema, in the order of its keywords. Names what
    /// the schema wants and where, never what the answer holds.
    pub(super) fn unlike(&self, answer: &str) -> Option<String> {
        match serde_json::from_str(answer) {
            // The error names a line and a column, and quotes nothing.
            Err(error) => Some(format!("the answer is not JSON: {error}")),
            Ok(value) => {
                let miss = self.0.miss(&value)?;
                Some(format!("the answer is not of its JSON Schema: {miss}"))
            }
        }
    }
}
