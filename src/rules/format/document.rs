//! What the forms have in common: options, ordered maps, texts over several lines, YAML.

use serde::{Serialize, Serializer};
use serde_saphyr::{LitStr, SerializerOptions};

/// What a form can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where the runbooks are: the annotation `runbook_url`, with `{alert}` in place of the alert's
    /// name.
    pub runbooks: String,
    /// Labels put on every alert, or on the metadata of objects.
    pub labels: Vec<(String, String)>,
    /// Of objects for Kubernetes.
    pub namespace: Namespace,
}

impl Default for Options {
    /// The pages of this repository, and nothing put on anything.
    fn default() -> Self {
        Self {
            runbooks: "docs/runbooks/{alert}.md".to_owned(),
            labels: Vec::new(),
            namespace: Namespace::Unsaid,
        }
    }
}

/// Where an object for Kubernetes goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Namespace {
    /// Wherever it is applied.
    #[default]
    Unsaid,
    /// Into this one.
    Named(String),
}

/// The document cannot be written as YAML.
#[derive(Debug, thiserror::Error)]
#[error("the rules cannot be written as YAML: {0}")]
pub struct Unwritable(#[from] serde_saphyr::ser::Error);

/// A map in the order in which it is to be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Map(pub(super) Vec<(String, String)>);

impl Serialize for Map {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl Map {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A query: over several lines it is a block, so that it is read as it was written.
#[derive(Clone, Debug)]
pub(super) struct Query(pub(super) String);

impl Serialize for Query {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.contains('\n') {
            LitStr(&self.0).serialize(serializer)
        } else {
            self.0.serialize(serializer)
        }
    }
}

/// `document` as YAML, below `head`, a comment.
pub(super) fn yaml(head: &str, document: &impl Serialize) -> Result<String, Unwritable> {
    Ok(format!("{head}{}", serde_saphyr::to_string_with_options(document, options())?))
}

/// Several documents in one file.
pub(super) fn documents(head: &str, documents: &[impl Serialize]) -> Result<String, Unwritable> {
    let mut text = head.to_owned();
    for document in documents {
        text.push_str("---\n");
        text.push_str(&serde_saphyr::to_string_with_options(document, options())?);
    }
    Ok(text)
}

/// Block scalars are for queries only; what they would fold stays on its line.
fn options() -> SerializerOptions {
    serde_saphyr::ser_options! { prefer_block_scalars: false }
}
