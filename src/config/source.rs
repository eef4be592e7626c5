//! The text of one file, and places in it.
//!
//! Owns the arithmetic of lines and columns and the masking of secrets in quoted lines. Knows
//! nothing of YAML.

use std::{ops::Range, path::PathBuf};

/// What stands in a quoted line where a secret was.
const MASK: &str = "***";
/// In a file that could not be read as YAML, words of this length and more may be secrets.
const SUSPICIOUS: usize = 6;
/// Longest part of a line that is quoted, in characters.
const QUOTED: usize = 160;

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) offset: usize,
    pub(super) len: usize,
}

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A line as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Quote {
    /// The line, secrets masked.
    pub(super) line: String,
    /// Characters before the mark.
    pub(super) indent: usize,
    /// Characters under which the mark stands, at least one.
    pub(super) width: usize,
}

/// One file.
#[derive(Debug)]
pub(super) struct Source {
    /// As it is shown.
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// Offset of the first byte of every line.
    lines: Vec<usize>,
    masks: Masks,
}

/// What of a file must not be shown.
#[derive(Debug)]
enum Masks {
    /// It has not been read as YAML: anything could be a secret.
    Unread,
    /// These ranges, in order, without overlaps.
    Ranges(Vec<Range<usize>>),
}

impl Source {
    pub(super) fn new(path: PathBuf, mut text: String) -> Self {
        // A byte order mark is no character of the first line.
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(breaks).collect();
        Self { path, text, lines, masks: Masks::Unread }
    }

    /// Says which spans hold secrets; until then every longer word is taken for one.
    pub(super) fn mask(&mut self, spans: &[Span]) {
        let mut ranges: Vec<Range<usize>> = spans.iter().map(|span| self.range(*span)).collect();
        ranges.sort_by_key(|range| range.start);
        ranges.dedup_by(|next, last| {
            let overlap = next.start <= last.end;
            if overlap {
                last.end = last.end.max(next.end);
            }
            overlap
        });
        self.masks = Masks::Ranges(ranges);
    }

    /// Where a span begins.
    pub(super) fn position(&self, span: Span) -> Position {
        let offset = self.boundary(span.offset);
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines[line - 1];
        Position { line, column: self.text[start..offset].chars().count() + 1 }
    }

    /// Whether a message of the YAML library repeats nothing of the file that could be a secret.
    pub(super) fn holds_no_word_of(&self, message: &str) -> bool {
        let mut lines = self.text.lines();
        !lines.any(|line| suspicious(line).into_iter().any(|word| message.contains(&line[word])))
    }

    /// The byte offset of a line and a column.
    pub(super) fn offset(&self, line: usize, column: usize) -> usize {
        let last = self.lines.len() - 1;
        let start = self.lines[line.saturating_sub(1).min(last)];
        let rest = &self.text[start..];
        let column = rest.char_indices().nth(column.saturating_sub(1));
        start + column.map_or(rest.len(), |(at, _)| at)
    }

    /// The line in which a span begins, with the place of the span in it.
    pub(super) fn quote(&self, span: Span) -> Quote {
        let offset = self.boundary(span.offset);
        let start = self.lines[self.position(span).line - 1];
        let line = self.text[start..].split(['\n', '\r']).next().unwrap_or_default();
        let from = (offset - start).min(line.len());
        let to = (from + span.len).min(line.len());
        let mut quote = Quote { line: String::new(), indent: 0, width: 0 };
        let mut at = 0;
        // The line is put together from shown and hidden pieces; the mark moves with them.
        for piece in self.hidden(start, line) {
            quote.push_each(&line[at..piece.start], at, from, to);
            let inside = if piece.contains(&from) { from } else { piece.start };
            quote.push(MASK, inside, from, to.max(from + 1));
            at = piece.end;
        }
        quote.push_each(&line[at..], at, from, to);
        quote.width = quote.width.max(1);
        quote.crop();
        quote
    }

    /// The bytes of a span, widened to whole characters and cut to the text.
    fn range(&self, span: Span) -> Range<usize> {
        let mut end = span.offset.saturating_add(span.len).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        self.boundary(span.offset)..end
    }

    /// The nearest boundary of characters at or before an offset.
    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// The parts of a line that must not be shown, in order, without overlaps.
    fn hidden(&self, start: usize, line: &str) -> Vec<Range<usize>> {
        let end = start + line.len();
        match &self.masks {
            Masks::Unread => suspicious(line),
            Masks::Ranges(ranges) => {
                let first = ranges.partition_point(|range| range.end <= start);
                let inside = ranges[first..].iter().take_while(|range| range.start < end);
                inside
                    .map(|range| range.start.max(start) - start..range.end.min(end) - start)
                    .collect()
            }
        }
    }
}

impl Quote {
    /// Adds the characters of a piece that began at byte `at` of the line.
    fn push_each(&mut self, piece: &str, at: usize, from: usize, to: usize) {
        for (offset, c) in piece.char_indices() {
            self.push(c.encode_utf8(&mut [0; 4]), at + offset, from, to);
        }
    }

    /// Adds a piece that began at byte `at` of the line; the mark covers bytes `from..to`.
    fn push(&mut self, piece: &str, at: usize, from: usize, to: usize) {
        let characters = piece.chars().count();
        if at < from {
            self.indent += characters;
        } else if at < to {
            self.width += characters;
        }
        match piece {
            // A tab under which a caret stands has to be as wide in both lines.
            "\t" => self.line.push(' '),
            _ => self.line.push_str(&printable(piece)),
        }
    }

    /// Cuts a very long line down to what is around the mark.
    fn crop(&mut self) {
        let length = self.line.chars().count();
        if length <= QUOTED {
            return;
        }
        let skipped = self.indent.saturating_sub(QUOTED / 2).min(length - QUOTED);
        let part: String = self.line.chars().skip(skipped).take(QUOTED).collect();
        let head = if skipped > 0 { "…" } else { "" };
        let tail = if skipped + QUOTED < length { "…" } else { "" };
        self.line = format!("{head}{part}{tail}");
        self.indent = self.indent - skipped + head.chars().count();
        self.width = self.width.min(QUOTED.saturating_sub(self.indent)).max(1);
    }
}

/// A text without control characters: what a file holds must not command the terminal.
pub(super) fn printable(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// Words of a line that could be secrets: all the longer ones, but for keys.
fn suspicious(line: &str) -> Vec<Range<usize>> {
    let breaks = |c: char| c.is_whitespace() || "{}[],'\"".contains(c);
    let mut words = Vec::new();
    let mut at = 0;
    for word in line.split_inclusive(breaks) {
        let bare = word.trim_end_matches(breaks);
        if bare.len() >= SUSPICIOUS && !is_key(bare) {
            words.push(at..at + bare.len());
        }
        at += word.len();
    }
    words
}

/// Whether a word is written like the keys of the configuration.
fn is_key(word: &str) -> bool {
    word.strip_suffix(':')
        .is_some_and(|key| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("file.yml".into(), text.into())
    }

    #[test]
    fn positions_count_characters_from_one() {
        let source = source("a: é\nß: [b]\n");
        let offset = source.text.find('[').expect("there");
        let at = Span { offset, len: 3 };
        assert_eq!(source.position(at), Position { line: 2, column: 4 });
        assert_eq!(source.offset(2, 4), offset);
        assert_eq!(source.offset(99, 99), source.text.len());
    }

    #[test]
    fn a_secret_in_a_quoted_line_is_masked_and_the_mark_follows() {
        let mut source = source("key: planted, other: b\n");
        source.mask(&[Span { offset: 5, len: 7 }]);
        let quote = source.quote(Span { offset: 14, len: 5 });
        assert_eq!(quote, Quote { line: "key: ***, other: b".into(), indent: 10, width: 5 });
        let quote = source.quote(Span { offset: 5, len: 7 });
        assert_eq!((quote.indent, quote.width), (5, 3));
    }

    #[test]
    fn a_file_that_could_not_be_read_shows_its_keys_only() {
        let quote = source("credentials: planted-secret }\n").quote(Span { offset: 28, len: 1 });
        assert_eq!(quote.line, "credentials: *** }");
        assert_eq!(quote.indent, 17);
    }

    #[test]
    fn what_is_quoted_commands_no_terminal() {
        let mut source = source("a\u{1b}[2J: \tb\n");
        source.mask(&[]);
        let quote = source.quote(Span { offset: 8, len: 1 });
        assert_eq!(quote.line, "a\u{fffd}[2J:  b");
    }

    #[test]
    fn a_long_line_is_cut_around_the_mark() {
        let text = format!("{} X {}", "a".repeat(500), "b".repeat(500));
        let mut source = source(&text);
        source.mask(&[]);
        let quote = source.quote(Span { offset: 501, len: 1 });
        assert_eq!(quote.line.chars().nth(quote.indent), Some('X'));
        assert!(quote.line.chars().count() <= QUOTED + 2);
    }
}
