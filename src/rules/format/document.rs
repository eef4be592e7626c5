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

/// Why there is no document.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// It cannot be put into YAML.
    #[error("the rules cannot be written as YAML: {0}")]
    Yaml(#[from] serde_saphyr::ser::Error),
    /// The object of an SLO is to have its name and cannot.
    #[error(
        "SLO `{slo}`: Pyrra's object takes its name, and Kubernetes allows small letters, digits, `-` and `.` \
         only: rename the SLO"
    )]
    Name {
        /// The SLO.
        slo: String,
    },
    /// A label that the rules themselves give a value.
    #[error(
        "label `{label}`: the rules set it, or it is given twice; another value would hide what an alert speaks \
         of: take another name"
    )]
    Label {
        /// Its name.
        label: String,
    },
    /// A label that Prometheus does not take.
    #[error("label `{label}`: a name has letters, digits and `_`, and no digit first")]
    LabelName {
        /// Its name.
        label: String,
    },
}

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

/// Labels that rules or the daemon give their values.
const OWN_LABELS: [&str; 20] = [
    "alertname",
    "alertstate",
    "severity",
    "long",
    "short",
    "within",
    "target",
    "model",
    "probe",
    "slo",
    "metric",
    "sweep",
    "step",
    "reason",
    "gpu",
    "uuid",
    "mig",
    "xid",
    "kind",
    "job",
];

/// Looks at labels that go on alerts or on what is recorded.
///
/// # Errors
/// If one has no name of Prometheus, is given twice, or would take the place of one of ours.
pub(super) fn for_series(labels: &[(String, String)]) -> Result<(), Unwritable> {
    for (at, (name, _)) in labels.iter().enumerate() {
        let digit_first = name.starts_with(|letter: char| letter.is_ascii_digit());
        let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if name.is_empty() || digit_first || !name.chars().all(word) {
            return Err(Unwritable::LabelName { label: name.clone() });
        }
        let twice = labels[..at].iter().any(|(other, _)| other == name);
        if twice || OWN_LABELS.contains(&&**name) {
            return Err(Unwritable::Label { label: name.clone() });
        }
    }
    Ok(())
}

/// Labels of an object, each once: the last word on one stands.
pub(super) fn for_object(labels: impl IntoIterator<Item = (String, String)>) -> Map {
    let mut map: Vec<(String, String)> = Vec::new();
    for (name, value) in labels {
        match map.iter_mut().find(|(other, _)| *other == name) {
            Some(known) => known.1 = value,
            None => map.push((name, value)),
        }
    }
    Map(map)
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
