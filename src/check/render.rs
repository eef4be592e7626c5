//! The form for people: a line a check, the numbers, a summary.

use std::io::{self, Write};

use super::{
    numbers::Numbers,
    report::{Check, Report, Status},
    words::count,
};

/// Whether the output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// It is: a terminal reads it, and `NO_COLOR` is not set.
    Yes,
    /// It is not.
    No,
}

/// Width of the longest name of a check.
const NAMES: usize = 14;

impl Report {
    /// Writes the report for people.
    ///
    /// # Errors
    /// If `out` does not take it.
    pub fn render(&self, out: &mut dyn Write, colour: Colour) -> io::Result<()> {
        writeln!(out, "{} ({}, {})", self.target, self.url, self.api)?;
        let (tried, left): (Vec<_>, Vec<_>) = self.checks.iter().partition(|it| it.was_tried());
        for check in tried {
            check.render(out, colour)?;
        }
        if !left.is_empty() {
            let names: Vec<_> = left.iter().map(|check| check.name.as_str()).collect();
            let sign = colour.paint(Status::Skipped);
            writeln!(out, "{sign} {:NAMES$}  {}", "not tried", names.join(", "))?;
        }
        if let Some(metrics) = &self.engine_metrics {
            for family in metrics.missing() {
                fact(out, "not told", &format!("{}: {}", family.as_str(), family.without()))?;
            }
        }
        if let Some(numbers) = &self.numbers {
            numbers.render(out)?;
        }
        if let Some(sample) = &self.sample {
            fact(out, "sample", &format!("“{sample}”"))?;
        }
        let verdict = if self.passed() { Status::Passed } else { Status::Failed };
        let summary = [Status::Passed, Status::Warned, Status::Failed, Status::Skipped];
        let summary =
            summary.map(|status| format!("{} {}", self.number_of(status), status.as_str()));
        let word = if self.passed() { "passed" } else { "failed" };
        writeln!(out, "{} {word}: {}", colour.paint(verdict), summary.join(", "))
    }
}

impl Check {
    fn render(&self, out: &mut dyn Write, colour: Colour) -> io::Result<()> {
        let Self { name, status, detail, .. } = self;
        writeln!(out, "{} {:NAMES$}  {detail}", colour.paint(*status), name.as_str())
    }
}

impl Numbers {
    fn render(&self, out: &mut dyn Write) -> io::Result<()> {
        let phases = self.phases();
        if !phases.is_empty() {
            fact(out, "phases", &phases)?;
        }
        if !self.refused.is_empty() {
            let fields = count(self.refused.len(), "field");
            fact(out, "refused", &format!("{fields}, left out: {}", self.refused.join(", ")))?;
        }
        Ok(())
    }
}

impl Status {
    /// The sign before a line.
    const fn sign(self) -> &'static str {
        match self {
            Self::Passed => "✓",
            Self::Warned => "!",
            Self::Failed => "✗",
            Self::Skipped => "–",
        }
    }
}

impl Colour {
    fn paint(self, status: Status) -> String {
        let code = match status {
            Status::Passed => "32",
            Status::Warned => "33",
            Status::Failed => "31",
            Status::Skipped => "2",
        };
        match self {
            Self::Yes => format!("\u{1b}[{code}m{}\u{1b}[0m", status.sign()),
            Self::No => status.sign().to_owned(),
        }
    }
}

fn fact(out: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    writeln!(out, "  {name:NAMES$}  {text}")
}

#[cfg(test)]
mod tests {
    use super::{super::report::Name, *};

    #[test]
    fn every_name_fits_its_column() {
        let longest = Name::ALL.iter().map(|name| name.as_str().len()).max();
        assert_eq!(longest, Some(NAMES));
    }

    #[test]
    fn only_the_signs_are_coloured() {
        let check = Check::new(Name::Model, Status::Failed, "no");
        let lines = [Colour::Yes, Colour::No].map(|colour| {
            let mut out = Vec::new();
            check.render(&mut out, colour).expect("written");
            String::from_utf8(out).expect("text")
        });
        assert_eq!(lines[0], "\u{1b}[31m✗\u{1b}[0m model           no\n");
        assert_eq!(lines[1], "✗ model           no\n");
    }
}
