//! The last failures of every target, with where their time went.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::format::{ago, clock_time, duration};
use crate::{
    event::{Attribute, BeatKey, Span, Trace},
    sinks::traces::EACH,
};

/// Failures shown at most, all targets together; a page of more helps nobody.
const ROWS: usize = 60;

/// Width and height of a drawing of the spans, in pixels.
pub(super) const WIDTH: f64 = 240.0;
pub(super) const HEIGHT: f64 = 14.0;

/// A part that was too short to be seen is drawn this wide all the same.
const SEEN: f64 = 1.0;

/// The last failures of one target.
#[derive(Debug)]
pub(super) struct TargetFailures {
    pub(super) target: Arc<str>,
    /// How many are remembered.
    pub(super) known: usize,
    /// The latest first; of many targets each shows fewer.
    pub(super) rows: Vec<FailureRow>,
}

/// One failure.
#[derive(Debug)]
pub(super) struct FailureRow {
    pub(super) key: Arc<BeatKey>,
    pub(super) ago: String,
    pub(super) time: String,
    pub(super) outcome: String,
    pub(super) status: Option<i64>,
    pub(super) detail: String,
    pub(super) trace: String,
    pub(super) took: String,
    pub(super) parts: Vec<Part>,
}

/// One part of an exchange, as it is drawn and written.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) took: String,
    /// Whether it is the part in which the attempt failed.
    pub(super) cut: bool,
    pub(super) x: f64,
    pub(super) width: f64,
}

impl TargetFailures {
    /// The failures of the targets in `traces` that are `wanted`, the target of the latest first.
    /// Every target gets the same room, so that one that fails all the time hides no other.
    pub(super) fn of_all(
        traces: &BTreeMap<Arc<str>, Vec<Arc<Trace>>>,
        now: i64,
        wanted: impl Fn(&BeatKey) -> bool,
    ) -> Vec<Self> {
        let mut failing: Vec<(&Arc<str>, Vec<&Trace>)> = traces
            .iter()
            .map(|(target, all)| {
                let wanted = all.iter().rev().filter(|trace| wanted(&trace.key));
                (target, wanted.map(|trace| &**trace).collect::<Vec<_>>())
            })
            .filter(|(_, all)| !all.is_empty())
            .collect();
        let latest = |(_, all): &(_, Vec<&Trace>)| all.first().map(|trace| due(trace));
        failing.sort_by_key(|one| std::cmp::Reverse(latest(one)));
        failing.truncate(ROWS);
        let each = (ROWS / failing.len().max(1)).clamp(1, EACH);
        let shown = |(target, all): (&Arc<str>, Vec<&Trace>)| Self {
            target: Arc::clone(target),
            known: all.len(),
            rows: all.iter().take(each).map(|trace| FailureRow::of(trace, now)).collect(),
        };
        failing.into_iter().map(shown).collect()
    }
}

impl FailureRow {
    fn of(trace: &Trace, now: i64) -> Self {
        let root = trace.spans.first();
        let said = |name: &str| {
            let all = root.into_iter().flat_map(|root| &root.attributes);
            all.filter(|(known, _)| *known == name).map(|(_, value)| value).next()
        };
        let outcome = match said("tokenbeat.outcome") {
            Some(Attribute::Text(outcome)) => outcome.to_string(),
            _ => String::new(),
        };
        let status = match said("http.response.status_code") {
            Some(Attribute::Count(status)) => Some(*status),
            _ => None,
        };
        // The error of the root begins with the outcome, which stands beside it.
        let error = root.and_then(|root| root.error.as_deref()).unwrap_or_default();
        let detail = error.strip_prefix(outcome.as_str()).unwrap_or(error).trim_start_matches(": ");
        Self {
            key: Arc::clone(&trace.key),
            ago: ago(now, due(trace)),
            time: clock_time(due(trace)),
            status,
            detail: detail.to_owned(),
            trace: trace.id.to_string(),
            took: root.map(|root| duration(length(root))).unwrap_or_default(),
            parts: parts(trace),
            outcome,
        }
    }
}

/// What is drawn of a trace: the parts of the last attempt, and each earlier attempt as one part.
fn parts(trace: &Trace) -> Vec<Part> {
    let Some(root) = trace.spans.first() else { return Vec::new() };
    let whole = length(root).as_secs_f64();
    let scale = if whole > 0.0 { WIDTH / whole } else { 0.0 };
    let below = trace.spans.iter().filter(|span| span.parent == Some(root.id));
    let part = |span: &Span| {
        let from = span.start_unix_nanos.saturating_sub(root.start_unix_nanos) as f64 / 1e9;
        let width = (length(span).as_secs_f64() * scale).max(SEEN);
        Part {
            name: span.name,
            took: duration(length(span)),
            cut: span.error.is_some(),
            x: (from * scale).min(WIDTH - width),
            width,
        }
    };
    below.map(part).collect()
}

fn due(trace: &Trace) -> i64 {
    trace.spans.first().map_or(0, |root| root.start_unix_nanos)
}

fn length(span: &Span) -> Duration {
    let nanos = span.end_unix_nanos.saturating_sub(span.start_unix_nanos);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Kept, TraceContext};

    /// A failure due at a second, which took 10 s: 2 s to connect, and 8 s to wait in vain.
    fn trace(target: &str, due: i64) -> Arc<Trace> {
        const SECOND: i64 = 1_000_000_000;
        let context = TraceContext::of_bits(due.unsigned_abs().into(), 1);
        let span = |id, parent, name, from: i64, to: i64, error: Option<&str>| Span {
            id: TraceContext::of_bits(1, id).root,
            parent,
            name,
            start_unix_nanos: (due + from) * SECOND,
            end_unix_nanos: (due + to) * SECOND,
            attributes: vec![("tokenbeat.outcome", Attribute::Text("stall".into()))],
            error: error.map(Into::into),
        };
        let root = Some(context.root);
        let key = BeatKey { target: target.into(), model: "m".into(), probe: "p".into() };
        Arc::new(Trace {
            key: Arc::new(key),
            id: context.trace,
            kept: Kept::Failed,
            spans: vec![
                span(1, None, "beat", 0, 10, Some("stall: too quiet")),
                span(2, root, "connect", 0, 2, None),
                span(3, root, "wait", 2, 10, Some("stall")),
            ],
        })
    }

    #[test]
    fn a_failure_says_where_its_time_went() {
        let row = FailureRow::of(&trace("t", 5), 20_000_000_000);
        assert_eq!((&*row.outcome, &*row.detail, &*row.ago), ("stall", "too quiet", "15 s ago"));
        let parts: Vec<_> =
            row.parts.iter().map(|part| (part.name, part.cut, part.x, part.width)).collect();
        assert_eq!(parts, [("connect", false, 0.0, 48.0), ("wait", true, 48.0, 192.0)]);
    }

    #[test]
    fn every_target_has_the_same_room_and_the_latest_comes_first() {
        let mut traces: BTreeMap<Arc<str>, Vec<_>> = BTreeMap::new();
        for target in 0..10_i64 {
            let name = format!("t{target}");
            let mut all: Vec<_> = (0..20).map(|due| trace(&name, due)).collect();
            all.push(trace(&name, 100 + target));
            traces.insert(name.as_str().into(), all);
        }
        let shown = TargetFailures::of_all(&traces, 0, |key| &*key.target != "t8");
        let names: Vec<_> = shown.iter().map(|one| &*one.target).collect();
        assert_eq!(names[..2], ["t9", "t7"]);
        assert!(shown.iter().all(|one| one.rows.len() == 6 && one.known == 21), "{shown:?}");
    }
}
