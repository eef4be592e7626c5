//! The paths that a Rust source file names, whatever way it writes them.

use proc_macro2::{Delimiter, LexError, Spacing, TokenStream, TokenTree};

/// One path of two or more segments: `crate::clock::Stamp`, or each leaf of a braced `use`.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    /// Its segments. `super` that leads to the crate's root is written `crate`.
    pub segments: Vec<String>,
    /// Line of its first segment.
    pub line: usize,
}

impl Reference {
    /// The module of this crate that the path leads into.
    pub fn crate_module<'a>(&'a self, modules: &[&str]) -> Option<&'a str> {
        match self.segments.as_slice() {
            [root, module, ..] if root == "crate" || root == "tokenbeat" => Some(module.as_str()),
            _ => None,
        }
        .filter(|module| modules.contains(module))
    }

    /// Whether the path is `prefix` (written with `::`) or below it.
    pub fn is_below(&self, prefix: &str) -> bool {
        let mut segments = self.segments.iter();
        prefix.split("::").all(|part| segments.next().is_some_and(|segment| segment == part))
    }
}

/// Every path that `source` names, with those of its attributes and macro calls. `depth` is the
/// number of modules between the file and the crate's root: 1 for `src/event.rs`.
///
/// # Errors
/// If the text is not made of Rust's tokens.
pub fn references(source: &str, depth: usize) -> Result<Vec<Reference>, LexError> {
    let mut found = Vec::new();
    scan(source.parse()?, depth, &mut found);
    Ok(found)
}

/// Walks one level of tokens; groups that are not part of a path are walked as levels of their own.
fn scan(tokens: TokenStream, depth: usize, found: &mut Vec<Reference>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Ident(_) => at = path(&tokens, at, &[], depth, found),
            TokenTree::Group(group) => {
                scan(group.stream(), depth + usize::from(is_inline_module(&tokens[..at])), found);
                at += 1;
            }
            _ => at += 1,
        }
    }
}

/// Reads the path that begins at `at`, below `prefix`; returns where it ends.
fn path(
    tokens: &[TokenTree],
    mut at: usize,
    prefix: &[String],
    depth: usize,
    found: &mut Vec<Reference>,
) -> usize {
    let line = tokens[at].span().start().line;
    let mut segments = prefix.to_vec();
    while let Some(TokenTree::Ident(segment)) = tokens.get(at) {
        segments.push(segment.to_string());
        at += 1;
        if !is_separator(tokens, at) {
            break;
        }
        at += 2;
        match tokens.get(at) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let branches: Vec<TokenTree> = group.stream().into_iter().collect();
                let mut branch = 0;
                while branch < branches.len() {
                    branch = match &branches[branch] {
                        TokenTree::Ident(_) => path(&branches, branch, &segments, depth, found),
                        _ => branch + 1,
                    };
                }
                return at + 1;
            }
            Some(TokenTree::Ident(_)) => {}
            _ => break,
        }
    }
    if segments.len() > 1 {
        found.push(Reference { segments: from_root(segments, depth), line });
    }
    at
}

/// The path with leading `super`s made `crate` where they reach the root.
fn from_root(segments: Vec<String>, depth: usize) -> Vec<String> {
    let supers = segments.iter().take_while(|segment| *segment == "super").count();
    if supers > 0 && supers >= depth {
        std::iter::once("crate".to_owned()).chain(segments.into_iter().skip(supers)).collect()
    } else {
        segments
    }
}

/// Whether `::` stands at `at`; `a: ::b` has its space between the first two colons.
fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    matches!(
        (tokens.get(at), tokens.get(at + 1)),
        (Some(TokenTree::Punct(first)), Some(TokenTree::Punct(second)))
            if first.as_char() == ':' && first.spacing() == Spacing::Joint && second.as_char() == ':'
    )
}

/// Whether the group that follows `before` is the body of `mod name { … }`.
fn is_inline_module(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(word), TokenTree::Ident(_)] if word == "mod")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_however_they_are_written() {
        let source = r#"
            // crate::comment::No
            use crate::{clock::{self, Stamp}, event::*};
            #[tokio::test] fn f(a: ::std::fs::File) { let s = "crate::text::No"; g!(hyper::body) }
            mod inner { use super::super::sinks::Sink; use super::near::Thing; }
        "#;
        let found: Vec<String> = references(source, 1)
            .expect("tokens")
            .iter()
            .map(|reference| format!("{} {}", reference.line, reference.segments.join("::")))
            .collect();
        let expected = [
            "3 crate::clock::self",
            "3 crate::clock::Stamp",
            "3 crate::event",
            "4 tokio::test",
            "4 std::fs::File",
            "4 hyper::body",
            "5 crate::sinks::Sink",
            "5 super::near::Thing",
        ];
        assert_eq!(found, expected);
    }
}
