//! JSON becomes a compiled schema, or the first reason why it is none.
//!
//! References are put in place of what they refer to, so that what is compiled is a tree and the
//! time that it takes is bounded.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::{Map, Value};

use super::{
    error::SchemaError,
    part::{Kind, Part, Rules, Verdict, same},
};

/// Most schemas within one, references counted as what they refer to.
const MOST_PARTS: usize = 1000;
/// Deepest nesting; an answer's own is held by its parser.
const DEEPEST: usize = 64;

/// Keywords that hold no rule. `format` is one of them, as the standard has it.
const ANNOTATIONS: [&str; 10] = [
    "$schema",
    "$id",
    "$comment",
    "$defs",
    "definitions",
    "title",
    "description",
    "default",
    "examples",
    "format",
];

/// Those that hold one, for the message.
const RULES: &str = "`type`, `enum`, `const`, `anyOf`, `allOf`, `$ref`, `properties`, `required`, \
                     `additionalProperties`, `items`, `minItems`, `maxItems`, `minLength`, \
                     `maxLength`, `pattern`, `minimum`, `maximum`, `exclusiveMinimum` and \
                     `exclusiveMaximum`";

/// Compiles a schema.
pub(super) fn compile(root: &Value) -> Result<Part, SchemaError> {
    Compiler { root, left: MOST_PARTS }.part(root, &At(Vec::new()))
}

struct Compiler<'a> {
    root: &'a Value,
    /// How many more parts there may be.
    left: usize,
}

/// A place in the schema.
struct At(Vec<String>);

impl At {
    fn below(&self, step: impl Into<String>) -> Self {
        Self(self.0.iter().cloned().chain([step.into()]).collect())
    }

    fn pointer(&self) -> String {
        format!("/{}", self.0.join("/"))
    }

    fn form(&self, wanted: &'static str) -> SchemaError {
        SchemaError::Form { at: self.pointer(), wanted }
    }
}

impl Compiler<'_> {
    fn part(&mut self, schema: &Value, at: &At) -> Result<Part, SchemaError> {
        self.left = self.left.checked_sub(1).ok_or(SchemaError::Large(MOST_PARTS))?;
        if at.0.len() > DEEPEST {
            return Err(SchemaError::Large(MOST_PARTS));
        }
        match schema {
            Value::Bool(true) => Ok(Part::Always(Verdict::Good)),
            Value::Bool(false) => Ok(Part::Always(Verdict::Bad)),
            Value::Object(keywords) => self.keywords(keywords, at),
            _ => Err(at.form("a schema: an object, `true` or `false`")),
        }
    }

    fn keywords(&mut self, keywords: &Map<String, Value>, at: &At) -> Result<Part, SchemaError> {
        let mut rules = Rules::default();
        for (key, value) in keywords {
            let below = at.below(key);
            match key.as_str() {
                "type" => rules.kinds = kinds(value, &below)?,
                "enum" => {
                    let values = value.as_array().ok_or_else(|| below.form("a list"))?;
                    also_in(&mut rules.values, values.clone());
                }
                "const" => also_in(&mut rules.values, vec![value.clone()]),
                "anyOf" => rules.any_of = self.parts(value, &below)?,
                "allOf" => rules.all_of.extend(self.parts(value, &below)?),
                "$ref" => rules.all_of.push(self.referred(value, &below)?),
                "minimum" => rules.minimum = Some(number(value, &below)?),
                "exclusiveMinimum" => rules.above = Some(number(value, &below)?),
                "maximum" => rules.maximum = Some(number(value, &below)?),
                "exclusiveMaximum" => rules.below = Some(number(value, &below)?),
                "minLength" => rules.min_length = Some(count(value, &below)?),
                "maxLength" => rules.max_length = Some(count(value, &below)?),
                "minItems" => rules.min_items = Some(count(value, &below)?),
                "maxItems" => rules.max_items = Some(count(value, &below)?),
                "pattern" => rules.pattern = Some(pattern(value, &below)?),
                "items" => rules.items = Some(self.part(value, &below)?),
                "additionalProperties" => rules.others = Some(self.part(value, &below)?),
                "required" => rules.required = names(value, &below)?,
                "properties" => rules.properties = self.properties(value, &below)?,
                key if ANNOTATIONS.contains(&key) => {}
                key => {
                    let (key, at, known) = (key.to_owned(), at.pointer(), RULES);
                    return Err(SchemaError::Keyword { key, at, known });
                }
            }
        }
        Ok(Part::Rules(Box::new(rules)))
    }

    fn parts(&mut self, list: &Value, at: &At) -> Result<Vec<Part>, SchemaError> {
        let list = list.as_array().filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| at.form("a list of schemas that is not empty"))?;
        let part = |(index, one): (usize, _)| self.part(one, &at.below(index.to_string()));
        list.iter().enumerate().map(part).collect()
    }

    fn properties(&mut self, map: &Value, at: &At) -> Result<BTreeMap<String, Part>, SchemaError> {
        let map = map.as_object().ok_or_else(|| at.form("an object of schemas"))?;
        let part = |(name, one): (&String, _)| Ok((name.clone(), self.part(one, &at.below(name))?));
        map.iter().map(part).collect()
    }

    /// What a reference refers to, compiled. One that leads back to itself uses up the parts.
    fn referred(&mut self, value: &Value, at: &At) -> Result<Part, SchemaError> {
        let to = value.as_str().ok_or_else(|| at.form("text"))?;
        let known = |to: &str| {
            let name = to.strip_prefix("#/$defs/").or(to.strip_prefix("#/definitions/"))?;
            if name.contains(['/', '~', '%']) {
                return None;
            }
            self.root.pointer(to.strip_prefix('#')?)
        };
        match known(to) {
            Some(schema) => self.part(schema, at),
            None => Err(SchemaError::Reference { at: at.pointer(), to: to.to_owned() }),
        }
    }
}

/// Leaves of the values allowed so far those that are also in `list`.
fn also_in(values: &mut Option<Vec<Value>>, list: Vec<Value>) {
    *values = Some(match values.take() {
        None => list,
        Some(values) => {
            values.into_iter().filter(|one| list.iter().any(|other| same(one, other))).collect()
        }
    });
}

fn kinds(value: &Value, at: &At) -> Result<Vec<Kind>, SchemaError> {
    let kind = |value: &Value| {
        let name = value.as_str()?;
        Kind::ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    };
    let kinds = match value {
        Value::Array(list) if !list.is_empty() => list.iter().map(kind).collect(),
        one => kind(one).map(|kind| vec![kind]),
    };
    kinds.ok_or_else(|| {
        at.form("null, boolean, integer, number, string, array or object, or a list of these")
    })
}

fn names(value: &Value, at: &At) -> Result<Vec<String>, SchemaError> {
    let name = |value: &Value| value.as_str().map(str::to_owned);
    let list = value.as_array().and_then(|list| list.iter().map(name).collect());
    list.ok_or_else(|| at.form("a list of names"))
}

fn number(value: &Value, at: &At) -> Result<f64, SchemaError> {
    value.as_f64().ok_or_else(|| at.form("a number"))
}

fn count(value: &Value, at: &At) -> Result<usize, SchemaError> {
    let count = value.as_u64().and_then(|count| usize::try_from(count).ok());
    count.ok_or_else(|| at.form("a whole number, 0 or more"))
}

fn pattern(value: &Value, at: &At) -> Result<Regex, SchemaError> {
    let text = value.as_str().ok_or_else(|| at.form("text"))?;
    Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        SchemaError::Pattern { at: at.pointer(), reason: reason.to_owned() }
    })
}
