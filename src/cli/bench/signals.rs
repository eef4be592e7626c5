//! The signals that end a benchmark.

use std::{io, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

use crate::daemon::outlive_large_files;

/// For how long a SIGTERM that repeats the first is taken for the same: `timeout` sends one to the
/// command and one to its whole group. Nobody wants that to give up what is in flight.
const ECHO: Duration = Duration::from_millis(500);

/// SIGINT and SIGTERM, from now on.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    terminated: Option<Instant>,
    first: Option<u8>,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// If the system does not let us.
    pub(super) fn listen() -> io::Result<Self> {
        outlive_large_files()?;
        let [interrupt, terminate] = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
        Ok(Self { interrupt: interrupt?, terminate: terminate?, terminated: None, first: None })
    }

    /// The next signal. Can be given up and called again: none is lost.
    pub(super) async fn next(&mut self) -> u8 {
        let number = loop {
            tokio::select! {
                _ = self.interrupt.recv() => break SignalKind::interrupt().as_raw_value(),
                _ = self.terminate.recv() => {
                    let now = Instant::now();
                    if self.terminated.is_none_or(|first| now - first > ECHO) {
                        self.terminated = Some(now);
                        break SignalKind::terminate().as_raw_value();
                    }
                }
            }
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
