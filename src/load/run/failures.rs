//! What went wrong in a step, by outcome: what a run that measured nothing says of itself.

use std::collections::BTreeMap;

use crate::timeline::{Exchange, Outcome};

/// The exchanges of a step that were not ok: a line for each outcome, however many they are.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(BTreeMap<Outcome, Line>);

#[derive(Clone, Debug)]
struct Line {
    count: u64,
    /// What the first of them said.
    detail: Option<String>,
}

impl Failures {
    /// Counts an exchange that was not ok.
    pub(super) fn push(&mut self, exchange: &Exchange) {
        let line = self
            .0
            .entry(exchange.outcome)
            .or_insert_with(|| Line { count: 0, detail: exchange.detail.clone() });
        line.count += 1;
    }

    /// The commonest failure of `ended` exchanges, in one line for a person, and what to do.
    pub(super) fn commonest(&self, ended: u64) -> Option<String> {
        let (outcome, line) = self.0.iter().max_by_key(|(_, line)| line.count)?;
        let count = line.count;
        let detail = line.detail.as_deref().map_or(String::new(), |detail| format!(" ({detail})"));
        let remedy = remedy(*outcome);
        Some(format!("{outcome} in {count} of {ended}{detail}; {remedy}"))
    }
}

/// What to do about an outcome.
const fn remedy(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Aborted => "let the run end by itself",
        Outcome::Local => "raise this machine's limits of open files and ports, or lower the load",
        Outcome::Dns => "check the host name in `url`",
        Outcome::Connect => "check that the server runs, and host and port in `url`",
        Outcome::Tls => "check the `tls` settings of the target",
        Outcome::Reset => "the server hangs up: look into its log",
        Outcome::HttpMalformed | Outcome::Http3xx => "check that `url` leads to the API itself",
        Outcome::Http401 => "check the target's `authorization`",
        Outcome::Http404 => "check the name of the model and the path of `url`",
        Outcome::Http429 => "lower the load, or raise the server's rate limit",
        Outcome::Http4xx => "check `api` and the lengths that the workload asks for",
        Outcome::Http5xx | Outcome::StreamError => "the server fails: look into its log",
        Outcome::TooLarge => "raise `global.max_response_bytes`",
        Outcome::TimeoutFirstToken | Outcome::TimeoutTotal | Outcome::Stall => {
            "the server is too slow for this load: lower it, or raise the timeout"
        }
        Outcome::StreamMalformed | Outcome::StreamTruncated => {
            "check `api`, and for a proxy between here and the server"
        }
        Outcome::Empty => "the model says nothing: check its chat template",
        Outcome::ModelMismatch => "another model answers: check the target's `models`",
        Outcome::UsageMismatch => "the server miscounts: look into its log",
        Outcome::LengthMismatch | Outcome::Garbage | Outcome::ContentMismatch => {
            "the answers are not what the workload expects: check its `expect`"
        }
        Outcome::Ok => "nothing to do",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clock::Stamp, timeline::Timeline};

    #[test]
    fn the_commonest_is_named_with_what_it_said_first() {
        let mut failures = Failures::default();
        assert_eq!(failures.commonest(0), None);
        let outcomes = [(Outcome::Reset, "hung up"), (Outcome::Connect, "refused")];
        for (outcome, detail) in outcomes.into_iter().chain([(Outcome::Connect, "later")]) {
            failures.push(&Exchange {
                timeline: Timeline::new(Stamp::from_nanos(1), 0),
                outcome,
                detail: Some(detail.to_owned()),
                text: None,
            });
        }
        let line = failures.commonest(3).expect("there are some");
        assert!(line.starts_with("connect in 2 of 3 (refused); check that"), "{line}");
    }
}
