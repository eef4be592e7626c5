//! The table of another tool's definitions, where they were asked for.

use super::{Frame, grid::Grid, number::Statistic};
use crate::event::StepRecord;

/// The same exchanges by another tool's definitions, in milliseconds; absent if nobody asked.
pub(super) fn grid(step: &StepRecord, frame: Frame) -> Option<Grid> {
    if step.compat.is_empty() {
        return None;
    }
    let statistics = Statistic::ALL.map(Statistic::as_str);
    let mut grid =
        Grid::new(["As the other tool has it (ms)"].into_iter().chain(statistics).chain(["n"]));
    for (name, latency) in &step.compat {
        let mut row = vec![name.clone()];
        row.extend(Statistic::ALL.map(|it| it.of(latency).write(1e3, 2, frame)));
        row.push(latency.n.to_string());
        grid.rows.push(row);
    }
    Some(grid)
}
