//! The strict walk: a tree held against the JSON Schema, every deviation a problem.
//!
//! It returns the value without its faulty parts, so that what is left can be typed and checked
//! further in the same pass. It reads only the keywords that our own schema uses.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use regex::Regex;
use serde_json::{Map, Number, Value as Json};

use super::{
    mask,
    problem::{Problem, Problems},
    source::{Source, Span},
    tree::{Entry, Node, Value},
    words,
};

/// Longest part of an unknown key that is repeated.
const LONGEST_SHOWN: usize = 40;

/// A walk over the tree of one file.
pub(super) struct Walk<'a> {
    /// The whole schema, in which references are looked up.
    root: &'a Json,
    pub(super) source: &'a Source,
    pub(super) problems: &'a mut Problems,
    /// Compiled patterns of the schema, by their text.
    patterns: BTreeMap<&'a str, Option<Regex>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(root: &'a Json, source: &'a Source, problems: &'a mut Problems) -> Self {
        Self { root, source, problems, patterns: BTreeMap::new() }
    }

    /// Holds `node` against `schema`; `place` is where a missing value is reported: its key.
    /// Absent if nothing usable is left.
    pub(super) fn value(&mut self, schema: &'a Json, node: &Node, place: Span) -> Option<Json> {
        let schema = self.resolve(schema);
        if let Some(branches) = schema["oneOf"].as_array().or(schema["anyOf"].as_array()) {
            return self.branches(branches, node, place);
        }
        if !words::accepts(schema, &node.value) {
            self.wrong_type(&[schema], node, place);
            return None;
        }
        match &node.value {
            Value::Map(entries) => self.mapping(schema, entries, place),
            Value::List(items) => self.list(schema, items, place),
            Value::Text(text) => self.text(schema, text, node.span),
            Value::Number(number) => self.number(schema, number, node.span),
            Value::Bool(bool) => Some(Json::Bool(*bool)),
            Value::Null => None,
        }
    }

    /// Follows a reference.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let pointer = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
        pointer.and_then(|pointer| self.root.pointer(pointer)).unwrap_or(schema)
    }

    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn wrong_type(&mut self, schemas: &[&Json], node: &Node, place: Span) {
        let problem = match words::found(&node.value) {
            // Nothing has no place of its own.
            None => Problem::at(self.source, place, "the value is missing"),
            Some(found) => {
                Problem::at(self.source, node.span, format!("{found} cannot stand here"))
            }
        };
        self.report(problem.expected(words::expected(schemas)));
    }

    /// Alternatives: words, kinds (mappings of one key each), or forms of different types.
    fn branches(&mut self, branches: &'a [Json], node: &Node, place: Span) -> Option<Json> {
        let branches: Vec<&Json> = branches.iter().map(|branch| self.resolve(branch)).collect();
        if branches.iter().all(|branch| words::kind(branch).is_some())
            && let Value::Map(entries) = &node.value
        {
            return self.kind(&branches, entries, node.span);
        }
        let accepting = branches.iter().filter(|branch| words::accepts(branch, &node.value));
        let fitting: Vec<&Json> = accepting.copied().collect();
        // Of several mappings, the one that knows most of the keys was meant.
        let known = |branch: &&&Json| {
            let keys = node.entries().iter().map(|entry| entry.key.as_str());
            keys.filter(|key| !branch["properties"][*key].is_null()).count()
        };
        let words: Vec<&str> = fitting.iter().flat_map(|branch| words::allowed(branch)).collect();
        match (node.text(), fitting.iter().max_by_key(known)) {
            (Some(text), Some(_)) if !words.is_empty() => {
                if words.contains(&text) {
                    return Some(Json::String(text.to_owned()));
                }
                let problem =
                    Problem::at(self.source, node.span, "not one of the words known here")
                        .expected(words::expected(&branches))
                        .nearest(text, words);
                self.report(problem);
                None
            }
            (_, Some(branch)) => self.value(branch, node, place),
            (_, None) => {
                self.wrong_type(&branches, node, place);
                None
            }
        }
    }

    /// A mapping of exactly one key, which names the kind.
    fn kind(&mut self, branches: &[&'a Json], entries: &[Entry], place: Span) -> Option<Json> {
        let kinds: Vec<&str> = branches.iter().filter_map(|branch| words::kind(branch)).collect();
        let expected = format!("exactly one of {}", words::names(&kinds));
        let mut chosen = None;
        for entry in entries {
            let key = entry.key.as_str();
            if let Some(index) = kinds.iter().position(|kind| *kind == key) {
                chosen = chosen.or(Some((index, entry)));
            } else {
                let problem = self.unknown(entry, &kinds);
                self.report(problem.expected(&*expected));
            }
        }
        let known = entries.iter().filter(|entry| kinds.contains(&entry.key.as_str())).count();
        if known > 1 {
            let problem =
                Problem::at(self.source, place, "more than one kind").expected(&*expected);
            self.report(problem);
        } else if entries.is_empty() {
            let problem =
                Problem::at(self.source, place, "the kind is missing").expected(&*expected);
            self.report(problem);
        }
        let (index, entry) = chosen?;
        let schema = &branches[index]["properties"][entry.key.as_str()];
        let value = self.value(schema, &entry.node, entry.span)?;
        Some(Json::Object(Map::from_iter([(entry.key.clone(), value)])))
    }

    /// An unknown key, and what it was most likely meant to be. One that sounds like a secret, and
    /// like no key that is known, is told apart.
    fn unknown(&self, entry: &Entry, known: &[&str]) -> Problem {
        let key = entry.key.as_str();
        let shown: String = key.chars().take(LONGEST_SHOWN).collect();
        let problem = Problem::at(self.source, entry.span, format!("unknown key `{shown}`"))
            .nearest(key, known.iter().copied());
        if problem.nearest.is_none() && mask::looks_secret(key) {
            let message = "a secret does not belong into a configuration: write where it is, with \
                           a key that ends in `_file` or `_env`";
            return Problem::at(self.source, entry.span, message);
        }
        problem
    }

    /// The entries of a mapping that may stand there, each with its schema; the others are
    /// reported.
    pub(super) fn entries<'n>(
        &mut self,
        schema: &'a Json,
        entries: &'n [Entry],
    ) -> Vec<(&'n Entry, &'a Json)> {
        let properties = schema["properties"].as_object();
        let others = &schema["additionalProperties"];
        let mut valid = Vec::new();
        let mut seen = BTreeSet::new();
        for entry in entries {
            let key = entry.key.as_str();
            let known = properties.and_then(|properties| properties.get(key));
            if !seen.insert(key) {
                let message = format!("the key `{key}` stands here twice");
                self.report(Problem::at(self.source, entry.span, message));
            } else if let Some(below) = known {
                valid.push((entry, below));
            } else if !others.is_object() {
                let keys: Vec<&str> =
                    properties.into_iter().flat_map(Map::keys).map(String::as_str).collect();
                let problem = self.unknown(entry, &keys);
                // Of very many keys the schema has a summary.
                let summary = schema["keysErrorMessage"].as_str().map(str::to_owned);
                self.report(problem.expected(summary.unwrap_or_else(|| words::keys(&keys))));
            } else if self.pattern(&schema["propertyNames"], key, entry.span) {
                valid.push((entry, others));
            }
        }
        valid
    }

    fn mapping(&mut self, schema: &'a Json, entries: &[Entry], place: Span) -> Option<Json> {
        let mut values = Map::new();
        for (entry, below) in self.entries(schema, entries) {
            if let Some(value) = self.value(below, &entry.node, entry.span) {
                values.insert(entry.key.clone(), value);
            }
        }
        self.least(schema, "minProperties", entries.len(), place);
        let required = schema["required"].as_array().into_iter().flatten();
        let mut complete = true;
        for key in required.filter_map(Json::as_str) {
            complete &= values.contains_key(key);
            if !entries.iter().any(|entry| entry.key == key) {
                let message = format!("the key `{key}` is missing");
                self.report(Problem::at(self.source, place, message));
            }
        }
        complete.then_some(Json::Object(values))
    }

    fn list(&mut self, schema: &'a Json, items: &[Node], place: Span) -> Option<Json> {
        let mut values = Vec::new();
        for item in items {
            values.push(self.value(&schema["items"], item, item.span));
        }
        self.least(schema, "minItems", items.len(), place);
        if let Some(most) = schema["maxItems"].as_u64().filter(|most| items.len() as u64 > *most) {
            let message = format!("{} items stand here", items.len());
            let problem = Problem::at(self.source, place, message);
            self.report(problem.expected(format!("at most {most}")));
            return None;
        }
        values.into_iter().collect::<Option<Vec<Json>>>().map(Json::Array)
    }

    fn least(&mut self, schema: &Json, keyword: &str, count: usize, place: Span) {
        if let Some(least) = schema[keyword].as_u64().filter(|least| (count as u64) < *least) {
            let problem = match count {
                0 => Problem::at(self.source, place, "this is empty"),
                _ => Problem::at(self.source, place, format!("only {count} stand here")),
            };
            self.report(problem.expected(format!("at least {least}")));
        }
    }

    fn text(&mut self, schema: &'a Json, text: &str, span: Span) -> Option<Json> {
        if let Some(result) = words::unit(schema, text) {
            if let Err(error) = result {
                self.report(Problem::at(self.source, span, error.to_string()));
                return None;
            }
        } else if text.is_empty() && schema["minLength"].as_u64() > Some(0) {
            let problem = Problem::at(self.source, span, "an empty text cannot stand here");
            self.report(problem);
            return None;
        } else if !self.pattern(schema, text, span) {
            return None;
        }
        Some(Json::String(text.to_owned()))
    }

    /// Holds a text against the pattern of a schema, if it has one.
    fn pattern(&mut self, schema: &'a Json, text: &str, span: Span) -> bool {
        let Some(pattern) = schema["pattern"].as_str() else { return true };
        let compiled = self.patterns.entry(pattern).or_insert_with(|| Regex::new(pattern).ok());
        if compiled.as_ref().is_some_and(|pattern| pattern.is_match(text)) {
            return true;
        }
        let expected: Cow<'_, str> = match schema["patternErrorMessage"].as_str() {
            Some(words) => words.to_owned().into(),
            None => format!("a text like {pattern}").into(),
        };
        // The text is not repeated: a secret may have been pasted there.
        let problem = Problem::at(self.source, span, "not written as it has to be");
        self.report(problem.expected(expected));
        false
    }

    fn number(&mut self, schema: &Json, number: &Number, span: Span) -> Option<Json> {
        let value = number.as_f64()?;
        let least = schema["minimum"].as_f64();
        let most = schema["maximum"].as_f64().or(words::largest(schema));
        if least.is_some_and(|least| value < least) || most.is_some_and(|most| value > most) {
            let expected = match (least, schema["maximum"].as_f64()) {
                (Some(least), Some(most)) => format!("a number from {least} to {most}"),
                (Some(least), None) if value < least => format!("a number of at least {least}"),
                _ => "a smaller number".to_owned(),
            };
            let problem = Problem::at(self.source, span, "the number is out of range");
            self.report(problem.expected(expected));
            return None;
        }
        Some(Json::Number(number.clone()))
    }
}
