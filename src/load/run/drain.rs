//! The end of a step's exchanges: all of them, by themselves if they may.

use std::time::Duration;

use tokio::{task::JoinSet, time::sleep};

use super::Halt;
use crate::load::exchange::report;

/// Time that an exchange gets beyond its own limit before it is given up: it should not need any.
const GRACE: Duration = Duration::from_secs(10);

/// Lets what is in flight end. None is cancelled, since engines account badly for requests that
/// are, unless the run is aborted or the exchange is past `longest`, its own limit.
pub(super) async fn drain(tasks: &mut JoinSet<()>, halt: &Halt, longest: Duration) {
    let limit = sleep(longest + GRACE);
    tokio::pin!(limit);
    loop {
        tokio::select! {
            biased;
            ended = tasks.join_next() => match ended {
                Some(ended) => report(ended),
                None => return,
            },
            () = halt.aborting() => break,
            () = &mut limit => {
                tracing::error!(left = tasks.len(), "exchanges outlived their limit; this is a bug");
                break;
            }
        }
    }
    tasks.shutdown().await;
}
