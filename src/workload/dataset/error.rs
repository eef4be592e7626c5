//! Why a text is no dataset.

/// A dataset that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatasetError {
    /// It is too large.
    #[error(
        "the dataset has {bytes} bytes, more than the {most} that are held in memory; keep fewer \
         lines of it"
    )]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The most.
        most: usize,
    },
    /// It is one JSON array.
    #[error("the dataset is one JSON array; write one record a line: `jq -c '.[]' FILE`")]
    Array,
    /// Nothing in it can be asked.
    #[error("the dataset has no line in which a user says anything")]
    Empty,
    /// A line is wrong.
    #[error("line {line}: {fault}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong.
        fault: DatasetFault,
    },
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatasetFault {
    /// It is no JSON object.
    #[error("not a JSON object: {0}; write one record a line")]
    Json(String),
    /// It has no key that tells its form.
    #[error(
        "none of the keys `conversations`, `messages` and `prompt` is there; write one of them"
    )]
    Form,
    /// A key has a value of the wrong kind.
    #[error("`{key}` must be {must}")]
    Value {
        /// The key, with its place.
        key: String,
        /// What it must be.
        must: &'static str,
    },
    /// A role that is not known.
    #[error("`{key}` is {role:?}; it must be one of {known}")]
    Role {
        /// The key, with its place.
        key: String,
        /// What stands there.
        role: String,
        /// Those that are known.
        known: &'static str,
    },
}
