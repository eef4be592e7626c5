//! What engines and GPUs told, for the page and the API: the cause of a degraded window, and how it
//! stands with the sources.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    filter::Filter,
    format::{ago, clock_time, duration, ratio},
};
use crate::{
    event::{Cause, CauseRecord, Degraded, EngineFacts, TelemetrySource},
    report::{cause_evidence, cause_words},
};

/// Rows shown at most.
const ROWS: usize = 200;

/// Longest error shown in a row, in characters; the whole of it stands behind.
const ERROR_CHARS: usize = 120;

/// Why the last minutes of a probe missed an SLO, in words.
#[derive(Debug)]
pub(super) struct CauseNote {
    pub(super) cause: &'static str,
    pub(super) words: String,
    /// How much of the missed time it is; absent where it is no part of it.
    pub(super) part: Option<String>,
    pub(super) misses: String,
    /// The numbers that it rests on.
    pub(super) evidence: String,
}

impl CauseNote {
    pub(super) fn of(degraded: &Degraded) -> Self {
        let Degraded { slo, objective_ratio, judged, misses, cause } = degraded;
        Self {
            cause: cause.cause.as_str(),
            words: cause_words(cause, false).replace('`', ""),
            part: part(cause),
            misses: format!("{misses} of the last {judged} beats missed {slo}"),
            evidence: std::iter::once(format!("objective {}", ratio(*objective_ratio)))
                .chain(cause_evidence(cause))
                .collect::<Vec<_>>()
                .join(" · "),
        }
    }
}

/// The mean of the part that a cause names, and of all of what was missed.
fn part(cause: &CauseRecord) -> Option<String> {
    let mean = |name: &str| {
        let seconds = *cause.evidence.get(name)?;
        Duration::try_from_secs_f64(seconds).ok().map(duration)
    };
    let name = match cause.cause {
        Cause::Client => "client_wait_mean".to_owned(),
        other => format!("{}_mean", other.as_str()),
    };
    Some(format!("{} of {}, on average", mean(&name)?, mean("missed_mean")?))
}

/// The sources of one target.
#[derive(Debug)]
pub(super) struct SourcesRow {
    pub(super) target: Arc<str>,
    pub(super) engine: Option<SourceCell>,
    pub(super) gpus: Option<SourceCell>,
}

/// One source, and how its last reading went.
#[derive(Debug)]
pub(super) struct SourceCell {
    pub(super) up: Option<bool>,
    /// What it is of, as far as it is known.
    pub(super) name: String,
    /// What collects from GPUs.
    pub(super) source: &'static str,
    /// When it was last read: how long ago, and the time.
    pub(super) read: Option<(String, String)>,
    pub(super) error: Option<(String, String)>,
}

impl SourcesRow {
    /// Those of the targets that `filter` lets through.
    pub(super) fn of_all(
        sources: &BTreeMap<Arc<str>, Vec<TelemetrySource>>,
        now: i64,
        filter: &Filter,
    ) -> Vec<Self> {
        let wanted = sources.iter().filter(|(target, _)| filter.takes_target(target));
        let row = |(target, sources): (&Arc<str>, &Vec<TelemetrySource>)| {
            let (engine, gpus): (Vec<_>, Vec<_>) =
                sources.iter().partition(|one| one.source == "engine");
            let cell = |of: &[&TelemetrySource]| of.first().map(|one| SourceCell::of(one, now));
            Self { target: Arc::clone(target), engine: cell(&engine), gpus: cell(&gpus) }
        };
        wanted.take(ROWS).map(row).collect()
    }
}

impl SourceCell {
    fn of(source: &TelemetrySource, now: i64) -> Self {
        let (name, version) = (source.name.as_str(), source.version.as_str());
        let name = match (source.source, version) {
            (_, "") => name.to_owned(),
            ("engine", version) => format!("{name} {version}"),
            (_, driver) => format!("{name}, driver {driver}"),
        };
        let shorten = |error: &String| {
            let end = error.char_indices().nth(ERROR_CHARS).map(|(end, _)| end);
            let short = end.map_or_else(|| error.clone(), |end| format!("{}…", &error[..end]));
            (short, error.clone())
        };
        Self {
            up: source.is_up(),
            name,
            source: source.source,
            read: source.read_unix_nanos.map(|at| (ago(now, at), clock_time(at))),
            error: source.error.as_ref().map(shorten),
        }
    }
}

/// One source of a target, as JSON.
#[derive(Serialize)]
pub(super) struct SourceJson<'a> {
    source: &'static str,
    /// Absent before the first reading.
    #[serde(skip_serializing_if = "Option::is_none")]
    up: Option<bool>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    /// What the engine has loaded, with the names that it has in a run's record.
    #[serde(flatten)]
    facts: &'a EngineFacts,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

impl<'a> SourceJson<'a> {
    pub(super) fn of(source: &'a TelemetrySource) -> Self {
        Self {
            source: source.source,
            up: source.is_up(),
            name: &source.name,
            version: &source.version,
            facts: &source.facts,
            read_at: source.read_unix_nanos.map(clock_time),
            error: source.error.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(error: Option<String>) -> TelemetrySource {
        TelemetrySource {
            source: "engine",
            name: "vllm".to_owned(),
            version: String::new(),
            facts: EngineFacts::default(),
            read_unix_nanos: Some(0),
            error,
        }
    }

    #[test]
    fn a_long_error_is_cut_in_the_row_and_whole_behind_it() {
        let long = "é".repeat(500);
        let of = |error: &str| SourceCell::of(&source(Some(error.to_owned())), 90_000_000_000);
        let (short, whole) = of(&long).error.expect("an error");
        assert_eq!((short.chars().count(), whole), (ERROR_CHARS + 1, long));
        assert_eq!(of("refused").error.expect("an error").0, "refused");
        let cell = SourceCell::of(&source(None), 90_000_000_000);
        assert_eq!((cell.up, cell.name.as_str()), (Some(true), "vllm"));
        assert_eq!(cell.read.expect("read").0, "90 s ago");
        let unread = TelemetrySource { read_unix_nanos: None, ..source(None) };
        assert_eq!(SourceCell::of(&unread, 0).up, None);
    }

    #[test]
    fn targets_are_filtered_by_their_names() {
        let sources = [("prod".into(), vec![source(None)]), ("test".into(), Vec::new())].into();
        let of = |words: &str| {
            let filter = Filter { words: words.to_owned(), state: None };
            let rows = SourcesRow::of_all(&sources, 0, &filter);
            rows.into_iter().map(|row| row.target).collect::<Vec<_>>()
        };
        assert_eq!(of(""), ["prod".into(), "test".into()]);
        assert_eq!(of("PRO"), ["prod".into()]);
        assert!(of("qwen").is_empty());
    }
}
