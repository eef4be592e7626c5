//! The runtime on which everything that is measured runs.

use std::io;

use tokio::runtime::{Builder, Runtime};

/// A runtime of one thread, the caller's: what a driver runs on.
///
/// The pacer wakes the driver from its own thread, and while there is other work tokio looks for
/// such wakes only at every 31st task. A beat would go out late by as many reads, so here it looks
/// every time, which costs a load.
///
/// # Errors
/// If the system gives no event queue.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().global_queue_interval(1).build()
}
