//! JSON held against a JSON Schema.
//!
//! Owns which schemas are taken, so that the work is bounded and nothing is fetched, and what is
//! told of a value that is not of its schema. The language itself is the crate `jsonschema`'s.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, sync::Arc};

use jsonschema::{
    Draft, PatternOptions, ValidationError, ValidationOptions, Validator,
    error::ValidationErrorKind,
    paths::{Location, LocationSegment},
};
use serde_json::Value;

/// Most values in a schema, with each reference counted as all that it refers to. A schema that
/// refers twice to one that refers twice to the next and so on would cost without end, and so would
/// one that contains itself on an answer that is made for it.
const MOST_VALUES: usize = 5000;

/// JSON Schema 2020-12, less what is unknown to it (a rule that is misspelt must not look like one
/// that is kept) and less all references that lead elsewhere than down from the root.
const STRICT: &str = include_str!("schema/strict.json");

/// A schema that can be held against an answer. Cheap to clone.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    schema: Value,
    validator: Validator,
    /// The keys in the schema, its own words: all others in an answer are the answer's.
    keys: BTreeSet<String>,
}

/// Why a schema cannot be used. Places are JSON pointers; that of the whole is `/`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SchemaError {
    /// The text is no JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// It is no schema, or one that is not taken here.
    #[error("at `{at}`: {reason}")]
    Form {
        /// Where.
        at: String,
        /// Why not.
        reason: String,
    },
    /// A reference leads nowhere.
    #[error("{0:?} refers to nothing in this schema; write `#/$defs/NAME`")]
    Reference(String),
    /// A schema contains itself, or is beyond reason.
    #[error("the schema is larger than {0} values, or contains itself")]
    Large(usize),
}

impl Schema {
    /// Reads a schema from its JSON. Whatever draft it names, it is read as one of 2020-12.
    ///
    /// # Errors
    /// The first thing that is no JSON, no schema or none that is taken here, with its place.
    pub(crate) fn parse(text: &str) -> Result<Self, SchemaError> {
        let mut schema: Value =
            serde_json::from_str(text).map_err(|error| SchemaError::Json(error.to_string()))?;
        // The name of the whole says nothing about answers; names further in move references.
        schema.as_object_mut().map(|keywords| keywords.remove("$id"));
        jsonschema::draft202012::meta::validate(&schema).map_err(|error| form(&error))?;
        let strict: Value =
            serde_json::from_str(STRICT).map_err(|error| SchemaError::Json(error.to_string()))?;
        let strict = options().build(&strict).map_err(|error| form(&error))?;
        // What holds a schema that is refused is refused with it: the innermost is the reason.
        let depth = |error: &ValidationError<'_>| error.instance_path().iter().count();
        if let Some(error) = strict.iter_errors(&schema).max_by_key(depth) {
            return Err(refused(&error));
        }
        let keys = keys_of(&schema)?;
        let validator = options().build(&schema).map_err(|error| form(&error))?;
        Ok(Self(Arc::new(Compiled { schema, validator, keys })))
    }

    /// The first reason why `answer` is not of the schema. Names the rule and where it is broken,
    /// never what the answer holds.
    pub(super) fn unlike(&self, answer: &str) -> Option<String> {
        let value: Value = match serde_json::from_str(answer) {
            // The error names a line and a column, and quotes nothing.
            Err(error) => return Some(format!("the answer is not JSON: {error}")),
            Ok(value) => value,
        };
        let miss = self.0.validator.validate(&value).err()?;
        Some(format!("the answer is not of its JSON Schema: {}", self.0.told(&miss, &value)))
    }
}

/// What it was read from: two schemas that print the same are the same.
impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.0.schema)
    }
}

impl Compiled {
    /// One line about `miss` in words of the schema. The crate's own line may quote the answer, its
    /// names of properties even where values are masked.
    fn told(&self, miss: &ValidationError<'_>, answer: &Value) -> String {
        let at = self.place(miss.instance_path(), answer);
        let rule = pointer(miss.schema_path());
        match miss.kind() {
            ValidationErrorKind::Required { property } => {
                format!("`{at}` lacks {property}, against `{rule}`")
            }
            _ => format!("`{at}` is against `{rule}`"),
        }
    }

    /// The pointer to a place in `answer`, with `*` for each name that the schema does not know.
    fn place(&self, location: &Location, answer: &Value) -> String {
        let (mut here, mut place) = (Some(answer), String::new());
        for step in location {
            let step = match step {
                LocationSegment::Index(index) => index.to_string(),
                LocationSegment::Property(name) => name.into_owned(),
            };
            // A number may be a name too: only the answer tells.
            let index = here.filter(|value| value.is_array()).and_then(|_| step.parse().ok());
            here = match index {
                Some(index) => here.and_then(|value: &Value| value.get::<usize>(index)),
                None => here.and_then(|value| value.get(&step)),
            };
            let told = index.is_some() || self.keys.contains(&step);
            place.push('/');
            place.push_str(if told { &step } else { "*" });
        }
        if place.is_empty() { "/".to_owned() } else { place }
    }
}

/// How schemas are compiled: nothing is fetched, and patterns are those of the crate `regex`, whose
/// time grows with the text and not beyond, whatever the pattern.
fn options<'a>() -> ValidationOptions<'a> {
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(false)
        .offline()
}

/// All keys in `schema`, once it is known to end with every reference followed.
fn keys_of(schema: &Value) -> Result<BTreeSet<String>, SchemaError> {
    let (mut open, mut left, mut keys) = (vec![schema], MOST_VALUES, BTreeSet::new());
    while let Some(value) = open.pop() {
        left = left.checked_sub(1).ok_or(SchemaError::Large(MOST_VALUES))?;
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(entries) => {
                keys.extend(entries.keys().cloned());
                open.extend(entries.values());
                if let Some(Value::String(to)) = entries.get("$ref") {
                    let found = to.strip_prefix('#').and_then(|to| schema.pointer(to));
                    open.push(found.ok_or_else(|| SchemaError::Reference(to.clone()))?);
                }
            }
            _ => {}
        }
    }
    Ok(keys)
}

fn form(error: &ValidationError<'_>) -> SchemaError {
    SchemaError::Form { at: pointer(error.instance_path()), reason: error.to_string() }
}

/// What is a schema and not taken here.
fn refused(error: &ValidationError<'_>) -> SchemaError {
    let reason = match error.kind() {
        ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            format!("no keyword of JSON Schema 2020-12: `{}`", unexpected.join("`, `"))
        }
        ValidationErrorKind::FalseSchema => "this keyword is not taken here".to_owned(),
        ValidationErrorKind::Pattern { .. } => {
            "nothing is fetched: put it into this schema, and write `#/$defs/NAME`".to_owned()
        }
        _ => error.to_string(),
    };
    SchemaError::Form { at: pointer(error.instance_path()), reason }
}

/// The pointer as it is told.
fn pointer(location: &Location) -> String {
    if location.as_str().is_empty() { "/".to_owned() } else { location.as_str().to_owned() }
}
