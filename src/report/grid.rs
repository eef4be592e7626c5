//! A table of texts, drawn.
//!
//! Owns frames and alignment. Knows nothing of what stands in the cells.

use std::fmt::Write as _;

/// How a table is drawn, and whether its texts may leave ASCII.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Lines of box-drawing characters: for a terminal.
    Box,
    /// ASCII only: for files, pipes and terminals that know no other.
    Ascii,
    /// A table of Markdown.
    Markdown,
}

/// A table: headings, and rows of as many cells. The first column stands to the left, the others
/// to the right.
#[derive(Clone, Debug, Default)]
pub(super) struct Grid {
    pub(super) head: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// The characters of one kind of horizontal line: left, fill, between, right.
type Rule = [char; 4];

impl Frame {
    /// What stands for a value that is not there.
    pub(super) const fn absent(self) -> &'static str {
        match self {
            Self::Box | Self::Markdown => "–",
            Self::Ascii => "-",
        }
    }

    /// What stands for an infinite value.
    pub(super) const fn infinity(self) -> &'static str {
        match self {
            Self::Box | Self::Markdown => "∞",
            Self::Ascii => "inf",
        }
    }

    /// What stands between two facts of one line.
    pub(super) const fn dot(self) -> &'static str {
        match self {
            Self::Box | Self::Markdown => " · ",
            Self::Ascii => ", ",
        }
    }

    /// Top, below the headings, bottom; none of Markdown's.
    const fn rules(self) -> [Option<Rule>; 3] {
        match self {
            Self::Box => {
                [Some(['┏', '━', '┳', '┓']), Some(['┡', '━', '╇', '┩']), Some(['└', '─', '┴', '┘'])]
            }
            Self::Ascii => [Some(['+', '-', '+', '+']); 3],
            Self::Markdown => [None, None, None],
        }
    }

    /// What stands between cells: in the row of the headings, and below it.
    const fn bars(self) -> (char, char) {
        match self {
            Self::Box => ('┃', '│'),
            Self::Ascii | Self::Markdown => ('|', '|'),
        }
    }
}

impl Grid {
    /// A table with these headings.
    pub(super) fn new(head: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { head: head.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// Leaves out columns, those called as in `spare` in that order, until a line is no wider than
    /// `most` characters or no more of them is there. Returns the headings that went.
    pub(super) fn narrow<'a>(
        &mut self,
        most: usize,
        spare: &[&'a str],
        frame: Frame,
    ) -> Vec<&'a str> {
        let mut gone = Vec::new();
        for heading in spare {
            if self.widths(frame).iter().map(|width| width + 3).sum::<usize>() < most {
                break;
            }
            if let Some(at) = self.head.iter().position(|head| head == heading) {
                self.head.remove(at);
                for row in &mut self.rows {
                    row.remove(at);
                }
                gone.push(*heading);
            }
        }
        gone
    }

    /// The table as lines, each with its end.
    pub(super) fn draw(&self, frame: Frame) -> String {
        let widths = self.widths(frame);
        let (heads, bars) = frame.bars();
        let [top, below, bottom] = frame.rules();
        let mut text = String::new();
        rule(&mut text, top, &widths);
        row(&mut text, heads, &self.head, &widths, frame);
        match frame {
            Frame::Markdown => markdown_rule(&mut text, &widths),
            Frame::Box | Frame::Ascii => rule(&mut text, below, &widths),
        }
        for cells in &self.rows {
            row(&mut text, bars, cells, &widths, frame);
        }
        rule(&mut text, bottom, &widths);
        text
    }

    fn widths(&self, frame: Frame) -> Vec<usize> {
        (0..self.head.len())
            .map(|at| self.lines().map(|line| width(&line[at], frame)).max().unwrap_or(0))
            .collect()
    }

    fn lines(&self) -> impl Iterator<Item = &Vec<String>> {
        std::iter::once(&self.head).chain(&self.rows)
    }
}

/// The cell as it is drawn. What would end a cell of Markdown is escaped.
fn drawn(cell: &str, frame: Frame) -> String {
    match frame {
        Frame::Markdown => cell.replace('|', "\\|"),
        Frame::Box | Frame::Ascii => cell.to_owned(),
    }
}

fn width(cell: &str, frame: Frame) -> usize {
    drawn(cell, frame).chars().count()
}

fn rule(text: &mut String, rule: Option<Rule>, widths: &[usize]) {
    let Some([left, fill, between, right]) = rule else { return };
    text.push(left);
    for (at, width) in widths.iter().enumerate() {
        if at > 0 {
            text.push(between);
        }
        text.extend(std::iter::repeat_n(fill, width + 2));
    }
    text.push(right);
    text.push('\n');
}

fn markdown_rule(text: &mut String, widths: &[usize]) {
    text.push('|');
    for (at, width) in widths.iter().enumerate() {
        text.extend(std::iter::repeat_n('-', width + 1));
        text.push_str(if at == 0 { "-|" } else { ":|" });
    }
    text.push('\n');
}

fn row(text: &mut String, bar: char, cells: &[String], widths: &[usize], frame: Frame) {
    for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let cell = drawn(cell, frame);
        // Writing to a string cannot fail.
        let _ = match at {
            0 => write!(text, "{bar} {cell:<width$} "),
            _ => write!(text, "{bar} {cell:>width$} "),
        };
    }
    text.push(bar);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        let mut grid = Grid::new(["Load", "p99"]);
        grid.rows.push(vec!["20 users".to_owned(), "∞".to_owned()]);
        grid.rows.push(vec!["a|b".to_owned(), "1,234.50".to_owned()]);
        grid
    }

    #[test]
    fn every_line_of_a_table_is_as_wide_as_the_others() {
        for frame in [Frame::Box, Frame::Ascii, Frame::Markdown] {
            let drawn = grid().draw(frame);
            let widths: std::collections::BTreeSet<_> =
                drawn.lines().map(|line| line.chars().count()).collect();
            assert_eq!(widths.len(), 1, "{drawn}");
        }
    }

    #[test]
    fn a_narrow_terminal_costs_the_columns_that_can_be_spared() {
        let drawn = |most, spare: &[&str]| {
            let mut grid = grid();
            grid.head.push("n".to_owned());
            grid.rows.iter_mut().for_each(|row| row.push("12".to_owned()));
            let gone = grid.narrow(most, spare, Frame::Ascii).join(" ");
            let longest = grid.draw(Frame::Ascii).lines().map(|line| line.chars().count()).max();
            (longest.unwrap_or(0), gone)
        };
        let whole = drawn(usize::MAX, &[]).0;
        assert_eq!(drawn(whole, &["n"]), (whole, String::new()));
        assert_eq!(drawn(whole - 1, &["n", "p99"]), (whole - 5, "n".to_owned()));
        assert_eq!(drawn(1, &["none", "n"]).1, "n");
    }

    #[test]
    fn a_bar_ends_no_cell_of_markdown() {
        assert!(grid().draw(Frame::Markdown).contains("a\\|b"));
        assert!(grid().draw(Frame::Markdown).contains("---:|"));
    }
}
