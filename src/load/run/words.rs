//! A load in words and as a record has it.

use crate::{
    arrival::{Arrival, Open, Pattern},
    event::LoadRecord,
};

/// The load as a record has it.
pub(super) fn load(arrival: &Arrival) -> LoadRecord {
    let max_in_flight = match arrival {
        Arrival::Closed(_) => None,
        Arrival::Open(open) => open.max_in_flight,
    };
    LoadRecord {
        arrival: arrival.as_str().to_owned(),
        concurrency: arrival.concurrency(),
        requests_per_second: arrival.rate(),
        max_in_flight,
        text: text(arrival),
    }
}

/// The load in words, for tables.
fn text(arrival: &Arrival) -> String {
    match arrival {
        Arrival::Closed(closed) if closed.users == 1 => "1 user".to_owned(),
        Arrival::Closed(closed) => format!("{} users", closed.users),
        Arrival::Open(Open { pattern, max_in_flight }) => {
            let gate = max_in_flight.map(|most| format!(", gate {most}")).unwrap_or_default();
            format!("{}{gate}", schedule(pattern))
        }
    }
}

fn schedule(pattern: &Pattern) -> String {
    match pattern {
        Pattern::Constant { rate } => format!("{} req/s", short(*rate)),
        Pattern::Poisson { rate } => format!("{} req/s poisson", short(*rate)),
        Pattern::Gamma { rate, burstiness } => {
            format!("{} req/s gamma {}", short(*rate), short(*burstiness))
        }
        Pattern::Burst { size, period } => format!("{size} each {period:?}"),
        Pattern::Ramp { from, to, over, .. } => {
            format!("{} to {} req/s in {over:?}", short(*from), short(*to))
        }
        Pattern::Trace { demands, speed } => {
            format!("trace of {} at speed {}", demands.len(), short(*speed))
        }
    }
}

/// At most three decimals, and none that is 0.
fn short(value: f64) -> String {
    ((value * 1e3).round() / 1e3).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn loads_read_as_people_say_them() {
        let open = |pattern, max_in_flight| Arrival::Open(Open { pattern, max_in_flight });
        let period = Duration::from_secs(2);
        for (arrival, text) in [
            (Arrival::closed(1), "1 user"),
            (Arrival::closed(20), "20 users"),
            (open(Pattern::Constant { rate: 2.5 }, None), "2.5 req/s"),
            (open(Pattern::Poisson { rate: 20.0 }, Some(32)), "20 req/s poisson, gate 32"),
            (
                open(Pattern::Gamma { rate: 1.0 / 3.0, burstiness: 0.5 }, None),
                "0.333 req/s gamma 0.5",
            ),
            (open(Pattern::Burst { size: 8, period }, None), "8 each 2s"),
        ] {
            assert_eq!(load(&arrival).text, text);
        }
        let record = load(&open(Pattern::Poisson { rate: 20.0 }, Some(32)));
        assert_eq!((record.concurrency, record.max_in_flight), (None, Some(32)));
        assert_eq!(record.requests_per_second, Some(20.0));
    }
}
