//! Runs: a scenario carried out step by step.
//!
//! Owns warm-up, the drive of each step, stop rules, settling, searches, the budget's end, and the
//! record. Knows nothing of who listens behind [`crate::event::RunSink`].
//!
//! | file | owns |
//! |---|---|
//! | `order`, `halt` | what a run is to do, and how it is ended from outside |
//! | `conduct`, `steps` | a run from its first step to its record; which step comes next |
//! | `sizing` | what a run asks before its first step, to learn how long its prompts become |
//! | `step`, `course`, `stop`, `decide` | one step: its phases, its end by number, time, rule or verdict |
//! | `drive` | what the exchanges of a step share: begin, end, tally |
//! | `drive_closed`, `drive_open`, `talk` | users, schedules and the gate; the turns of a session |
//! | `ground`, `seeds`, `drain` | clock, alarms and exchanges; seeds of the draws; the last exchanges |
//! | `record`, `asked`, `environment`, `failures`, `held`, `words` | the record and what stands in it |
//! | `beside`, `joined` | what engine and GPUs tell during a step, and what follows from it |
//! | `progress` | where a run stands |

mod asked;
mod beside;
mod conduct;
mod course;
mod decide;
mod drain;
mod drive;
mod drive_closed;
mod drive_open;
mod environment;
mod failures;
#[cfg(test)]
mod fake;
mod ground;
mod halt;
mod held;
mod joined;
mod order;
mod progress;
mod record;
mod seeds;
mod sizing;
mod step;
mod steps;
mod stop;
mod talk;
#[cfg(test)]
mod tests;
mod words;

pub use beside::{Sight, Witness};
pub use conduct::run;
pub use halt::{Halt, HaltReason};
pub use order::RunOrder;
