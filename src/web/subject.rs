//! Which probe a query means, and that a subject has one probe on demand at a time.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{event::BeatKey, sinks::recent::ProbeView};

/// The most names listed in an answer.
const NAMES: usize = 20;

type Known = (Arc<BeatKey>, Arc<ProbeView>);

/// Names given in a query; an absent one matches all.
#[derive(Debug, Default)]
pub(super) struct Names<'a> {
    pub(super) target: Option<&'a str>,
    pub(super) model: Option<&'a str>,
    pub(super) probe: Option<&'a str>,
}

/// Why a query means no single probe.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SelectError {
    #[error("no such probe; configured are:\n{0}")]
    Unknown(String),
    #[error("several probes match, give target, model and probe of one of them:\n{0}")]
    Ambiguous(String),
}

/// The one probe among `probes` that `names` means.
pub(super) fn select(probes: Vec<Known>, names: &Names<'_>) -> Result<Known, SelectError> {
    let is = |wanted: Option<&str>, name: &str| wanted.is_none_or(|wanted| wanted == name);
    let (mut matching, others): (Vec<_>, Vec<_>) = probes.into_iter().partition(|(key, _)| {
        is(names.target, &key.target) && is(names.model, &key.model) && is(names.probe, &key.probe)
    });
    match (matching.pop(), matching.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            matching.push(last);
            Err(SelectError::Ambiguous(list(&matching)))
        }
        (None, _) => Err(SelectError::Unknown(list(&others))),
    }
}

/// Names as Rust writes strings: a line break in one cannot forge a line of ours.
fn list(probes: &[Known]) -> String {
    let mut lines: Vec<_> = probes
        .iter()
        .take(NAMES)
        .map(|(key, _)| {
            format!("  target={:?} model={:?} probe={:?}", key.target, key.model, key.probe)
        })
        .collect();
    if probes.len() > NAMES {
        lines.push(format!("  … and {} more, see api/v1/probes", probes.len() - NAMES));
    }
    if probes.is_empty() {
        lines.push("  none".to_owned());
    }
    lines.join("\n")
}

type Subject = (Arc<str>, Arc<str>);

/// The subjects with a probe on demand in flight.
#[derive(Debug, Default)]
pub(super) struct InFlight(Mutex<HashSet<Subject>>);

impl InFlight {
    /// Takes the subject of `key`, unless it is taken.
    pub(super) fn take(self: &Arc<Self>, key: &BeatKey) -> Option<Slot> {
        let subject = (Arc::clone(&key.target), Arc::clone(&key.model));
        let mut subjects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        subjects.insert(subject.clone()).then(|| Slot { in_flight: Arc::clone(self), subject })
    }
}

/// A subject taken; given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    in_flight: Arc<InFlight>,
    subject: Subject,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut subjects = self.in_flight.0.lock().unwrap_or_else(PoisonError::into_inner);
        subjects.remove(&self.subject);
    }
}
