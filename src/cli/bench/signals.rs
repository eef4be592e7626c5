//! The signals that end a benchmark.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGINT and SIGTERM, from now on.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    first: Option<u8>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(super) fn listen() -> io::Result<Self> {
        let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        Ok(Self { interrupt: interrupt?, terminate: terminate?, first: None })
    }

    /// The next signal. Can be given up and called again: none is lost.
    pub(super) async fn next(&mut self) -> u8 {
        let number = tokio::select! {
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
        };
        // Both are small and positive.
        let number = u8::try_from(number).unwrap_or(0);
        *self.first.get_or_insert(number)
    }

    /// The first signal, if one came: what the exit code tells.
    pub(super) const fn first(&self) -> Option<u8> {
        self.first
    }
}
