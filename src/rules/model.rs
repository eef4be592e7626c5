//! What a group of rules is.

use std::borrow::Cow;

/// Rules that are evaluated one after the other, at one interval.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name, unique in a file.
    pub name: &'static str,
    /// How often it is evaluated, as Prometheus writes a duration; absent: as the server says.
    pub interval: Option<&'static str>,
    /// Its rules.
    pub rules: Vec<Rule>,
}

/// A recording or an alert.
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// A series computed ahead.
    Record(Record),
    /// A condition that somebody is to hear of.
    Alert(Alert),
}

/// A series computed ahead.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its name: `level:metric:operation`.
    pub name: String,
    /// Its PromQL.
    pub expr: String,
}

/// A condition that somebody is to hear of.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// Its name. Alerts of one name differ in severity or labels and share a runbook.
    pub name: &'static str,
    /// How urgent it is.
    pub severity: Severity,
    /// The PromQL whose series are the alerts.
    pub expr: String,
    /// How long it must hold before it fires, as Prometheus writes a duration.
    pub hold: &'static str,
    /// How long it fires on when it no longer holds, likewise; absent: not at all.
    pub keep: Option<&'static str>,
    /// Labels besides the severity.
    pub labels: Vec<(&'static str, Cow<'static, str>)>,
    /// One line: what is wrong with what.
    pub summary: Cow<'static, str>,
    /// The numbers, and where to look first.
    pub description: Cow<'static, str>,
}

/// How urgent an alert is, in the words of the Prometheus community.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Somebody looks now.
    Critical,
    /// Somebody looks within the working day.
    Warning,
    /// Nobody looks: it keeps others quiet.
    Info,
}

impl Severity {
    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Warning => "warning",
            Self::Info => "info",
        }
    }
}

impl Group {
    /// Its alerts.
    pub fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.rules.iter().filter_map(|rule| match rule {
            Rule::Alert(alert) => Some(alert),
            Rule::Record(_) => None,
        })
    }
}

impl From<Record> for Rule {
    fn from(record: Record) -> Self {
        Self::Record(record)
    }
}

impl From<Alert> for Rule {
    fn from(alert: Alert) -> Self {
        Self::Alert(alert)
    }
}
