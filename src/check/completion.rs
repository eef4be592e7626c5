//! One streamed completion through the measured path, and what can be said of it.

use tokio::sync::oneshot;

use super::{
    numbers::Numbers,
    quick::Ask,
    report::{Check, Name, Status},
    words::{self, visible},
};
use crate::{
    client::Text,
    clock::Stamp,
    config::Connection,
    load::{Link, Order, run},
    measure::CountSource,
    timeline::{Exchange, Finish, Outcome, Recorder, StampSource, Timeline},
    workload::{Answer, Expect, RequestPlan},
};

/// What the probe calls itself in the request.
const PROBE: &str = "check";

/// Most characters of the sample.
const SAMPLE: usize = 200;

/// Longest detail of a failure, in characters.
const DETAIL: usize = 300;

/// A completion and what was found in it.
pub(super) struct Completed {
    pub(super) checks: Vec<Check>,
    pub(super) numbers: Numbers,
    pub(super) sample: Option<String>,
}

/// Asks `model` for a completion and looks at it.
pub(super) async fn complete(link: &Link, ask: &Ask, model: &str) -> Option<Completed> {
    let plan = RequestPlan::completion(ask.prompt.as_str(), ask.max_tokens);
    let exchange = exchange(link, ask, model, &plan).await?;
    let numbers = Numbers::of(&exchange, link.refused());
    let text = exchange.text.as_deref().filter(|text| !text.is_empty());
    let seen = Seen { exchange: &exchange, numbers: &numbers, plan: &plan, model, text };
    let checks = seen.checks();
    let sample = text.map(|text| visible(text, SAMPLE));
    Some(Completed { checks, numbers, sample })
}

/// Makes the exchange. It ends by its limits; `None` cannot come of it, since a recorder closes in
/// any case.
async fn exchange(link: &Link, ask: &Ask, model: &str, plan: &RequestPlan) -> Option<Exchange> {
    let (send, receive) = oneshot::channel();
    let expected = usize::try_from(plan.max_tokens).unwrap_or(0);
    let timeline = Timeline::new(Stamp::now(), expected);
    let recorder = Recorder::open(timeline, move |exchange| {
        // The receiver lives until the exchange has ended.
        let _ = send.send(exchange);
    });
    let order = Order {
        link,
        model,
        probe: PROBE,
        trace: None,
        plan,
        connection: Connection::Fresh,
        limits: ask.limits,
        text: Text::Kept,
    };
    run(order, recorder).await;
    receive.await.ok()
}

/// A closed exchange under inspection.
struct Seen<'a> {
    exchange: &'a Exchange,
    numbers: &'a Numbers,
    plan: &'a RequestPlan,
    model: &'a str,
    text: Option<&'a str>,
}

impl Seen<'_> {
    /// The checks. What a failed completion cannot tell is left to be skipped.
    fn checks(&self) -> Vec<Check> {
        let mut checks = vec![self.completion()];
        if self.exchange.outcome == Outcome::Ok {
            checks.extend([
                self.tokens(),
                self.finish(),
                self.usage(),
                self.answered_model(),
                self.length(),
                self.words(),
                self.stamps(),
            ]);
        }
        checks
    }

    fn completion(&self) -> Check {
        let Exchange { outcome, detail, timeline, .. } = self.exchange;
        let latencies = self.numbers.latencies();
        let check = if *outcome == Outcome::Ok {
            let status = timeline.status.unwrap_or_default();
            Check::new(Name::Completion, Status::Passed, format!("{status} · {latencies}"))
        } else {
            let why = detail.as_deref().unwrap_or("no reason is known");
            let mut line = format!("{outcome}: {}", visible(why, DETAIL));
            if !latencies.is_empty() {
                line = format!("{line} ({latencies})");
            }
            Check::new(Name::Completion, Status::Failed, line)
        };
        match self.numbers.measurement.e2e {
            Some(took) => check.took(took),
            None => check,
        }
    }

    fn tokens(&self) -> Check {
        let measured = &self.numbers.measurement;
        let events = words::count(self.numbers.token_events, "event");
        match (measured.output_tokens, measured.count_source) {
            (Some(tokens @ 1..), Some(source)) => {
                let tokens = words::count(usize::try_from(tokens).unwrap_or(usize::MAX), "token");
                let line = format!("{tokens} in {events}, counted by {}", source.as_str());
                Check::new(Name::Tokens, Status::Passed, line)
            }
            _ => Check::new(Name::Tokens, Status::Failed, format!("none, in {events}")),
        }
    }

    fn finish(&self) -> Check {
        match self.numbers.finish {
            Some(finish) => Check::new(Name::Finish, Status::Passed, finish.as_str()),
            None => Check::new(Name::Finish, Status::Warned, "none: the stream only ended"),
        }
    }

    fn usage(&self) -> Check {
        let expect = Expect { consistent_usage: true, ..Expect::default() };
        let usage = self.exchange.timeline.usage.unwrap_or_default();
        let Some(completion) = usage.completion_tokens else {
            let line = "not reported; tokens are counted by events, which may hold several each";
            return Check::new(Name::Usage, Status::Warned, line);
        };
        match expect.check(&self.answer()) {
            Some((_, why)) => Check::new(Name::Usage, Status::Failed, why),
            None => {
                let prompt = usage.prompt_tokens.map_or(String::new(), |n| format!("{n} in, "));
                Check::new(Name::Usage, Status::Passed, format!("{prompt}{completion} out"))
            }
        }
    }

    fn answered_model(&self) -> Check {
        let expect = Expect { same_model: true, ..Expect::default() };
        let check = |status, line: String| Check::new(Name::AnsweredModel, status, line);
        match (&self.exchange.timeline.model, expect.check(&self.answer())) {
            (None, _) => check(Status::Skipped, "the answer names none".to_owned()),
            (_, Some((_, why))) => check(Status::Warned, visible(&why, DETAIL)),
            (Some(name), None) => check(Status::Passed, visible(name, DETAIL)),
        }
    }

    fn length(&self) -> Check {
        let measured = &self.numbers.measurement;
        let tokens = measured.output_tokens.unwrap_or(0);
        let most = u64::from(self.plan.max_tokens);
        let counted = measured.count_source == Some(CountSource::Usage);
        let line = format!("{tokens} of at most {most}");
        let (status, line) = if tokens > most {
            (Status::Failed, line)
        } else if counted && tokens < most && self.numbers.finish == Some(Finish::Length) {
            (Status::Warned, format!("{line}, yet it stopped for its length"))
        } else {
            (Status::Passed, line)
        };
        Check::new(Name::Length, status, line)
    }

    fn words(&self) -> Check {
        let expect = Expect { no_garbage: true, ..Expect::default() };
        match (self.text, expect.check(&self.answer())) {
            (None, _) => Check::new(Name::Text, Status::Skipped, "no text besides tool calls"),
            (_, Some((_, why))) => Check::new(Name::Text, Status::Warned, why),
            (Some(text), None) => {
                let length = words::count(text.chars().count(), "character");
                Check::new(Name::Text, Status::Passed, length)
            }
        }
    }

    fn stamps(&self) -> Check {
        let check = |status, line: String| Check::new(Name::Stamps, status, line);
        let source = match self.numbers.stamps {
            Some(StampSource::Kernel) => "arrivals stamped by the kernel",
            Some(StampSource::Read) => "arrivals stamped at the read",
            None => return check(Status::Skipped, "nothing arrived".to_owned()),
        };
        match self.numbers.measurement.spoiled(self.exchange.outcome) {
            None => check(Status::Passed, source.to_owned()),
            Some(reason) => {
                let reason = reason.as_str();
                check(Status::Warned, format!("{source}; this machine was late ({reason})"))
            }
        }
    }

    fn answer(&self) -> Answer<'_> {
        let timeline = &self.exchange.timeline;
        Answer {
            asked_model: self.model,
            answered_model: timeline.model.as_deref(),
            max_tokens: self.plan.max_tokens,
            usage: timeline.usage,
            token_events: timeline.tokens.len(),
            counted: timeline.tokenizer_tokens,
            finish: timeline.finish,
            text: self.text,
        }
    }
}
