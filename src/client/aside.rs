//! File work off the measuring thread.
//!
//! All exchanges of a process share one thread, which a file on a hung mount would stop. Work that
//! touches files therefore runs on the runtime's blocking threads. Work that hangs cannot be
//! stopped, so each owner of an `Aside` has few threads to lose and cannot use up those of others.

use std::sync::Arc;

use tokio::{sync::Semaphore, task::spawn_blocking};

/// Most threads that one owner has busy at a time.
const MOST: usize = 4;

/// One owner's share of the blocking threads.
#[derive(Clone, Debug)]
pub(crate) struct Aside(Arc<Semaphore>);

impl Default for Aside {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

impl Aside {
    /// Does `work` on another thread. Never done if earlier work hangs: to be waited for with a
    /// deadline. `None` if the runtime is shutting down or the work panicked.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let permit = Arc::clone(&self.0).acquire_owned().await.ok()?;
        let done = spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, time::Duration};

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn work_that_hangs_costs_its_owner_few_threads_and_others_nothing() {
        let (aside, other) = (Aside::default(), Aside::default());
        let mut hanging = Vec::new();
        for _ in 0..MOST {
            let (release, released) = mpsc::channel::<()>();
            let work = aside.run(move || released.recv().is_ok());
            assert!(timeout(Duration::from_millis(20), work).await.is_err(), "it hangs");
            hanging.push(release);
        }
        let late = timeout(Duration::from_millis(20), aside.run(|| ())).await;
        assert!(late.is_err(), "no thread is left to this owner");
        assert_eq!(other.run(|| 7).await, Some(7));
        for release in hanging {
            release.send(()).expect("it still waits");
        }
        assert_eq!(aside.run(|| 8).await, Some(8));
    }
}
