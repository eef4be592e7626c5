//! The models behind `models: all`, asked of the targets themselves.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use tokio::task::JoinSet;

use crate::{check, config::Models, load::Link};

/// How often targets are asked.
pub(super) const PERIOD: Duration = Duration::from_secs(300);

/// How long a target may take to answer.
const LIMIT: Duration = Duration::from_secs(10);

/// What one round of asking brought.
#[derive(Default)]
pub(super) struct Round {
    /// What each target listed that answered, by the link that it was asked on.
    pub(super) listed: Vec<(Arc<Link>, Listed)>,
    /// The targets that did not answer.
    pub(super) failures: Vec<Failure>,
}

/// The models of a target, as far as they are probed.
#[derive(Debug)]
pub(super) struct Listed {
    /// At most as many as the target may have.
    models: Vec<Arc<str>>,
    /// How many were left out because of that limit.
    dropped: usize,
}

/// A target that could not be asked.
pub(super) struct Failure {
    pub(super) link: Arc<Link>,
    pub(super) reason: String,
}

/// What targets listed when they last answered.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<Arc<str>, (Arc<Link>, Listed)>);

impl Known {
    /// The models behind `link`; none of what another target of its name listed.
    pub(super) fn models_of(&self, link: &Link) -> &[Arc<str>] {
        let listed = self.0.get(&link.target().name);
        let listed = listed.filter(|(asked, _)| asked.leads_to(link.target()));
        listed.map_or(&[], |(_, listed)| &listed.models)
    }

    /// Models that are probed, of all targets.
    pub(super) fn models(&self) -> usize {
        self.0.values().map(|(_, listed)| listed.models.len()).sum()
    }

    /// Models that are not because of a limit, of all targets.
    pub(super) fn dropped(&self) -> usize {
        self.0.values().map(|(_, listed)| listed.dropped).sum()
    }

    /// Takes in what targets listed now.
    pub(super) fn take_in(&mut self, listed: Vec<(Arc<Link>, Listed)>) {
        let named = listed.into_iter().map(|one| (Arc::clone(&one.0.target().name), one));
        self.0.extend(named);
    }

    /// Forgets the targets that none of `links` leads to; whether there were any.
    pub(super) fn forget_all_but(&mut self, links: &[Arc<Link>]) -> bool {
        let before = self.0.len();
        self.0.retain(|name, (asked, _)| {
            links.iter().any(|link| link.target().name == *name && asked.leads_to(link.target()))
        });
        self.0.len() < before
    }
}

impl Round {
    /// Leaves out what was not asked on one of `links`: a reload has put other targets there since,
    /// and has had those asked.
    pub(super) fn leave_out_all_but(&mut self, links: &[Arc<Link>]) {
        let stands = |asked: &Arc<Link>| links.iter().any(|link| Arc::ptr_eq(link, asked));
        self.listed.retain(|(asked, _)| stands(asked));
        self.failures.retain(|failure| stands(&failure.link));
    }
}

/// Asks each of `links` that wants it, all at once.
pub(super) async fn round(links: Vec<Arc<Link>>) -> Round {
    let mut asked = JoinSet::new();
    for link in links {
        let Models::All { limit } = link.target().models else { continue };
        asked.spawn(async move {
            let listed = check::listed_models(&link, LIMIT).await;
            (link, limit, listed)
        });
    }
    let mut round = Round::default();
    while let Some(answer) = asked.join_next().await {
        // A panic is a bug that the others need not suffer from.
        let Ok((link, limit, listed)) = answer else { continue };
        match listed {
            Ok(names) => {
                // Sorted, so that a limit always leaves out the same ones.
                let names: BTreeSet<Arc<str>> = names.into_iter().map(Arc::from).collect();
                let dropped = names.len().saturating_sub(limit);
                let models = names.into_iter().take(limit).collect();
                round.listed.push((link, Listed { models, dropped }));
            }
            Err(reason) => round.failures.push(Failure { link, reason }),
        }
    }
    round
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn link(url: &str) -> Arc<Link> {
        let text = format!("targets: [{{name: t, url: '{url}', api: openai_chat, models: all}}]");
        let config = config::load_str("a.yml", &text).expect("a configuration");
        Link::new(Arc::clone(&config.targets[0])).expect("a link")
    }

    fn listed() -> Listed {
        Listed { models: vec!["m".into()], dropped: 2 }
    }

    #[test]
    fn what_a_target_listed_is_not_another_ones() {
        let (one, again) = (link("http://one.test"), link("http://one.test"));
        let other = link("http://other.test");
        let mut known = Known::default();
        known.take_in(vec![(Arc::clone(&one), listed())]);
        assert_eq!((known.models(), known.dropped()), (1, 2));
        assert_eq!((known.models_of(&again).len(), known.models_of(&other).len()), (1, 0));
        assert!(!known.forget_all_but(&[again]));
        assert!(known.forget_all_but(&[other]));
        assert_eq!((known.models(), known.dropped()), (0, 0));
    }

    #[test]
    fn a_round_that_a_reload_overtook_is_left_out() {
        let (before, now) = (link("http://one.test"), link("http://one.test"));
        let failure = |link: &Arc<Link>| Failure { link: Arc::clone(link), reason: String::new() };
        let mut round = Round {
            listed: vec![(Arc::clone(&before), listed()), (Arc::clone(&now), listed())],
            failures: vec![failure(&before)],
        };
        round.leave_out_all_but(&[Arc::clone(&now)]);
        assert!(matches!(&round.listed[..], [(link, _)] if Arc::ptr_eq(link, &now)));
        assert!(round.failures.is_empty());
    }
}
