//! From the form of a load to the load, or to everything that is wrong with it.

use std::{path::Path, sync::Arc, time::Duration};

use super::{
    ArrivalSpec, LoadSpec, MOST_USERS, QuantitySpec, RampSpec, RatesSpec, SearchSpec, UsersSpec,
};
use crate::arrival::{Arrival, Closed, Demand, Load, Open, Pattern, Quantity, Search, UserRamp};

/// Why a load cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum LoadError {
    /// Nothing says what the levels are.
    #[error("there is no level in it: write exactly one of {KINDS}")]
    NoKind,
    /// Two things say what the levels are.
    #[error("`{0}` and `{1}` cannot stand together: write exactly one of {KINDS}")]
    TwoKinds(&'static str, &'static str),
    /// A key without what it belongs to.
    #[error("`{key}` means something with {with} only")]
    Stray {
        /// The key.
        key: &'static str,
        /// What it belongs to.
        with: &'static str,
    },
    /// A key is missing.
    #[error("`{with}` needs `{key}`: {meaning}")]
    Lacks {
        /// What is there.
        with: &'static str,
        /// What is missing.
        key: &'static str,
        /// What that says.
        meaning: &'static str,
    },
    /// A ramp that leads nowhere.
    #[error("a ramp changes something: `from` and `to` are both {0}")]
    Flat(f64),
    /// Users that leave, or are no whole number.
    #[error("users are whole numbers and only become more: from {from} to {to} is no ramp of them")]
    Users {
        /// At the start.
        from: f64,
        /// At the end.
        to: f64,
    },
    /// A duration of zero.
    #[error("a ramp takes time: `over` must be longer than zero")]
    NoTime,
    /// A search that starts above its end.
    #[error("the search starts at {start}, above its `max` of {max}")]
    Start {
        /// The first level.
        start: f64,
        /// The last.
        max: f64,
    },
    /// A level that is no number of users.
    #[error("a level of `of: concurrency` is a whole number of users from 1 to {MOST_USERS}")]
    NoUsers,
    /// A precision that no search reaches, or any does.
    #[error("the precision of a search lies between 0.1% and 50%")]
    Precision,
    /// A search that bursts.
    #[error("a search knows poisson, constant and gamma: a rate in bursts is not one level")]
    Bursts,
}

/// What is wrong, and at which keys below the load.
pub(crate) type LoadFault = (Vec<&'static str>, LoadError);

const KINDS: &str = "`concurrency`, `rate`, `ramp`, `trace`, `find_max_goodput`";

impl LoadSpec {
    /// How many keys it has. One that was written and is not among them was faulty by itself; what
    /// the others say without it is not worth telling.
    pub(crate) fn keys(&self) -> usize {
        [
            self.concurrency.is_some(),
            self.spawn_rate.is_some(),
            self.rate.is_some(),
            self.arrival.is_some(),
            self.burstiness.is_some(),
            self.burst_size.is_some(),
            self.max_concurrency.is_some(),
            self.ramp.is_some(),
            self.trace.is_some(),
            self.find_max_goodput.is_some(),
        ]
        .into_iter()
        .filter(|given| *given)
        .count()
    }

    /// The checked load. `read` reads the file of a trace, and is absent if that fails; whoever
    /// reads it says why.
    ///
    /// # Errors
    /// Everything that is wrong with it; nothing if only the trace could not be read.
    pub(crate) fn build(
        &self,
        read: impl FnOnce(&Path) -> Option<Arc<[Demand]>>,
    ) -> Result<Load, Vec<LoadFault>> {
        let mut faults = self.stray();
        let load = match self.kind() {
            Ok("concurrency") => Some(self.closed()),
            Ok("rate") => self.open(&mut faults),
            Ok("ramp") => self.ramp(&mut faults),
            Ok("trace") => self.trace(read),
            Ok(_) => self.find_max_goodput.map(|search| search.build(&mut faults)),
            Err(error) => {
                faults.push((Vec::new(), error));
                None
            }
        };
        load.filter(|_| faults.is_empty()).ok_or(faults)
    }

    /// The one key that says what the levels are.
    fn kind(&self) -> Result<&'static str, LoadError> {
        let kinds = [
            ("concurrency", self.concurrency.is_some()),
            ("rate", self.rate.is_some()),
            ("ramp", self.ramp.is_some()),
            ("trace", self.trace.is_some()),
            ("find_max_goodput", self.find_max_goodput.is_some()),
        ];
        let mut given = kinds.iter().filter(|(_, given)| *given).map(|(key, _)| *key);
        match (given.next(), given.next()) {
            (None, _) => Err(LoadError::NoKind),
            (Some(first), Some(second)) => Err(LoadError::TwoKinds(first, second)),
            (Some(key), None) => Ok(key),
        }
    }

    /// Keys that belong to another kind.
    fn stray(&self) -> Vec<LoadFault> {
        let ramps_rate = self.ramp.is_some_and(|ramp| ramp.of == QuantitySpec::Rate);
        let spread = self.rate.is_some() || ramps_rate;
        let keys = [
            ("spawn_rate", self.spawn_rate.is_some(), self.concurrency.is_some(), "`concurrency`"),
            ("arrival", self.arrival.is_some(), spread, "`rate` or a `ramp` of the rate"),
            (
                "burstiness",
                self.burstiness.is_some(),
                self.arrival == Some(ArrivalSpec::Gamma),
                "`arrival: gamma`",
            ),
            (
                "burst_size",
                self.burst_size.is_some(),
                self.arrival == Some(ArrivalSpec::Burst),
                "`arrival: burst`",
            ),
            (
                "max_concurrency",
                self.max_concurrency.is_some(),
                spread || self.trace.is_some(),
                "`rate`, a `ramp` of the rate or `trace`",
            ),
        ];
        let stray = keys.into_iter().filter(|(_, given, belongs, _)| *given && !belongs);
        stray.map(|(key, _, _, with)| (vec![key], LoadError::Stray { key, with })).collect()
    }

    fn closed(&self) -> Load {
        let levels = match &self.concurrency {
            Some(UsersSpec::One(users)) => std::slice::from_ref(users),
            Some(UsersSpec::Many(users)) => users,
            None => &[],
        };
        let spawn_rate = self.spawn_rate;
        let closed = |users: &u32| Closed { users: *users, spawn_rate, ramp: None };
        Load::Levels(levels.iter().map(|users| Arrival::Closed(closed(users))).collect())
    }

    fn open(&self, faults: &mut Vec<LoadFault>) -> Option<Load> {
        let levels = match &self.rate {
            Some(RatesSpec::One(rate)) => std::slice::from_ref(rate),
            Some(RatesSpec::Many(rates)) => rates,
            None => &[],
        };
        let pattern: Box<dyn Fn(f64) -> Pattern> = match self.arrival.unwrap_or_default() {
            ArrivalSpec::Poisson => Box::new(|rate| Pattern::Poisson { rate }),
            ArrivalSpec::Constant => Box::new(|rate| Pattern::Constant { rate }),
            ArrivalSpec::Gamma => {
                let burstiness = shape(self.arrival, self.burstiness, &[], faults)?;
                Box::new(move |rate| Pattern::Gamma { rate, burstiness })
            }
            ArrivalSpec::Burst => {
                let Some(size) = self.burst_size else {
                    let meaning = "requests that are due at once";
                    let error =
                        LoadError::Lacks { with: "arrival: burst", key: "burst_size", meaning };
                    faults.push((vec!["arrival"], error));
                    return None;
                };
                let period = move |rate| Duration::from_secs_f64(f64::from(size) / rate);
                Box::new(move |rate| Pattern::Burst { size, period: period(rate) })
            }
        };
        let open = |rate: &f64| {
            let pattern = pattern(*rate);
            Arrival::Open(Open { pattern, max_in_flight: self.max_concurrency })
        };
        Some(Load::Levels(levels.iter().map(open).collect()))
    }

    fn ramp(&self, faults: &mut Vec<LoadFault>) -> Option<Load> {
        let RampSpec { of, from, to, over, steps } = self.ramp?;
        let before = faults.len();
        if over.0.is_zero() {
            faults.push((vec!["ramp", "over"], LoadError::NoTime));
        }
        if from == to {
            faults.push((vec!["ramp", "to"], LoadError::Flat(from)));
        }
        let over = over.0;
        let arrival = match of {
            QuantitySpec::Rate => {
                if self.arrival == Some(ArrivalSpec::Burst) {
                    let with = "`rate`";
                    let error = LoadError::Stray { key: "arrival: burst", with };
                    faults.push((vec!["arrival"], error));
                    return None;
                }
                let burstiness = shape(self.arrival, self.burstiness, &[], faults)?;
                let pattern = Pattern::Ramp { from, to, over, steps, burstiness };
                Arrival::Open(Open { pattern, max_in_flight: self.max_concurrency })
            }
            QuantitySpec::Concurrency => {
                let counts = from.fract() == 0.0 && to.fract() == 0.0;
                if !counts || from > to || to > f64::from(MOST_USERS) {
                    faults.push((vec!["ramp", "to"], LoadError::Users { from, to }));
                }
                // Both are whole numbers of the range, or a fault has been told.
                let ramp = UserRamp { from: from as u32, over, steps };
                Arrival::Closed(Closed { users: to as u32, spawn_rate: None, ramp: Some(ramp) })
            }
        };
        (faults.len() == before).then(|| Load::Levels(vec![arrival]))
    }

    fn trace(&self, read: impl FnOnce(&Path) -> Option<Arc<[Demand]>>) -> Option<Load> {
        let (file, speed) = self.trace.as_ref()?.parts();
        let pattern = Pattern::Trace { demands: read(file)?, speed };
        let open = Open { pattern, max_in_flight: self.max_concurrency };
        Some(Load::Levels(vec![Arrival::Open(open)]))
    }
}

/// The shape of the gaps, as [`Search`] counts it.
fn shape(
    arrival: Option<ArrivalSpec>,
    burstiness: Option<f64>,
    path: &[&'static str],
    faults: &mut Vec<LoadFault>,
) -> Option<f64> {
    let shape = match arrival.unwrap_or_default() {
        ArrivalSpec::Poisson | ArrivalSpec::Burst => Some(1.0),
        ArrivalSpec::Constant => Some(f64::INFINITY),
        ArrivalSpec::Gamma => burstiness,
    };
    if shape.is_none() {
        let meaning = "the shape of the gaps; 1 is Poisson, less is burstier";
        let error = LoadError::Lacks { with: "arrival: gamma", key: "burstiness", meaning };
        faults.push(([path, &["arrival"]].concat(), error));
    }
    shape
}

impl SearchSpec {
    fn build(&self, faults: &mut Vec<LoadFault>) -> Load {
        const KIND: &str = "find_max_goodput";
        let Self { of, start, max, precision, max_steps, arrival, burstiness } = *self;
        let mut fault = |key, error| faults.push((vec![KIND, key], error));
        if start > max {
            fault("start", LoadError::Start { start, max });
        }
        if !(0.001..=0.5).contains(&precision.0) {
            fault("precision", LoadError::Precision);
        }
        if arrival == Some(ArrivalSpec::Burst) {
            fault("arrival", LoadError::Bursts);
        }
        let gamma = arrival == Some(ArrivalSpec::Gamma);
        if burstiness.is_some() && !gamma {
            let error = LoadError::Stray { key: "burstiness", with: "`arrival: gamma`" };
            fault("burstiness", error);
        }
        let quantity = match of {
            QuantitySpec::Rate => Quantity::Rate,
            QuantitySpec::Concurrency => {
                let users = 1.0..=f64::from(MOST_USERS);
                for (key, level) in [("start", start), ("max", max)] {
                    if level.fract() != 0.0 || !users.contains(&level) {
                        fault(key, LoadError::NoUsers);
                    }
                }
                if arrival.is_some() {
                    let error = LoadError::Stray { key: "arrival", with: "`of: rate`" };
                    fault("arrival", error);
                }
                Quantity::Concurrency
            }
        };
        let burstiness = shape(arrival, burstiness, &[KIND], faults).unwrap_or(1.0);
        let (of, precision) = (quantity, precision.0);
        Load::Search(Search { of, start, max, precision, max_steps, burstiness })
    }
}

#[cfg(test)]
mod tests;
