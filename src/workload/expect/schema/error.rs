//! What can be wrong with a JSON Schema.

/// Why a schema cannot be used. Places are JSON pointers; that of the whole is `/`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SchemaError {
    /// The text is no JSON.
    #[error("not JSON: {0}")]
    Json(String),
    /// A keyword is none of those that are known.
    #[error("`{key}` at `{at}` is no keyword that is checked here; there are {known}")]
    Keyword {
        /// The keyword.
        key: String,
        /// Where it stands.
        at: String,
        /// Those that are.
        known: &'static str,
    },
    /// A keyword's value is not of its form.
    #[error("`{at}` must be {wanted}")]
    Form {
        /// Where it stands.
        at: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// A pattern does not compile.
    #[error("`{at}` is not a regular expression: {reason}")]
    Pattern {
        /// Where it stands.
        at: String,
        /// Why not.
        reason: String,
    },
    /// A reference leads nowhere.
    #[error("`{at}` refers to {to:?}, which is not below `#/$defs/` or `#/definitions/` here")]
    Reference {
        /// Where it stands.
        at: String,
        /// What it says.
        to: String,
    },
    /// A schema contains itself, or is beyond reason.
    #[error("the schema is larger than {0} parts, or contains itself")]
    Large(usize),
}
