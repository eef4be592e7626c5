//! Idle connections of one endpoint.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::connection::Connection;
use crate::clock::Stamp;

/// An idle connection older than this is closed instead of used: most servers and middleboxes
/// have dropped it by then.
const IDLE: Duration = Duration::from_secs(90);

/// Most idle connections kept; more than one process has streams.
const MOST: usize = 4096;

/// Idle connections, the last used one on top.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Vec<(Stamp, Connection)>>);

impl Pool {
    /// An idle connection that still seems alive. It may die under the request all the same.
    pub(crate) fn take(&self) -> Option<Connection> {
        loop {
            let (since, mut connection) = self.lock().pop()?;
            if Stamp::now().since(since) < IDLE && connection.is_reusable() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for later, if it can be used again.
    pub(crate) fn give(&self, mut connection: Connection) {
        if connection.is_reusable() {
            let mut idle = self.lock();
            if idle.len() < MOST {
                idle.push((Stamp::now(), connection));
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Stamp, Connection)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} idle)", self.lock().len())
    }
}
