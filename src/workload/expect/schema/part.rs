//! A compiled schema, and how a value is held against it.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

/// A schema or one of those inside it.
#[derive(Clone, Debug)]
pub(super) enum Part {
    /// Every value is of it (`true`), or none (`false`).
    Always(Verdict),
    /// Those that keep its rules.
    Rules(Box<Rules>),
}

/// What a schema without rules says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    Bad,
}

/// The rules of a schema. One that is empty or absent holds of every value.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    pub(super) kinds: Vec<Kind>,
    pub(super) values: Option<Vec<Value>>,
    pub(super) any_of: Vec<Part>,
    pub(super) all_of: Vec<Part>,
    pub(super) minimum: Option<f64>,
    pub(super) above: Option<f64>,
    pub(super) maximum: Option<f64>,
    pub(super) below: Option<f64>,
    pub(super) min_length: Option<usize>,
    pub(super) max_length: Option<usize>,
    pub(super) pattern: Option<Regex>,
    pub(super) min_items: Option<usize>,
    pub(super) max_items: Option<usize>,
    pub(super) items: Option<Part>,
    pub(super) required: Vec<String>,
    pub(super) properties: BTreeMap<String, Part>,
    /// Properties beyond those.
    pub(super) others: Option<Part>,
}

/// A type of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Array,
    Object,
}

/// Where a value is not of its schema, and what it should be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// The way there from the value itself, innermost step last.
    steps: Vec<String>,
    wanted: String,
}

impl std::fmt::Display for Miss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { steps, wanted } = self;
        write!(f, "`/{}` {wanted}", steps.join("/"))
    }
}

impl Miss {
    fn new(wanted: impl Into<String>) -> Self {
        Self { steps: Vec::new(), wanted: wanted.into() }
    }

    /// The same, told from one step further out.
    fn below(mut self, step: impl Into<String>) -> Self {
        self.steps.insert(0, step.into());
        self
    }
}

impl Kind {
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("null", Self::Null),
        ("boolean", Self::Boolean),
        ("integer", Self::Integer),
        ("number", Self::Number),
        ("string", Self::String),
        ("array", Self::Array),
        ("object", Self::Object),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    fn holds(self, value: &Value) -> bool {
        match self {
            Self::Null => value.is_null(),
            Self::Boolean => value.is_boolean(),
            // 1.0 is one: JSON has numbers, not their ways of being written.
            Self::Integer => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            Self::Number => value.is_number(),
            Self::String => value.is_string(),
            Self::Array => value.is_array(),
            Self::Object => value.is_object(),
        }
    }
}

impl Part {
    /// Where and why `value` is not of this schema, if it is not.
    pub(super) fn miss(&self, value: &Value) -> Option<Miss> {
        match self {
            Self::Always(Verdict::Good) => None,
            Self::Always(Verdict::Bad) => Some(Miss::new("must not be there")),
            Self::Rules(rules) => rules.miss(value),
        }
    }
}

impl Rules {
    fn miss(&self, value: &Value) -> Option<Miss> {
        self.miss_of_any_value(value).or_else(|| match value {
            Value::Number(number) => self.miss_of_number(number.as_f64()?),
            Value::String(text) => self.miss_of_text(text),
            Value::Array(items) => self.miss_of_items(items),
            Value::Object(entries) => self.miss_of_entries(entries),
            Value::Null | Value::Bool(_) => None,
        })
    }

    fn miss_of_any_value(&self, value: &Value) -> Option<Miss> {
        if !self.kinds.is_empty() && !self.kinds.iter().any(|kind| kind.holds(value)) {
            let names: Vec<_> = self.kinds.iter().map(|kind| kind.name()).collect();
            return Some(Miss::new(format!("must be of type {}", names.join(" or "))));
        }
        if self.values.as_ref().is_some_and(|values| !values.iter().any(|one| same(one, value))) {
            return Some(Miss::new("must be one of the values of `enum` or `const`"));
        }
        if !self.any_of.is_empty() && self.any_of.iter().all(|part| part.miss(value).is_some()) {
            return Some(Miss::new("must be of one of the schemas of `anyOf`"));
        }
        self.all_of.iter().find_map(|part| part.miss(value))
    }

    fn miss_of_number(&self, number: f64) -> Option<Miss> {
        let bounds = [
            (self.minimum.filter(|least| number < *least), "at least"),
            (self.above.filter(|bound| number <= *bound), "above"),
            (self.maximum.filter(|most| number > *most), "at most"),
            (self.below.filter(|bound| number >= *bound), "below"),
        ];
        let (bound, word) = bounds.into_iter().find_map(|(bound, word)| Some((bound?, word)))?;
        Some(Miss::new(format!("must be {word} {bound}")))
    }

    fn miss_of_text(&self, text: &str) -> Option<Miss> {
        let length = text.chars().count();
        if let Some(miss) = size(length, self.min_length, self.max_length, "characters") {
            return Some(miss);
        }
        let pattern = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text))?;
        Some(Miss::new(format!("must match {:?}", pattern.as_str())))
    }

    fn miss_of_items(&self, items: &[Value]) -> Option<Miss> {
        size(items.len(), self.min_items, self.max_items, "items").or_else(|| {
            let part = self.items.as_ref()?;
            let missed = |(at, item)| Some(part.miss(item)?.below(format!("{at}")));
            items.iter().enumerate().find_map(missed)
        })
    }

    fn miss_of_entries(&self, entries: &Map<String, Value>) -> Option<Miss> {
        if let Some(key) = self.required.iter().find(|key| !entries.contains_key(*key)) {
            return Some(Miss::new(format!("must have the property {key:?}")));
        }
        entries.iter().find_map(|(key, value)| match self.properties.get(key) {
            Some(part) => Some(part.miss(value)?.below(key)),
            // Its name is the answer's own, and is not repeated.
            None => Some(self.others.as_ref()?.miss(value)?.below("*")),
        })
    }
}

fn size(had: usize, least: Option<usize>, most: Option<usize>, unit: &str) -> Option<Miss> {
    if let Some(least) = least.filter(|least| had < *least) {
        return Some(Miss::new(format!("must have at least {least} {unit}")));
    }
    let most = most.filter(|most| had > *most)?;
    Some(Miss::new(format!("must have at most {most} {unit}")))
}

/// Whether two values are equal as JSON Schema has it: numbers by what they amount to.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => one == other,
    }
}
