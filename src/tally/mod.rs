//! The exchanges of one step become its record.
//!
//! Owns what a step is judged by: its window, rates, percentiles with failures as infinite,
//! validity, standings. Memory does not grow with the number of exchanges. Pure: is told of every
//! due time and every end, and of the step's own lateness; knows nothing of who makes exchanges.

mod answers;
mod attempts;
mod latencies;
mod rates;
mod standings;
mod step;
mod tokens;
mod told;
mod validity;
mod warnings;
mod window;

pub use answers::Answers;
pub use step::StepTally;
pub use told::{Ended, Looked, Phase, Pressure, Surroundings, TallySpec};
