//! What a source of GPU metrics has told so far: one account a target and source.
//!
//! Owns what is remembered from one collection to the next: counters through their restarts, XID
//! errors counted from what tells of the latest, and which GPUs are there. Must not know who
//! collects.

use std::{collections::BTreeMap, sync::Arc};

use super::told::{Gpu, GpuTold, Which, Xids};
use crate::{
    measure::catalogue::{Id, Reading},
    telemetry::rising::Rising,
};

/// Most GPUs of one target.
pub(super) const MOST_GPUS: usize = 1024;

/// What one source has told of the GPUs of one target.
#[derive(Debug)]
pub struct GpuAccount {
    target: Arc<str>,
    source: &'static str,
    gpus: BTreeMap<Gpu, Kept>,
    up: Option<bool>,
    last_success: Option<f64>,
}

/// One GPU as it was last told of.
#[derive(Debug, Default)]
struct Kept {
    /// Where it was told of.
    place: usize,
    /// What stands now; absent after a failure.
    now: Option<GpuTold>,
    counters: BTreeMap<Which, Rising>,
    xids: XidCounts,
}

/// XID errors by their code, and what was told last.
#[derive(Debug, Default)]
struct XidCounts {
    counts: BTreeMap<u32, f64>,
    latest: Option<u32>,
    of_late: Option<BTreeMap<u32, f64>>,
}

impl GpuAccount {
    /// An account of nothing yet; `source` is that of `tokenbeat_gpu_collector_up`.
    pub fn new(target: Arc<str>, source: &'static str) -> Self {
        Self { target, source, gpus: BTreeMap::new(), up: None, last_success: None }
    }

    /// Takes in a collection at a time in seconds since the Unix epoch: what each place told, in
    /// the order in which they are configured; `None` where one failed. It is a success if none
    /// did. One that tells of no GPU has nothing that is the target's.
    pub fn collected(&mut self, places: Vec<Option<Vec<GpuTold>>>, unix_seconds: f64) {
        let up = !places.is_empty() && places.iter().all(Option::is_some);
        self.up = Some(up);
        if up {
            self.last_success = Some(unix_seconds);
        }
        for kept in self.gpus.values_mut() {
            kept.now = None;
        }
        let heard: Vec<bool> = places.iter().map(Option::is_some).collect();
        for (place, told) in places.into_iter().enumerate() {
            for told in told.into_iter().flatten() {
                if self.gpus.len() < MOST_GPUS || self.gpus.contains_key(&told.gpu) {
                    self.gpus.entry(told.gpu.clone()).or_default().take_in(place, told);
                }
            }
        }
        // One that its place no longer tells of is gone; of one whose place is silent nobody knows.
        self.gpus.retain(|_, kept| kept.now.is_some() || heard.get(kept.place) != Some(&true));
    }

    /// Whether the last collection was a success; absent before the first.
    pub fn is_up(&self) -> Option<bool> {
        self.up
    }

    /// The readings of it.
    pub fn readings(&self) -> Vec<Reading> {
        let mut readings = Vec::new();
        let source = || vec![Arc::clone(&self.target), Arc::from(self.source)];
        if let Some(up) = self.up {
            let value = f64::from(u8::from(up));
            readings.push(Reading { id: Id::GpuCollectorUp, labels: source(), value });
        }
        if let Some(value) = self.last_success {
            readings.push(Reading { id: Id::GpuCollectorLastSuccess, labels: source(), value });
        }
        for (gpu, kept) in &self.gpus {
            let labels = [&self.target, &gpu.gpu, &gpu.uuid, &gpu.mig].map(Arc::clone);
            kept.readings(&labels, &mut readings);
        }
        readings
    }
}

impl Kept {
    fn take_in(&mut self, place: usize, told: GpuTold) {
        self.place = place;
        for (id, label, value) in &told.counters {
            self.counters.entry((*id, *label)).or_default().observe(*value);
        }
        self.xids.take_in(&told.xids);
        self.now = Some(told);
    }

    fn readings(&self, labels: &[Arc<str>; 4], into: &mut Vec<Reading>) {
        let mut push = |id, own: &[Arc<str>], value| {
            into.push(Reading { id, labels: [labels.as_slice(), own].concat(), value });
        };
        if let Some(now) = &self.now {
            push(Id::GpuInfo, &[Arc::clone(&now.name), Arc::clone(&now.driver)], 1.0);
            for (id, label, value) in &now.gauges {
                push(*id, &label.map(Arc::from).into_iter().collect::<Vec<_>>(), *value);
            }
            for (program, bytes) in &now.programs {
                push(Id::GpuProcessMemory, &[Arc::clone(program)], *bytes);
            }
        }
        if let Some(energy) = self.counters.get(&(Id::GpuEnergy, None)) {
            push(Id::GpuEnergy, &[], energy.value());
        }
        // A closed set exists at 0.
        for id in [Id::GpuThrottle, Id::GpuEccErrors] {
            for label in id.row().values {
                let counter = self.counters.get(&(id, Some(*label)));
                push(id, &[Arc::from(*label)], counter.map_or(0.0, |counter| counter.value()));
            }
        }
        let known = Id::GpuXidErrors.row().values;
        let mut codes: Vec<u32> = known.iter().filter_map(|code| code.parse().ok()).collect();
        codes.extend(
            self.xids.counts.keys().filter(|code| !known.contains(&code.to_string().as_str())),
        );
        codes.sort_unstable();
        for code in codes {
            let count = self.xids.counts.get(&code).copied().unwrap_or_default();
            push(Id::GpuXidErrors, &[code.to_string().into()], count);
        }
    }
}

impl XidCounts {
    /// What was there at first may be long past: it counts as nothing.
    fn take_in(&mut self, told: &Xids) {
        match told {
            Xids::Untold => {}
            Xids::Counted(counts) => self.counts = counts.iter().copied().collect(),
            Xids::Latest(code) => {
                if self.latest.is_some_and(|before| before != *code) && *code != 0 {
                    self.count(*code, 1.0);
                }
                self.latest = Some(*code);
            }
            Xids::OfLate(counts) => {
                let now: BTreeMap<u32, f64> = counts.iter().copied().collect();
                // One that a GPU that is known did not tell of before is new.
                let known = self.latest.is_some() || self.of_late.is_some();
                let before = self.of_late.replace(now.clone()).unwrap_or_default();
                for (code, count) in now.into_iter().filter(|_| known) {
                    // It falls as errors pass out of its window.
                    let new = count - before.get(&code).copied().unwrap_or_default();
                    if new > 0.0 {
                        self.count(code, new);
                    }
                }
            }
        }
    }

    fn count(&mut self, code: u32, times: f64) {
        *self.counts.entry(code).or_default() += times;
    }
}

#[cfg(test)]
#[path = "account/tests.rs"]
mod tests;
