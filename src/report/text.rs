//! The report of a run as plain text, for a terminal or a file.

use std::fmt::Write as _;

use super::{
    Frame, compat, findings,
    grid::Grid,
    marks::{Line, Tone},
    sweep, table,
};
use crate::event::RunRecord;

/// Width of the labels beside lines.
const LABEL: usize = 16;

/// The report of a run: a table a step, the table of the sweep if it has several, the findings. No
/// line is longer than `width` characters, as far as that can be.
pub fn text(run: &RunRecord, frame: Frame, width: Option<usize>) -> String {
    let mut text = String::new();
    put(&mut text, &findings::heading(run, frame), width);
    for step in &run.steps {
        let _ = writeln!(text, "\n{}", table::title(step, frame));
        draw(&mut text, table::grid(step, frame), &table::SPARE, frame, width);
        if let Some(grid) = compat::grid(step, frame) {
            draw(&mut text, grid, &table::SPARE, frame, width);
        }
        put(&mut text, &super::marks::lines(step, frame), width);
    }
    if run.steps.len() > 1 {
        text.push('\n');
        draw(&mut text, sweep::grid(run, frame), &sweep::SPARE, frame, width);
        if let Some(note) = sweep::footnote(run) {
            let _ = writeln!(text, "{note}");
        }
    }
    let found = findings::lines(run, frame);
    if !found.is_empty() {
        text.push_str("\nFindings\n");
        put(&mut text, &found, width);
    }
    text
}

/// Puts a table that is no wider than `width`, without the columns that it takes.
pub(super) fn draw(
    text: &mut String,
    mut grid: Grid,
    spare: &[&str],
    frame: Frame,
    width: Option<usize>,
) {
    let gone = width.map_or_else(Vec::new, |width| grid.narrow(width, spare, frame));
    text.push_str(&grid.draw(frame));
    if !gone.is_empty() {
        let label = "left out";
        let line = Line::new(Tone::Plain, label, format!("{}, to fit", gone.join(", ")));
        put(text, &[line], width);
    }
}

pub(super) fn put(text: &mut String, lines: &[Line], width: Option<usize>) {
    for line in lines {
        let sign = line.tone.sign();
        let label = match line.label.chars().count() {
            0..=LABEL => line.label.clone(),
            // Longer than the column: something must tell it from the text.
            _ => format!("{}:", line.label),
        };
        let line = format!("{sign} {label:<LABEL$} {}", line.text);
        let _ = writeln!(text, "{}", width.map_or(line.clone(), |width| wrapped(&line, width)));
    }
}

/// The line, broken between words where it would be longer than `width`; what follows stands below
/// its text. Where that leaves no room, as it is.
fn wrapped(line: &str, width: usize) -> String {
    const INDENT: usize = LABEL + 3;
    if width < 2 * INDENT {
        return line.to_owned();
    }
    let (mut text, mut at) = (String::new(), 0);
    for word in line.split_inclusive(' ') {
        if at > INDENT && at + word.trim_end().chars().count() > width {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', INDENT));
            at = INDENT;
        }
        text.push_str(word);
        at += word.chars().count();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_run_is_drawn_for_a_terminal() {
        insta::assert_snapshot!(text(&sample::sweep(), Frame::Box, None));
    }

    #[test]
    fn a_run_is_written_in_ascii() {
        let text = text(&sample::sweep(), Frame::Ascii, None);
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_narrow_terminal_gets_narrow_lines() {
        let text = text(&sample::sweep(), Frame::Box, Some(80));
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(80), "{text}");
        for wanted in
            ["left out         p75, p90", "Time to first token", "┃ Avg Latency ┃ P99 Latency ┃"]
        {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
    }

    #[test]
    fn a_run_without_a_step_says_why() {
        let text = text(&sample::failed(), Frame::Ascii, None);
        assert!(text.contains("failed: ") && !text.contains("Findings"), "{text}");
    }
}
