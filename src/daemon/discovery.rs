//! The models behind `models: all`, asked of the targets themselves.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::task::JoinSet;

use crate::{check, config::Models, load::Link};

/// How often targets are asked.
pub(super) const PERIOD: Duration = Duration::from_secs(300);

/// How long a target may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// What one round of asking brought.
#[derive(Default)]
pub(super) struct Round {
    /// The models of each target that answered, at most as many as it may have.
    pub(super) found: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// The targets that did not answer.
    pub(super) failures: Vec<Failure>,
    /// Models that were left out because of a limit.
    pub(super) dropped: usize,
}

/// A target that could not be asked.
pub(super) struct Failure {
    pub(super) target: Arc<str>,
    pub(super) reason: String,
}

/// Asks each of `links` that wants it, all at once.
pub(super) async fn round(links: Vec<Arc<Link>>) -> Round {
    let mut asked = JoinSet::new();
    for link in links {
        let Models::All { limit } = link.target().models else { continue };
        asked.spawn(async move {
            let listed = check::listed_models(&link, LIMIT).await;
            (Arc::clone(&link.target().name), limit, listed)
        });
    }
    let mut round = Round::default();
    while let Some(answer) = asked.join_next().await {
        // A panic is a bug that the others need not suffer from.
        let Ok((target, limit, listed)) = answer else { continue };
        match listed {
            Ok(names) => {
                // Sorted, so that a limit always leaves out the same ones.
                let names: BTreeSet<Arc<str>> = names.into_iter().map(Arc::from).collect();
                round.dropped += names.len().saturating_sub(limit);
                round.found.push((target, names.into_iter().take(limit).collect()));
            }
            Err(reason) => round.failures.push(Failure { target, reason }),
        }
    }
    round
}
