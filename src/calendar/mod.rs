//! Times of the calendar: cron expressions in a time zone.
//!
//! Owns when a schedule is next due, across changes of clocks. Pure: whoever asks says what time it
//! is. Knows nothing of what is scheduled.

mod cron;
mod field;

pub use cron::{Cron, CronError};
