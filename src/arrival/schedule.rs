//! From an open loop to its demands.

use std::{sync::Arc, time::Duration};

use super::{
    Demand, Open, Pattern, burst::Burst, constant::Constant, gamma::Gamma, poisson::Poisson,
    ramp::Ramp,
};

type Demands = Box<dyn Iterator<Item = Demand> + Send>;

impl Open {
    /// The demands, in ascending order of offset, the first at 0; endless but for a trace and a
    /// ramp that falls to nothing. The same seed gives the same demands on every machine.
    pub fn demands(&self, seed: u64) -> Demands {
        match self.pattern {
            Pattern::Constant { rate } => at_rate(Constant::default(), rate),
            Pattern::Poisson { rate } => at_rate(Poisson::new(seed), rate),
            Pattern::Gamma { rate, burstiness } => at_rate(points(burstiness, seed), rate),
            Pattern::Burst { size, period } => Box::new(Burst::new(size, period).map(due)),
            Pattern::Ramp { from, to, over, steps, burstiness } => {
                let ramp = Ramp::new(from, to, over, steps);
                let moments = points(burstiness, seed).map_while(move |point| ramp.when(point));
                Box::new(moments.map_while(moment))
            }
            Pattern::Trace { ref demands, speed } => replay(Arc::clone(demands), speed),
        }
    }
}

/// Points of rate 1 whose gaps have this shape. A shape that is none, as the infinite one is none
/// of a gamma distribution, means even gaps.
fn points(burstiness: f64, seed: u64) -> Box<dyn Iterator<Item = f64> + Send> {
    if burstiness == 1.0 {
        return Box::new(Poisson::new(seed));
    }
    match Gamma::new(burstiness, seed) {
        Some(gamma) => Box::new(gamma),
        None => Box::new(Constant::default()),
    }
}

/// Points of rate 1 at another rate. What lies further off than a duration can say is never due.
fn at_rate(points: impl Iterator<Item = f64> + Send + 'static, rate: f64) -> Demands {
    Box::new(points.map_while(move |point| moment(point / rate)))
}

fn replay(demands: Arc<[Demand]>, speed: f64) -> Demands {
    let mut at = 0;
    Box::new(std::iter::from_fn(move || {
        let demand = *demands.get(at)?;
        at += 1;
        let offset = Duration::try_from_secs_f64(demand.offset.as_secs_f64() / speed).ok()?;
        Some(Demand { offset, ..demand })
    }))
}

fn moment(seconds: f64) -> Option<Demand> {
    Duration::try_from_secs_f64(seconds).ok().map(due)
}

fn due(offset: Duration) -> Demand {
    Demand { offset, ..Demand::default() }
}

#[cfg(test)]
mod tests;
