//! What is wrong with a configuration, and where.
//!
//! Owns the form in which problems are shown. Knows nothing of what can be wrong.

use std::{fmt, path::PathBuf};

use super::source::{Position, Quote, Source, Span, printable};

/// One thing that is wrong. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The file.
    pub file: PathBuf,
    /// Where in it; absent if the file as a whole is meant.
    pub position: Option<Position>,
    /// What is wrong.
    pub message: String,
    /// What should stand there, where that can be said.
    pub expected: Option<String>,
    /// The valid name that is nearest to the one found.
    pub nearest: Option<String>,
    #[serde(skip)]
    quote: Option<Quote>,
}

/// Everything that is wrong, sorted by file, line and column; at least one problem.
#[derive(Clone, Debug, Default, thiserror::Error)]
pub struct Problems {
    list: Vec<Problem>,
}

impl Problem {
    /// A problem of a file as a whole.
    pub(super) fn of_file(file: impl Into<PathBuf>, message: impl AsRef<str>) -> Self {
        Self {
            file: file.into(),
            position: None,
            message: printable(message.as_ref()),
            expected: None,
            nearest: None,
            quote: None,
        }
    }

    /// A problem at a place in a file.
    pub(super) fn at(source: &Source, span: Span, message: impl AsRef<str>) -> Self {
        Self {
            position: Some(source.position(span)),
            quote: Some(source.quote(span)),
            ..Self::of_file(&source.path, message)
        }
    }

    /// Says what should stand there.
    pub(super) fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    /// Looks for the name nearest to `found` among those that are valid.
    pub(super) fn nearest<'a>(
        mut self,
        found: &str,
        valid: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        self.nearest = nearest(found, valid).map(str::to_owned);
        self
    }
}

impl Problems {
    pub(super) fn push(&mut self, problem: Problem) {
        self.list.push(problem);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Sorted, and what an alias repeats said once.
    pub(super) fn sorted(mut self) -> Self {
        self.list.sort_by(|a, b| {
            (&a.file, a.position, &a.message).cmp(&(&b.file, b.position, &b.message))
        });
        self.list.dedup();
        self
    }

    /// The problems.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.len()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)?;
        let mut gutter = 2;
        if let (Some(position), Some(quote)) = (self.position, &self.quote) {
            let line = position.line.to_string();
            gutter = line.len();
            write!(f, "\n  {line} | {}", quote.line.trim_end())?;
            write!(f, "\n  {:gutter$} | {:indent$}", "", "", indent = quote.indent)?;
            f.write_str(&"^".repeat(quote.width))?;
        }
        if let Some(expected) = &self.expected {
            write!(f, "\n  {:gutter$} = expected {expected}", "")?;
        }
        if let Some(nearest) = &self.nearest {
            write!(f, "\n  {:gutter$} = did you mean `{nearest}`?", "")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

/// The valid name that `found` was most likely meant to be, if one is near enough.
fn nearest<'a>(found: &str, valid: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may differ, but never all of a short name.
    let most = (found.chars().count() / 3).max(1);
    let distance = |name: &&str| strsim::damerau_levenshtein(&found.to_lowercase(), name);
    let near = valid.into_iter().map(|name| (distance(&name), name));
    near.filter(|(distance, name)| *distance <= most && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let valid = ["interval", "timeout", "slo"];
        assert_eq!(nearest("intervall", valid), Some("interval"));
        assert_eq!(nearest("TIMEOUT", valid), Some("timeout"));
        assert_eq!(nearest("slos", valid), Some("slo"));
        assert_eq!(nearest("frequency", valid), None);
        assert_eq!(nearest("x", ["y"]), None);
    }
}
