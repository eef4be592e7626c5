//! One exchange: attempts until there is an answer, or an end to trying.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use tokio::task::{JoinError, spawn_blocking};

use super::link::{Headers, Link};
use crate::{
    client::{
        Answered, Attempt, Call, Connections, Failed, Failure, Limits, Text, answer::MAX_TEXT,
    },
    clock::Stamp,
    config::{Connection, Global, Retry},
    event::TraceContext,
    protocol::FieldSet,
    timeline::{Outcome, Recorder, Timeline, TokenKind},
    workload::{Answer, Ask, RequestPlan, Tokenizer},
};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// An exchange to be made.
pub struct Order<'a> {
    /// With whom.
    pub link: &'a Link,
    /// The model to ask for.
    pub model: &'a str,
    /// The probe to name in the request.
    pub probe: &'a str,
    /// The ids that go out with every attempt; absent where nobody traces it.
    pub trace: Option<TraceContext>,
    /// What to ask.
    pub plan: &'a RequestPlan,
    /// On what connection.
    pub connection: Connection,
    /// Its limits.
    pub limits: Limits,
    /// Whether the text of the answer is kept even if no check needs it.
    pub text: Text,
}

/// The limits of an exchange that may take `total`, where `global` goes for the rest.
pub fn limits(global: &Global, total: Duration) -> Limits {
    Limits {
        connect: global.connect_timeout,
        first_token: global.first_token_timeout.unwrap_or(total),
        total,
        idle: global.idle_timeout,
        response_bytes: global.max_response_bytes,
    }
}

/// Makes the exchange and closes `recorder` with what came of it.
pub async fn run(order: Order<'_>, mut recorder: Recorder) {
    let limit = order.limits.connect.min(order.limits.total);
    let mut headers = match order.link.headers(order.probe, limit).await {
        Ok(headers) => headers,
        Err(error) => return recorder.close(Outcome::Local, Some(error.to_string()), None),
    };
    let traceparent = order.trace.map(|trace| HeaderValue::try_from(trace.traceparent()));
    if let Some(Ok(value)) = traceparent {
        headers.map.insert(TRACEPARENT, value);
    }
    let ended = order.attempts(&headers, recorder.timeline()).await;
    let (outcome, detail, text) = match ended {
        Ok(mut answered) => {
            order.count(&mut answered, recorder.timeline()).await;
            order.check(answered, recorder.timeline())
        }
        Err(Failed { failure: Failure { outcome, detail }, text, .. }) => {
            (outcome, Some(detail), text)
        }
    };
    // Kept for the tokenizer alone, it goes no further.
    let text = text.filter(|_| order.wants_text());
    let scrub = |text: Option<String>| text.map(|text| headers.scrub(text));
    let timeline = recorder.timeline();
    timeline.model = scrub(timeline.model.take());
    recorder.close(outcome, scrub(detail), scrub(text));
}

/// Reports what a task left behind that made exchanges.
pub(super) fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        // Its recorder has closed it as aborted.
        tracing::error!(%error, "an exchange panicked; this is a bug");
    }
}

/// What comes after a failed attempt.
enum Next {
    /// Leave these optional fields out.
    Without(FieldSet),
    /// Dial anew.
    Redial,
    /// Wait, then try again.
    Pause(Duration),
}

impl Order<'_> {
    async fn attempts(
        &self,
        headers: &Headers,
        timeline: &mut Timeline,
    ) -> Result<Answered, Failed> {
        let mut connections = match self.connection {
            Connection::Fresh => Connections::Fresh,
            Connection::Reuse => Connections::Reuse,
        };
        // Fields refused in this exchange; remembered once leaving them out has helped.
        let mut dropped = FieldSet::EMPTY;
        loop {
            let refused = self.link.refused().union(dropped);
            let attempt = Attempt {
                endpoint: self.link.endpoint(),
                call: self.call(refused),
                headers: &headers.map,
                connections,
                limits: self.limits,
                text: match self.wants_text() || self.tokenizer().is_some() {
                    true => Text::Kept,
                    false => Text::Dropped,
                },
            };
            let result = attempt.run(timeline).await;
            timeline.closed = Some(Stamp::now());
            if !dropped.is_empty() && !matches!(timeline.status, Some(400 | 422) | None) {
                self.link.refuse(dropped);
            }
            let failed = match result {
                Ok(answered) => return Ok(answered),
                Err(failed) => failed,
            };
            let sent = self.optional_fields(refused);
            let Some(next) = self.next(&failed, sent, timeline) else { return Err(failed) };
            if let Next::Pause(pause) = next {
                tokio::time::sleep(pause).await;
            }
            // Whoever made the order has paid for the first attempt only.
            if !self.link.spend(self.plan.max_tokens.into()) {
                return Err(failed);
            }
            timeline.set_aside(failed.failure.outcome);
            match next {
                Next::Without(fields) => {
                    timeline.retries.refused_field += 1;
                    dropped = dropped.union(fields);
                }
                Next::Redial => {
                    timeline.retries.stale_connection += 1;
                    connections = Connections::Renew;
                }
                Next::Pause(_) => timeline.retries.configured += 1,
            }
        }
    }

    /// Whether somebody needs the text of the answer when it has ended.
    fn wants_text(&self) -> bool {
        self.text == Text::Kept || self.plan.expect.needs_text()
    }

    /// What counts the tokens of the answer, where that can be done.
    fn tokenizer(&self) -> Option<&Arc<Tokenizer>> {
        match self.plan.ask {
            Ask::Completion => self.link.tokenizer(),
            Ask::Http(_) => None,
        }
    }

    /// Counts the tokens of an answer of which the whole text is known. On another thread: this one
    /// has other exchanges to stamp.
    async fn count(&self, answered: &mut Answered, timeline: &mut Timeline) {
        let Some(tokenizer) = self.tokenizer() else { return };
        let told = timeline.tokens.iter().all(|event| event.kind == TokenKind::Text);
        let Some(text) = answered.text.take_if(|text| told && is_whole(text)) else { return };
        let tokenizer = Arc::clone(tokenizer);
        let counting = spawn_blocking(move || (tokenizer.count(&text), text));
        // It fails only if the tokenizer panicked: then there is no count, and no text.
        if let Ok((tokens, text)) = counting.await {
            timeline.tokenizer_tokens = Some(tokens);
            answered.text = Some(text);
        }
    }

    /// What is asked, without the optional fields in `refused`.
    fn call(&self, refused: FieldSet) -> Call<'_> {
        match &self.plan.ask {
            Ask::Completion => {
                let protocol = self.link.target().api.protocol();
                let body = protocol.encode(self.plan, self.model, refused).into();
                Call::Streamed { protocol, body }
            }
            Ask::Http(ask) => Call::Plain {
                method: &ask.method,
                path: &ask.path,
                body: ask.body.clone().map(Bytes::from),
            },
        }
    }

    /// The fields that could be left out of the call, should the target refuse them.
    fn optional_fields(&self, refused: FieldSet) -> FieldSet {
        match self.plan.ask {
            Ask::Completion => {
                self.link.target().api.protocol().optional_fields(self.plan, refused)
            }
            Ask::Http(_) => FieldSet::EMPTY,
        }
    }

    /// Whether and how to go on. Bounded: a stale connection is replaced once, a field is refused
    /// once, and configured retries end with their number or the timeout.
    fn next(&self, failed: &Failed, sent: FieldSet, timeline: &Timeline) -> Option<Next> {
        if failed.stale && timeline.retries.stale_connection == 0 {
            return Some(Next::Redial);
        }
        if let (Some(400 | 422), Some(body)) = (timeline.status, &failed.body) {
            let named = FieldSet::named_in(sent, body);
            if !named.is_empty() {
                return Some(Next::Without(named));
            }
        }
        let retry = self.link.target().retry?;
        if !failed.failure.outcome.is_failure() || timeline.retries.configured + 1 >= retry.attempts
        {
            return None;
        }
        let pause = pause(retry, timeline.retries.configured);
        let deadline = timeline.sent_start.unwrap_or(timeline.due).after(self.limits.total);
        (Stamp::now().after(pause) < deadline).then_some(Next::Pause(pause))
    }

    /// Holds the answer against what the workload expects.
    fn check(
        &self,
        answered: Answered,
        timeline: &mut Timeline,
    ) -> (Outcome, Option<String>, Option<String>) {
        let unexpected = self.plan.expect.check(&Answer {
            asked_model: self.model,
            answered_model: answered.model.as_deref(),
            max_tokens: self.plan.max_tokens,
            usage: timeline.usage,
            token_events: timeline.tokens.len(),
            counted: timeline.tokenizer_tokens,
            finish: answered.finish,
            text: answered.text.as_deref(),
        });
        let (outcome, detail) =
            unexpected.map_or((Outcome::Ok, None), |(outcome, why)| (outcome, Some(why)));
        timeline.finish = answered.finish;
        timeline.model = answered.model;
        (outcome, detail, answered.text)
    }
}

/// Whether a kept text was not cut at the cap, which takes up to three bytes of a character more.
fn is_whole(text: &str) -> bool {
    text.len() + 3 < MAX_TEXT
}

/// The pause before the next attempt, after `retries` of them.
fn pause(retry: Retry, retries: u32) -> Duration {
    if retry.exponential {
        retry.delay.saturating_mul(1_u32.checked_shl(retries).unwrap_or(u32::MAX))
    } else {
        retry.delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_saturate() {
        let retry = Retry { attempts: 10, delay: Duration::from_secs(2), exponential: true };
        assert_eq!(pause(retry, 0), Duration::from_secs(2));
        assert_eq!(pause(retry, 3), Duration::from_secs(16));
        assert!(pause(retry, 40) > Duration::from_secs(1 << 30));
        assert_eq!(pause(Retry { exponential: false, ..retry }, 9), Duration::from_secs(2));
    }
}
