//! YAML becomes a tree of nodes, each with its place in the source.
//!
//! The home of the YAML library: its budgets against hostile input, and its errors in our words.
//! Keys that occur twice come through, so that one of them does not hide other problems.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use serde_saphyr::{
    Location, Spanned,
    options::{DuplicateKeyPolicy, MergeKeyPolicy},
};

use super::{
    problem::Problem,
    source::{Source, Span},
};

/// Deepest nesting. The configuration needs eight levels; each costs stack.
const MOST_DEPTH: usize = 32;
/// Most nodes of a file, counted after aliases are expanded.
const MOST_NODES: usize = 250_000;

/// A value and its place.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    /// Where it is used: of an alias, the alias.
    pub(super) span: Span,
    /// Where it is written: of an alias, what it stands for.
    pub(super) written: Span,
}

/// A value.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) span: Span,
    pub(super) node: Node,
}

impl Node {
    /// The entries, if it is a mapping.
    pub(super) fn entries(&self) -> &[Entry] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items, if it is a list.
    pub(super) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entry of a key.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// What stands below the keys of `path`.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, key| node.get(key).map(|entry| &entry.node))
    }

    /// The place of what stands below the keys of `path`, or of the nearest that is there.
    pub(super) fn place(&self, path: &[&str]) -> Span {
        let mut node = self;
        for key in path {
            let Some(entry) = node.get(key) else { break };
            node = &entry.node;
        }
        node.span
    }
}

/// Reads a file.
pub(super) fn parse(source: &Source) -> Result<Node, Box<Problem>> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: MOST_DEPTH,
            max_nodes: MOST_NODES,
            max_events: 2 * MOST_NODES,
            max_anchors: 1_000,
            max_aliases: 10_000,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MOST_NODES,
            max_replay_stack_depth: 8,
        },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        merge_keys: MergeKeyPolicy::Merge,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Bare>>(&source.text, options) {
        Ok(root) => Ok(node(source, root)),
        Err(error) => Err(Box::new(problem(source, &error))),
    }
}

/// The library's error in our words, which echo nothing of the file.
fn problem(source: &Source, error: &serde_saphyr::Error) -> Problem {
    use serde_saphyr::Error;
    let error = error.without_snippet();
    // What goes wrong inside an alias is shown where the alias stands.
    let at = error.location().filter(|at| at.line() > 0);
    let error = if let Error::AliasError { error, .. } = error { error } else { error };
    let message = match error {
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayCounterOverflow { .. } => {
            "the file is nested too deeply, or too large once its aliases are expanded".to_owned()
        }
        Error::MultipleDocuments { .. } => "a file holds one document: remove `---`".to_owned(),
        Error::UnknownAnchor { .. } => "no anchor of this name is defined above".to_owned(),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            "an anchor cannot contain its own alias".to_owned()
        }
        Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "`<<` takes a mapping, or a list of mappings".to_owned()
        }
        Error::UnsupportedTag { .. } => "tags such as `!name` mean nothing here".to_owned(),
        Error::Eof { .. } => "the file is empty".to_owned(),
        Error::ExternalMessage { msg, .. } | Error::Message { msg, .. }
            if source.holds_no_word_of(msg) =>
        {
            format!("not valid YAML: {msg}")
        }
        _ => "not valid YAML here".to_owned(),
    };
    match at {
        Some(at) => Problem::at(source, span(source, at), message),
        None => Problem::of_file(&source.path, message),
    }
}

/// A location of the library as a range of bytes.
fn span(source: &Source, at: Location) -> Span {
    let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let offset = match at.span().byte_offset() {
        Some(offset) => whole(offset).min(source.text.len()),
        None => source.offset(whole(at.line()), whole(at.column())),
    };
    let len = at.span().byte_len().map_or(1, whole);
    Span { offset, len: len.min(source.text.len() - offset) }
}

/// What the library reads, before places become our own.
enum Bare {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Spanned<Bare>>),
    Map(Vec<(Spanned<String>, Spanned<Bare>)>),
}

fn node(source: &Source, bare: Spanned<Bare>) -> Node {
    let mut here = span(source, bare.referenced);
    let mut written = span(source, bare.defined);
    let value = match bare.value {
        Bare::Null => Value::Null,
        Bare::Bool(bool) => Value::Bool(bool),
        Bare::Number(number) => Value::Number(number),
        Bare::Text(text) => Value::Text(text),
        Bare::List(items) => {
            Value::List(items.into_iter().map(|item| node(source, item)).collect())
        }
        Bare::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    span: span(source, key.referenced),
                    key: key.value,
                    node: node(source, value),
                })
                .collect(),
        ),
    };
    // A mark under a whole collection says less than one at its beginning.
    if matches!(value, Value::List(_) | Value::Map(_)) {
        (here.len, written.len) = (here.len.min(1), written.len.min(1));
    }
    Node { value, span: here, written }
}

struct BareVisitor;

impl<'de> Visitor<'de> for BareVisitor {
    type Value = Bare;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Bare, E> {
        Ok(Bare::Null)
    }

    fn visit_bool<E: de::Error>(self, bool: bool) -> Result<Bare, E> {
        Ok(Bare::Bool(bool))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Bare, E> {
        Ok(Bare::Number(number.into()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Bare, E> {
        Ok(Bare::Number(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Bare, E> {
        Ok(Number::from_f64(number).map_or(Bare::Text(number.to_string()), Bare::Number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Bare, E> {
        Ok(Bare::Text(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Bare, E> {
        Ok(Bare::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bare, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Bare::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Bare, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Bare::Map(entries))
    }
}

impl<'de> Deserialize<'de> for Bare {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(BareVisitor)
    }
}
