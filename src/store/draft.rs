//! The draft of a run that is under way: what is left of it if the process dies.
//!
//! A file of lines: the record as it stood at the start, then each step when it had ended. A last
//! line that was cut off is no step.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use super::folder;
use crate::event::{RunRecord, RunResult, StepRecord};

/// Begins the draft of `record`, which has no steps yet.
pub(super) fn begin(path: &Path, record: &RunRecord) -> io::Result<()> {
    let mut file = File::create(path)?;
    put(&mut file, &serde_json::to_string(record)?)
}

/// Adds a step that has ended.
pub(super) fn add(path: &Path, step: &StepRecord) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    put(&mut file, &serde_json::to_string(step)?)
}

/// The record of a run that never came to its end, with the steps that it had.
pub(super) fn close(path: &Path) -> io::Result<RunRecord> {
    let text = folder::text(path)?;
    let mut lines = text.lines();
    let mut record = folder::parse(lines.next().unwrap_or_default())?;
    record.steps = lines.map_while(|line| serde_json::from_str(line).ok()).collect();
    record.result = RunResult::Interrupted;
    record.reason = Some("tokenbeat ended while it ran".to_owned());
    let ends = record.steps.iter().map(|step| step.window.started_at + step.window.seconds);
    record.ended_at = ends.fold(record.started_at, f64::max);
    Ok(record)
}

/// One line, on the disk when this returns.
fn put(file: &mut File, line: &str) -> io::Result<()> {
    file.write_all(format!("{line}\n").as_bytes())?;
    file.sync_all()
}
