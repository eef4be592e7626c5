//! How items name others: which targets, and one name or several.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::{target::All, text};

/// Which targets are meant.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum SelectionSpec {
    /// Every target.
    All(All),
    /// Those with these names.
    Names(#[schemars(length(min = 1))] Vec<String>),
    /// Those with these labels.
    Match(MatchSpec),
}

/// Targets that have all of these labels.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct MatchSpec {
    /// Label names and values.
    #[serde(rename = "match")]
    #[schemars(transform = text::label_keys, extend("minProperties" = 1))]
    pub(in crate::config) labels: BTreeMap<String, String>,
}

/// One name, or a list of names.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(untagged)]
pub(in crate::config) enum NamesSpec {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// The time zone of what says none.
pub(super) fn utc() -> String {
    "UTC".to_owned()
}

impl Default for NamesSpec {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl<'de> Deserialize<'de> for SelectionSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => Vec::deserialize(list).map(Self::Names),
            map @ Value::Object(_) => MatchSpec::deserialize(map).map(Self::Match),
            other => All::deserialize(other).map(Self::All),
        }
        .map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for NamesSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            list @ Value::Array(_) => Vec::deserialize(list).map(Self::Many),
            other => String::deserialize(other).map(Self::One),
        }
        .map_err(de::Error::custom)
    }
}

impl NamesSpec {
    /// The names, in the order in which they are written.
    pub(in crate::config) fn names(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}
