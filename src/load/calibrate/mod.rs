//! What this machine's client costs, measured against the built-in simulator.
//!
//! Owns the order of the measurement: first the overhead of single exchanges, against the stamps of
//! the simulator itself, then two ladders of rising load, as far as every rule of validity holds.
//! The simulator runs in a thread of this process, so the figures are those of a machine that also
//! serves: on another one the client alone can do more, never less. Bounded: some
//! fifteen seconds, on a machine that is busy otherwise up to half a minute.

mod bed;
mod ladder;
mod overhead;

use std::io;

use crate::{client::EndpointError, clock::Stamp, event::Calibration};

/// What keeps a calibration from being made.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The simulator cannot be started.
    #[error("the simulator cannot be started: {0}")]
    Simulator(#[source] io::Error),
    /// The client's threads cannot be started.
    #[error("the client cannot be started: {0}")]
    Client(#[source] io::Error),
    /// There is no way to the simulator.
    #[error("there is no way to the simulator: {0}")]
    Endpoint(#[from] EndpointError),
    /// No exchange with the simulator was measured.
    #[error("no exchange with the simulator succeeded; {0}")]
    NothingMeasured(String),
    /// A thread of the measurement panicked.
    #[error("the measurement broke off; this is a bug")]
    BrokenOff,
}

/// Measures this machine's client. Blocks for some fifteen seconds; not to be called on a runtime's
/// own thread. `tell` gets a line at each stage.
///
/// # Errors
/// If the simulator or the client cannot be started, or nothing could be measured.
pub fn calibrate(tell: &mut dyn FnMut(&str)) -> Result<Calibration, CalibrateError> {
    let start = Stamp::now();
    let overhead = overhead::measure()?;
    tell(&format!(
        "a time to first token reads {:.0} µs too long at the median, {:.0} µs at p99",
        overhead.p50.as_secs_f64() * 1e6,
        overhead.p99.as_secs_f64() * 1e6
    ));
    let requests = ladder::climb(ladder::REQUESTS, start, tell)?;
    let tokens = ladder::climb(ladder::TOKENS, start, tell)?;
    Ok(Calibration {
        ttft_overhead_p50: overhead.p50.as_secs_f64(),
        ttft_overhead_p99: overhead.p99.as_secs_f64(),
        send_lag_p99: requests.as_ref().map_or(0.0, |rung| rung.send_lag_p99),
        trusted_requests_per_second: requests.map_or(0.0, |rung| rung.requests_per_second),
        trusted_tokens_per_second: tokens.map_or(0.0, |rung| rung.tokens_per_second),
    })
}
