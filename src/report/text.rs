//! The report of a run as plain text, for a terminal or a file.

use std::fmt::Write as _;

use super::{Frame, compat, findings, marks::Line, sweep, table};
use crate::event::RunRecord;

/// Width of the labels beside lines.
const LABEL: usize = 16;

/// The report of a run: a table a step, the table of the sweep if it has several, the findings.
pub fn text(run: &RunRecord, frame: Frame) -> String {
    let mut text = String::new();
    put(&mut text, &findings::heading(run, frame));
    for step in &run.steps {
        let _ = writeln!(text, "\n{}", table::title(step, frame));
        text.push_str(&table::grid(step, frame).draw(frame));
        if let Some(grid) = compat::grid(step, frame) {
            text.push_str(&grid.draw(frame));
        }
        put(&mut text, &super::marks::lines(step, frame));
    }
    if run.steps.len() > 1 {
        text.push('\n');
        text.push_str(&sweep::grid(run, frame).draw(frame));
        if let Some(note) = sweep::footnote(run) {
            let _ = writeln!(text, "{note}");
        }
    }
    let found = findings::lines(run, frame);
    if !found.is_empty() {
        text.push_str("\nFindings\n");
        put(&mut text, &found);
    }
    text
}

pub(super) fn put(text: &mut String, lines: &[Line]) {
    for line in lines {
        let sign = line.tone.sign();
        let label = match line.label.chars().count() {
            0..=LABEL => line.label.clone(),
            // Longer than the column: something must tell it from the text.
            _ => format!("{}:", line.label),
        };
        let _ = writeln!(text, "{sign} {label:<LABEL$} {}", line.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_run_is_drawn_for_a_terminal() {
        insta::assert_snapshot!(text(&sample::sweep(), Frame::Box));
    }

    #[test]
    fn a_run_is_written_in_ascii() {
        let text = text(&sample::sweep(), Frame::Ascii);
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_run_without_a_step_says_why() {
        let text = text(&sample::failed(), Frame::Ascii);
        assert!(text.contains("failed: ") && !text.contains("Findings"), "{text}");
    }
}
