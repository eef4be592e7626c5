//! The report of a run as Markdown, for a pull request or a wiki.

use std::fmt::Write as _;

use super::{
    Frame, compat, findings,
    marks::{self, Line, Tone},
    sweep, table,
};
use crate::event::RunRecord;

const FRAME: Frame = Frame::Markdown;

/// The report of a run as Markdown.
pub fn markdown(run: &RunRecord) -> String {
    let mut text = format!("## {} · {}\n\n", plain(&run.target), plain(&run.model));
    put(&mut text, &findings::heading(run, FRAME));
    if run.steps.len() > 1 {
        let _ = writeln!(text, "\n{}", sweep::grid(run, FRAME).draw(FRAME).trim_end());
        if let Some(note) = sweep::footnote(run) {
            let _ = writeln!(text, "\n{}", plain(note));
        }
    }
    let found = findings::lines(run, FRAME);
    if !found.is_empty() {
        text.push_str("\n### Findings\n\n");
        put(&mut text, &found);
    }
    for step in &run.steps {
        let _ = writeln!(text, "\n### {}\n", plain(&table::title(step, FRAME)));
        text.push_str(&table::grid(step, FRAME).draw(FRAME));
        if let Some(grid) = compat::grid(step, FRAME) {
            let _ = writeln!(text, "\n{}", grid.draw(FRAME).trim_end());
        }
        text.push('\n');
        put(&mut text, &marks::lines(step, FRAME));
    }
    text
}

pub(super) fn put(text: &mut String, lines: &[Line]) {
    for line in lines {
        let label = plain(&line.label);
        let label = match line.tone {
            Tone::Plain => label,
            Tone::Good | Tone::Warning | Tone::Bad => format!("**{label}**"),
        };
        let _ = writeln!(text, "- {label}: {}", plain(&line.text));
    }
}

/// A text without what Markdown would read as markup: names and errors come from elsewhere.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' => {
                plain.push('\\');
                plain.push(letter);
            }
            '\n' | '\r' => plain.push(' '),
            _ => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_run_is_written_in_markdown() {
        insta::assert_snapshot!(markdown(&sample::sweep()));
    }

    #[test]
    fn a_name_is_no_markup() {
        assert_eq!(plain("a_b *c*\n<d>"), "a\\_b \\*c\\* \\<d\\>");
    }
}
