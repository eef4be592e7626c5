//! All subjects of a configuration, and what a new configuration changes about them.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use super::discovery::Known;
use crate::{
    client::EndpointError,
    config::{Config, Global, Models, Probe, Sweep, Target},
    event::BeatKey,
    load::{Link, Subject},
};

/// All subjects that beat.
#[derive(Default)]
pub(super) struct Fleet {
    links: Links,
    subjects: BTreeMap<Arc<BeatKey>, (Definition, Arc<Subject>)>,
}

/// A sweep of one target, with the models that are known.
pub(super) struct Swept {
    pub(super) sweep: Arc<Sweep>,
    pub(super) link: Arc<Link>,
    /// The links to every target of that origin, by whatever name: the load is theirs too.
    pub(super) beside: Vec<Arc<Link>>,
    pub(super) models: Vec<Arc<str>>,
}

/// The targets of models, by the names of both.
pub(super) type Targets = BTreeMap<(Arc<str>, Arc<str>), Arc<Target>>;

/// The links, by target.
type Links = BTreeMap<Arc<str>, (Definition, Arc<Link>)>;

/// What a new configuration changes. What is in neither list beats on, undisturbed.
#[derive(Default)]
pub(super) struct Change {
    /// Subjects that are new, or no longer what they were.
    pub(super) start: Vec<Arc<Subject>>,
    /// Subjects that are gone, or no longer what they were.
    pub(super) stop: Vec<Arc<BeatKey>>,
    /// Those of `stop` that are not started again.
    pub(super) gone: Vec<Arc<BeatKey>>,
}

/// What a link or subject was made from. Two are the same if they print the same; secrets are no
/// part of a configuration, only their places are.
#[derive(PartialEq, Eq)]
struct Definition(String);

impl Fleet {
    /// Takes over `config`, with the models that discovery knows of.
    ///
    /// # Errors
    /// If a target's URL is none that the client can go to. Nothing is changed then.
    pub(super) fn apply(
        &mut self,
        config: &Config,
        known: &Known,
    ) -> Result<Change, EndpointError> {
        let links = self.links(config)?;
        let mut wanted = BTreeMap::new();
        for probe in &config.probes {
            let probe = Arc::new(probe.clone());
            for target in &probe.targets {
                let Some((_, link)) = links.get(&target.name) else { continue };
                for model in models(link, known) {
                    let definition = Definition::of_subject(target, &probe, &config.global);
                    let subject = Subject::new(
                        Arc::clone(link),
                        Arc::clone(model),
                        Arc::clone(&probe),
                        &config.global,
                    );
                    let subject = match self.subjects.get(subject.key()) {
                        Some((_, old)) => subject.in_place_of(old),
                        None => subject,
                    };
                    wanted.insert(Arc::clone(subject.key()), (definition, Arc::new(subject)));
                }
            }
        }
        let mut change = Change::default();
        let same = |one: Option<&(Definition, _)>, other: &Definition| {
            one.is_some_and(|(definition, _)| definition == other)
        };
        for (key, (definition, _)) in &self.subjects {
            if !same(wanted.get(key), definition) {
                change.stop.push(Arc::clone(key));
                if !wanted.contains_key(key) {
                    change.gone.push(Arc::clone(key));
                }
            }
        }
        for key in &change.stop {
            self.subjects.remove(key);
        }
        for (key, (definition, subject)) in wanted {
            if let Entry::Vacant(place) = self.subjects.entry(key) {
                change.start.push(Arc::clone(&subject));
                place.insert((definition, subject));
            }
        }
        self.links = links;
        Ok(change)
    }

    /// The sweeps of `config`, on the links that were taken over from it.
    pub(super) fn sweeps(&self, config: &Config, known: &Known) -> Vec<Swept> {
        let of = |sweep: &Arc<Sweep>, target: &Arc<Target>| {
            let (_, link) = self.links.get(&target.name)?;
            let models = models(link, known).to_vec();
            let origin = target.url.origin();
            let all = self.links.values().map(|(_, link)| link);
            let beside = all.filter(|link| link.target().url.origin() == origin).cloned().collect();
            Some(Swept { sweep: Arc::clone(sweep), link: Arc::clone(link), beside, models })
        };
        let sweeps = config.sweeps.iter();
        sweeps.flat_map(|sweep| sweep.targets.iter().filter_map(|at| of(sweep, at))).collect()
    }

    /// The links to all targets, with the models that are known of each.
    pub(super) fn watched(&self, known: &Known) -> Vec<(Arc<Link>, Vec<Arc<str>>)> {
        let links = self.links.values().map(|(_, link)| link);
        links.map(|link| (Arc::clone(link), models(link, known).to_vec())).collect()
    }

    /// The links whose tokenizer is yet to be read, because a probe holds usage against its count.
    pub(super) fn unprepared(&self) -> Vec<Arc<Link>> {
        let subjects = self.subjects.values().map(|(_, subject)| subject);
        let wanting = subjects.filter(|subject| subject.probe().workload.checks_usage());
        let links: BTreeMap<_, _> =
            wanting.map(|subject| (&subject.link().target().name, subject.link())).collect();
        let unread =
            |link: &&&Arc<Link>| link.target().tokenizer.is_some() && link.tokenizer().is_none();
        links.values().filter(unread).map(|link| Arc::clone(link)).collect()
    }

    /// How many subjects there are.
    pub(super) fn len(&self) -> usize {
        self.subjects.len()
    }

    /// The models that are probed, or swept as `swept` says, by their names and those of their
    /// targets, which they come with.
    pub(super) fn targets(&self, swept: &[Swept]) -> Targets {
        let probed = self.subjects.values();
        let probed = probed.map(|(_, subject)| (subject.link(), &subject.key().model));
        let swept = swept.iter().flat_map(|one| one.models.iter().map(|model| (&one.link, model)));
        let named = |(link, model): (&Arc<Link>, &Arc<str>)| {
            let target = link.target();
            ((Arc::clone(&target.name), Arc::clone(model)), Arc::clone(target))
        };
        probed.chain(swept).map(named).collect()
    }

    /// The links to targets whose models have to be asked for.
    pub(super) fn undetermined(&self) -> Vec<Arc<Link>> {
        let links = self.links.values().map(|(_, link)| link);
        links.filter(|link| matches!(link.target().models, Models::All { .. })).cloned().collect()
    }

    /// A link for each target: the one there was if nothing changed, or one that goes on with what
    /// was spent and learnt if it leads to the same endpoint.
    fn links(&self, config: &Config) -> Result<Links, EndpointError> {
        let link = |target: &Arc<Target>| {
            let definition = Definition(format!("{target:?}"));
            let link = match self.links.get(&target.name) {
                Some((known, link)) if *known == definition => Arc::clone(link),
                Some((_, link)) => link.renewed(Arc::clone(target))?,
                None => Link::new(Arc::clone(target))?,
            };
            Ok((Arc::clone(&target.name), (definition, link)))
        };
        config.targets.iter().map(link).collect()
    }
}

impl Definition {
    fn of_subject(target: &Target, probe: &Probe, global: &Global) -> Self {
        // The other targets of the probe are no part of this subject.
        let probe = Probe { targets: Vec::new(), ..probe.clone() };
        Self(format!("{target:?} {probe:?} {global:?}"))
    }
}

/// The models behind `link` that are probed.
fn models<'a>(link: &'a Link, known: &'a Known) -> &'a [Arc<str>] {
    match &link.target().models {
        Models::List(models) => models,
        Models::All { .. } => known.models_of(link),
    }
}
