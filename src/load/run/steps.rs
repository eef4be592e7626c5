//! Which step comes next: the levels of a scenario, or those of a search.

use std::{sync::Arc, time::Duration, vec};

use super::{
    decide::Decider,
    drive::Ending,
    order::RunOrder,
    step::{Done, StepPlan},
};
use crate::{
    analysis::{Decision, Marked, Search, SearchOutcome},
    arrival::{self, Arrival, Load, Quantity},
    config::Requests,
    event::Mark,
    verdict::Slo,
    workload::Workload,
};

/// The steps of a run.
pub(super) struct Steps {
    kind: Kind,
    next: u32,
    steps: u32,
}

enum Kind {
    /// Every level with every workload, a workload after the other.
    Levels(vec::IntoIter<(Arc<str>, Arc<Workload>, Arrival)>),
    /// Levels that depend on what became of the last.
    Search(Box<Searching>),
}

struct Searching {
    spec: arrival::Search,
    search: Search,
    workload: (Arc<str>, Arc<Workload>),
    slos: Vec<Arc<Slo>>,
    cap: Option<u64>,
    /// Longest window of a step, where the scenario says so.
    duration: Option<Duration>,
    /// Of the step that is being made.
    decider: Decider,
    /// The level that is being tried.
    level: f64,
}

impl Searching {
    /// What decides the step at the present level.
    fn decider(&self) -> Decider {
        let aim = self.search.aim(self.level);
        match self.spec.of {
            Quantity::Rate => {
                let (precision, duration) = (self.spec.precision, self.duration);
                Decider::at_rate(&self.slos, self.cap, self.level, aim, precision, duration)
            }
            Quantity::Concurrency => {
                let users = self.spec.at(self.level).concurrency().unwrap_or(1);
                Decider::of_users(&self.slos, self.cap, users, aim)
            }
        }
    }
}

impl Steps {
    /// The steps of `order`.
    pub(super) fn new(order: &RunOrder) -> Self {
        let scenario = &order.scenario;
        match (&scenario.load, scenario.workloads.first()) {
            (Load::Levels(levels), _) => {
                let mut plans: Vec<_> = scenario
                    .workloads
                    .iter()
                    .flat_map(|(name, workload)| {
                        let of = |level: &Arrival| {
                            (Arc::clone(name), Arc::clone(workload), level.clone())
                        };
                        levels.iter().map(of)
                    })
                    .collect();
                plans.truncate(Load::MOST_STEPS);
                let steps = u32::try_from(plans.len()).unwrap_or(u32::MAX);
                Self { kind: Kind::Levels(plans.into_iter()), next: 0, steps }
            }
            (Load::Search(spec), Some(workload)) => {
                let cap = match scenario.requests_per_step {
                    Some(Requests::Count(count)) => Some(count),
                    // Users change from level to level.
                    Some(Requests::PerUser(_)) | None => None,
                };
                let searching = Searching {
                    spec: spec.clone(),
                    search: Search::new(spec.clone(), order.known_answer),
                    workload: workload.clone(),
                    slos: order.slos.clone(),
                    cap,
                    duration: scenario.duration,
                    decider: Decider::new(&order.slos, 1),
                    level: 0.0,
                };
                let most = u32::try_from(Load::MOST_STEPS).unwrap_or(u32::MAX);
                let steps = spec.max_steps.min(most);
                Self { kind: Kind::Search(Box::new(searching)), next: 0, steps }
            }
            (Load::Search(_), None) => {
                Self { kind: Kind::Levels(Vec::new().into_iter()), next: 0, steps: 0 }
            }
        }
    }

    /// How many there will be; of a search the most.
    pub(super) fn most(&self) -> u32 {
        self.steps
    }

    /// Whether it is a search for what nobody has said.
    pub(super) fn lacks_slo(&self) -> bool {
        matches!(&self.kind, Kind::Search(searching) if searching.slos.is_empty())
    }

    /// The next step.
    pub(super) fn next(&mut self) -> Option<StepPlan> {
        if self.next >= self.steps {
            return None;
        }
        let (workload_name, workload, arrival, decider) = match &mut self.kind {
            Kind::Levels(plans) => {
                let (name, workload, arrival) = plans.next()?;
                (name, workload, arrival, None)
            }
            Kind::Search(searching) => {
                let level = searching.search.next()?;
                searching.level = level;
                let (name, workload) = searching.workload.clone();
                searching.decider = searching.decider();
                let decider = Some(searching.decider.clone());
                (name, workload, searching.spec.at(level), decider)
            }
        };
        let step = self.next;
        self.next += 1;
        Some(StepPlan { step, steps: self.steps, workload_name, workload, arrival, decider })
    }

    /// Takes in what became of the step that came last.
    pub(super) fn ended(&mut self, done: &Done) {
        let Kind::Search(searching) = &mut self.kind else { return };
        if let Some(why) = marked(&done.record.validity.marks) {
            searching.search.marked(searching.level, why);
            return;
        }
        let decider = &searching.decider;
        // Who fails may have been refused because of the rate, however few were in flight. Of requests that come at random no larger share meets another than are in flight on
        // average; those of users never come alone for long.
        let met_others = done.record.achieved.in_flight_mean.unwrap_or(f64::INFINITY);
        let alone = done.counts.failed == 0 && decider.missed_alone(&done.looked, met_others);
        if searching.spec.of == Quantity::Rate && alone {
            searching.search.missed_alone();
        }
        let found = match done.ending {
            Ending::Decided(found) => Some(found),
            _ => None,
        };
        searching.search.decided(Decision {
            level: searching.level,
            state: decider.verdict(found, &done.looked),
            misses_to_allowed: decider.misses_to_allowed(&done.looked),
            n: done.looked.n,
            goodput: done.record.rates.goodput_requests_per_second,
        });
    }

    /// Takes in that the server has gone, by the step that came last: the levels before it that
    /// brought nothing good may have met a server that was gone already.
    pub(super) fn server_gone(&mut self) {
        if let Kind::Search(searching) = &mut self.kind {
            searching.search.forget_the_last_without_any_good();
        }
    }

    /// Whether it is a search in which the step that came last had a level that was met before, or
    /// one below.
    pub(super) fn met_before(&self) -> bool {
        match &self.kind {
            Kind::Levels(_) => false,
            Kind::Search(searching) => searching.search.was_met_at(searching.level),
        }
    }

    /// What the search has found, if it is one.
    pub(super) fn outcome(&self) -> Option<SearchOutcome> {
        match &self.kind {
            Kind::Levels(_) => None,
            Kind::Search(searching) => Some(searching.search.outcome()),
        }
    }
}

/// Why a step with these marks says nothing of its level; absent if it is valid.
fn marked(marks: &[Mark]) -> Option<Marked> {
    match marks {
        [] => None,
        // Of a server that is overloaded manifold this is so however long the step is.
        [Mark::WindowTooShort] => Some(Marked::TooShort),
        _ => Some(Marked::ByClient),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_with_any_mark_says_nothing_of_its_level() {
        assert_eq!(marked(&[]), None);
        for mark in Mark::ALL {
            let why = marked(&[mark]).expect("it is not valid");
            assert_eq!(why == Marked::TooShort, mark == Mark::WindowTooShort, "{mark:?}");
        }
        let both = [Mark::ClientSaturated, Mark::WindowTooShort];
        assert_eq!(marked(&both), Some(Marked::ByClient));
    }
}
