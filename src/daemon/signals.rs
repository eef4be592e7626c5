//! The signals of a well-behaved daemon.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGXFSZ, as it is numbered on all that we are built for: a write beyond the largest file that the
/// process may have (`ulimit -f`, systemd's `LimitFSIZE`).
const FILE_TOO_LARGE: i32 = 25;

/// From here on a write beyond the largest file fails, as on a full disk, and does not end the
/// process. Within a runtime.
///
/// # Errors
/// If the system does not let us.
pub(crate) fn outlive_large_files() -> io::Result<()> {
    // Nobody waits for it: it is enough that it is caught.
    drop(signal(SignalKind::from_raw(FILE_TOO_LARGE))?);
    Ok(())
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// SIGTERM or SIGINT, by its number.
    Stop(u8),
    /// SIGHUP.
    Reload,
}

/// The signals, caught from here on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    pub(super) fn catch() -> io::Result<Self> {
        outlive_large_files()?;
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next signal.
    pub(super) async fn next(&mut self) -> Request {
        tokio::select! {
            _ = self.terminate.recv() => Request::Stop(15),
            _ = self.interrupt.recv() => Request::Stop(2),
            _ = self.hang_up.recv() => Request::Reload,
        }
    }
}
