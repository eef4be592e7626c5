//! The load of a scenario: the levels that are gone through, or the search for one.

use std::{sync::Arc, time::Duration};

/// The load of a scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// One step a level, in this order; with all workloads at most [`Self::MOST_STEPS`].
    Levels(Vec<Arrival>),
    /// The search for the highest level that meets the SLO.
    Search(Search),
}

impl Load {
    /// Most steps of a run: their number is a label.
    pub const MOST_STEPS: usize = 32;

    /// Whether every level is a number of users, so that something can be meant of each of them.
    pub fn has_users(&self) -> bool {
        match self {
            Self::Levels(levels) => levels.iter().all(|level| matches!(level, Arrival::Closed(_))),
            Self::Search(search) => search.of == Quantity::Concurrency,
        }
    }
}

/// How requests come in one step.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrival {
    /// A number of users, each with one request in flight: the next is due when the last has ended.
    Closed(Closed),
    /// A schedule of due times that heeds no answer.
    Open(Open),
}

/// A closed loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Closed {
    /// Requests in flight, once all users have entered.
    pub users: u32,
    /// Users that enter in a second at the step's start; absent: all at once.
    pub spawn_rate: Option<f64>,
    /// How the number of users rises through the step, in place of a spawn rate.
    pub ramp: Option<UserRamp>,
}

/// A rising number of users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserRamp {
    /// Users at the start.
    pub from: u32,
    /// After so long all have entered.
    pub over: Duration,
    /// In so many equal steps; absent: one by one.
    pub steps: Option<u32>,
}

/// An open loop.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// The schedule.
    pub pattern: Pattern,
    /// The gate: so many in flight at most. A request that is due meanwhile waits for a place, and
    /// its latencies count from when it was due.
    pub max_in_flight: Option<u32>,
}

/// A schedule of due times.
#[derive(Clone, Debug, PartialEq)]
pub enum Pattern {
    /// One every `1 ÷ rate` seconds.
    Constant {
        /// Requests a second.
        rate: f64,
    },
    /// Exponential gaps.
    Poisson {
        /// Requests a second.
        rate: f64,
    },
    /// Gamma gaps of shape `burstiness`: 1 is Poisson, less is burstier (as vLLM's benchmark has it).
    Gamma {
        /// Requests a second.
        rate: f64,
        /// Shape: 1 ÷ CV² of the gaps.
        burstiness: f64,
    },
    /// So many at once, every so often.
    Burst {
        /// Requests at once.
        size: u32,
        /// Time between two bursts.
        period: Duration,
    },
    /// A rate that rises or falls.
    Ramp {
        /// Requests a second at the start.
        from: f64,
        /// Requests a second at the end; it stays there.
        to: f64,
        /// How long it takes.
        over: Duration,
        /// In so many equal steps; absent: linearly.
        steps: Option<u32>,
        /// Shape of the gaps as at a steady rate: 1 is Poisson, infinite is constant.
        burstiness: f64,
    },
    /// What a trace recorded.
    Trace {
        /// The demands in ascending order of their offsets.
        demands: Arc<[Demand]>,
        /// How much faster than recorded.
        speed: f64,
    },
}

/// One request of a schedule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// When it is due, from the start of the step.
    pub offset: Duration,
    /// Tokens of its prompt, where the schedule says so (a trace); else the workload's.
    pub input_tokens: Option<u32>,
    /// Tokens of its answer, likewise.
    pub output_tokens: Option<u32>,
}

/// What is searched for: the highest level at which the SLO is certified to be met.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// In what the level is counted.
    pub of: Quantity,
    /// The first level, unless the last run's answer is known.
    pub start: f64,
    /// No level above this.
    pub max: f64,
    /// The bracket is narrow enough when high ÷ low − 1 is at most this.
    pub precision: f64,
    /// Most steps.
    pub max_steps: u32,
    /// Shape of the gaps of an open search: 1 is Poisson, infinite is constant.
    pub burstiness: f64,
}

impl Search {
    /// How long a step of a rate may be where a scenario does not say. Near the limit of a queue the
    /// misses of an open loop come and go with it, so that a few hundred exchanges are one lull or
    /// one busy spell. It takes minutes to see many of them, as MLPerf's Server asks for ten.
    pub const LONG: Duration = Duration::from_secs(600);

    /// Longest time for which a rate builds up its queue before it is judged.
    pub const BUILDS: Duration = Duration::from_secs(60);

    /// The arrival at one level.
    pub fn at(&self, level: f64) -> Arrival {
        match self.of {
            Quantity::Concurrency => Arrival::closed(level.round().max(1.0) as u32),
            Quantity::Rate => {
                let (rate, burstiness) = (level, self.burstiness);
                let pattern = if burstiness.is_infinite() {
                    Pattern::Constant { rate }
                } else if burstiness == 1.0 {
                    Pattern::Poisson { rate }
                } else {
                    Pattern::Gamma { rate, burstiness }
                };
                Arrival::open(pattern)
            }
        }
    }
}

/// In what a level is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Requests in flight.
    Concurrency,
    /// Requests a second.
    Rate,
}

impl Pattern {
    /// When its last request is due, from the start of the step; absent if it goes on for ever.
    pub fn ends(&self) -> Option<Duration> {
        let Self::Trace { demands, speed } = self else { return None };
        let last = demands.last()?.offset.as_secs_f64() / speed;
        Duration::try_from_secs_f64(last).ok()
    }
}

impl Arrival {
    /// So many users, who enter all at once.
    pub const fn closed(users: u32) -> Self {
        Self::Closed(Closed { users, spawn_rate: None, ramp: None })
    }

    /// A schedule without a gate.
    pub const fn open(pattern: Pattern) -> Self {
        Self::Open(Open { pattern, max_in_flight: None })
    }

    /// Requests a second that are intended on the whole; absent for a closed loop, a ramp or a trace.
    pub fn rate(&self) -> Option<f64> {
        match self {
            Self::Open(Open { pattern, .. }) => match *pattern {
                Pattern::Constant { rate }
                | Pattern::Poisson { rate }
                | Pattern::Gamma { rate, .. } => Some(rate),
                Pattern::Burst { size, period } => Some(f64::from(size) / period.as_secs_f64()),
                Pattern::Ramp { .. } | Pattern::Trace { .. } => None,
            },
            Self::Closed(_) => None,
        }
    }

    /// Requests in flight of a closed loop.
    pub fn concurrency(&self) -> Option<u32> {
        match self {
            Self::Closed(closed) => Some(closed.users),
            Self::Open(_) => None,
        }
    }

    /// Its name in records: `closed`, `constant`, `poisson`, `gamma`, `burst`, `ramp`, `trace`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed(_) => "closed",
            Self::Open(Open { pattern, .. }) => match pattern {
                Pattern::Constant { .. } => "constant",
                Pattern::Poisson { .. } => "poisson",
                Pattern::Gamma { .. } => "gamma",
                Pattern::Burst { .. } => "burst",
                Pattern::Ramp { .. } => "ramp",
                Pattern::Trace { .. } => "trace",
            },
        }
    }
}
