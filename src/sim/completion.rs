//! One completion, from its request to the last byte of its answer.
//!
//! Owns the pace: every token is due at an absolute time, so a late timer delays one event and not
//! those after it. Must not know how events or faults are spelled.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rand_pcg::Pcg64Mcg;
use serde_json::json;

use super::ask::{Api, Ask, Delivery};
use super::engine::{Order, Slot};
use super::fault::Act;
use super::http::{self, Answer, Request};
use super::metrics::Finish;
use super::misbehave;
use super::shape::{After, Oddity, Shape, UsageTold};
use super::spec::{ReasoningField, RoleChunk};
use super::state::State;
use super::stream::{Events, Kind, Usage};
use super::text::prompt_tokens;
use super::wire::Wire;
use crate::clock::Stamp;

/// Serves one completion request on `wire`.
pub(super) async fn serve(
    state: &Arc<State>,
    wire: &mut Wire,
    api: Api,
    request: &Request,
    arrived: Stamp,
) -> io::Result<After> {
    let server = state.spec.flavour.traits().server;
    let (number, mut rng) = state.next_completion();
    let order = match state.fault_for(request, &mut rng) {
        Ok(order) => order,
        Err(unknown) => {
            let answer = Answer::error(400, "BadRequestError", &unknown.to_string(), None);
            wire.send(&answer.encode(server, request.close)).await?;
            return Ok(After::Keep);
        }
    };
    let act = order.map_or(Act::Nothing, |order| order.act);
    match act {
        Act::Headless(fault) => return misbehave::headless(wire, fault).await,
        Act::Canned(canned) => {
            let mut answer = Answer::new(canned.status, canned.content_type, canned.body);
            answer.headers.extend(canned.header.map(|(name, value)| (name, value.to_owned())));
            wire.send(&answer.encode(server, request.close)).await?;
            return Ok(After::Keep);
        }
        Act::Nothing | Act::Hollow(_) | Act::Twist(_) => {}
    }
    let ask = match Ask::read(api, &request.body, &state.spec) {
        Ok(ask) => ask,
        Err(refusal) => {
            wire.send(&refusal.encode(server, request.close)).await?;
            return Ok(After::Keep);
        }
    };
    let mut shape = Shape::healthy(api, &ask, &state.spec, &mut rng);
    if let (Act::Twist(twist), Some(order)) = (act, order) {
        shape.twist(twist, order);
    }
    let id = match api {
        Api::Chat => format!("chatcmpl-{number:016x}"),
        Api::Completions => format!("cmpl-{number:016x}"),
    };
    wire.pause(arrived.after(shape.head_delay)).await?;
    let prompt_tokens = prompt_tokens(&ask.prompt);
    let job = Job { state, wire, shape, ask, rng, arrived, prompt_tokens, id };
    match (act, job.ask.delivery) {
        (Act::Hollow(fault), _) => {
            job.wire.send(&http::stream_head(server, request.close)).await?;
            let mut events = job.events();
            misbehave::hollow(job.wire, &mut events, fault).await
        }
        (_, Delivery::Stream) => job.stream(&http::stream_head(server, request.close)).await,
        (_, Delivery::Whole) => job.whole(server, request.close).await,
    }
}

/// A completion under way.
struct Job<'a> {
    state: &'a Arc<State>,
    wire: &'a mut Wire,
    shape: Shape,
    ask: Ask,
    rng: Pcg64Mcg,
    arrived: Stamp,
    prompt_tokens: u32,
    id: String,
}

/// The next tokens, which go out together.
struct Batch {
    due: Stamp,
    count: u32,
    kind: Kind,
}

impl Job<'_> {
    async fn stream(mut self, head: &[u8]) -> io::Result<After> {
        let mut events = self.events();
        self.wire.send(head).await?;
        let role = match self.shape.api {
            Api::Chat => self.state.spec.role_chunk,
            Api::Completions => RoleChunk::Never,
        };
        if role != RoleChunk::Never {
            self.odd(&mut events);
            events.role();
        }
        if role == RoleChunk::Early {
            self.wire.send(events.bytes()).await?;
            events.clear();
        }
        let mut slot = self.admit().await?;
        let mut due = slot.admitted();
        let mut words = String::new();
        let mut reason_told = false;
        while let Some(batch) = self.next_batch(&slot, due) {
            due = batch.due;
            self.wire.pause(due).await?;
            if self.is_hidden(batch.kind) {
                slot.generated(batch.count);
                continue;
            }
            words.clear();
            self.speak(slot.tokens(), &batch, &mut words);
            let reached = slot.tokens() + batch.count;
            let ends = reached == self.shape.tokens
                && self.shape.finish == Finish::Length
                && self.shape.strike.is_none();
            reason_told |= ends;
            let usage =
                (self.shape.usage == UsageTold::Each).then(|| self.usage(slot.cached(), reached));
            self.odd(&mut events);
            let reason = ends.then(|| self.shape.finish.as_str());
            events.token(batch.kind, &words, reason, usage);
            let at = self.wire.send(events.bytes()).await?;
            events.clear();
            slot.sent(batch.count, at);
        }
        if let Some((_, strike)) = self.shape.strike {
            return misbehave::strike(self.wire, &mut events, strike, slot).await;
        }
        let usage = self.usage(slot.cached(), slot.tokens());
        slot.finish(self.shape.finish);
        if !reason_told {
            let each = (self.shape.usage == UsageTold::Each).then_some(usage);
            events.end(self.shape.finish.as_str(), each);
        }
        if self.shape.usage != UsageTold::No {
            events.usage(usage);
        }
        if self.shape.oddity != Oddity::NoDone {
            events.done();
        }
        events.end_body();
        self.wire.send(events.bytes()).await?;
        Ok(self.shape.after)
    }

    async fn whole(mut self, server: Option<&str>, close: bool) -> io::Result<After> {
        let mut slot = self.admit().await?;
        let mut due = slot.admitted();
        let (mut text, mut reasoning) = (String::new(), String::new());
        while let Some(batch) = self.next_batch(&slot, due) {
            due = batch.due;
            self.wire.pause(due).await?;
            if !self.is_hidden(batch.kind) {
                let part = if batch.kind == Kind::Text { &mut text } else { &mut reasoning };
                self.speak(slot.tokens(), &batch, part);
            }
            slot.sent(batch.count, Stamp::now());
        }
        let answer = self.answer(&text, &reasoning, slot.cached(), slot.tokens());
        let bytes = answer.encode(server, close);
        if self.shape.strike.is_some() {
            drop(slot);
            // A body has no events to go wrong between: it is cut instead.
            self.wire.send(&bytes[..bytes.len() - answer.body.len() / 2]).await?;
            return Ok(After::Close);
        }
        slot.finish(self.shape.finish);
        self.wire.send(&bytes).await?;
        Ok(self.shape.after)
    }

    fn answer(&self, text: &str, reasoning: &str, cached: u32, tokens: u32) -> Answer {
        let finish = self.shape.finish.as_str();
        let (object, choice) = match self.shape.api {
            Api::Chat => {
                let mut message = json!({"role": "assistant", "content": text});
                if !reasoning.is_empty() {
                    let field = match self.state.spec.reasoning_field {
                        ReasoningField::Reasoning => "reasoning",
                        _ => "reasoning_content",
                    };
                    message[field] = reasoning.into();
                }
                (
                    "chat.completion",
                    json!({"index": 0, "message": message, "logprobs": null, "finish_reason": finish}),
                )
            }
            Api::Completions => (
                "text_completion",
                json!({"index": 0, "text": text, "logprobs": null, "finish_reason": finish}),
            ),
        };
        let usage = self.usage(cached, tokens);
        let usage: serde_json::Value = serde_json::from_str(&usage.json()).unwrap_or_default();
        Answer::json(
            200,
            &json!({
                "id": self.id,
                "object": object,
                "created": self.state.unix_seconds(self.arrived),
                "model": self.shape.model,
                "choices": [choice],
                "usage": usage,
            }),
        )
    }

    async fn admit(&mut self) -> io::Result<Slot> {
        let order = Order {
            prompt: &self.ask.prompt,
            prompt_tokens: self.prompt_tokens,
            arrived: self.arrived,
        };
        let metrics = &self.state.metrics[self.ask.model];
        self.state.engine.admit(metrics, self.wire, order).await
    }

    /// The tokens after those that `slot` has, the latest of which was due at `due`. None at the
    /// end, and where a fault strikes.
    fn next_batch(&mut self, slot: &Slot, due: Stamp) -> Option<Batch> {
        let done = slot.tokens();
        let end = match self.shape.strike {
            Some((after, _)) => self.shape.tokens.min(after),
            None => self.shape.tokens,
        };
        // A batch does not mix reasoning and text.
        let (kind, border) = if done < self.shape.reasoning {
            (Kind::Reasoning, self.shape.reasoning.min(end))
        } else {
            (Kind::Text, end)
        };
        let count = match done {
            0 => 1,
            _ => self.state.spec.tokens_per_event,
        };
        let count = count.min(border.saturating_sub(done));
        let mut next = due;
        for token in done..done + count {
            next = next.after(self.gap(token, slot.cached(), next));
        }
        (count > 0).then_some(Batch { due: next, count, kind })
    }

    /// How long the engine takes for token number `token`.
    fn gap(&mut self, token: u32, cached: u32, at: Stamp) -> Duration {
        let spec = &self.state.spec;
        let slowness = self.state.slowness(at);
        if token == 0 {
            let to_compute = f64::from(self.prompt_tokens.saturating_sub(cached));
            let prefill = Duration::try_from_secs_f64(spec.prefill_ms_per_token * to_compute / 1e3)
                .unwrap_or(misbehave::LONGEST_FAULT);
            return spec.ttft.draw(&mut self.rng).mul_f64(slowness) + prefill;
        }
        if let Some(gap) = self.shape.gap {
            return gap;
        }
        let others = self.state.engine.busy().saturating_sub(1) as f64;
        let crowding = 1.0 + spec.batch_slowdown * others;
        spec.itl.draw(&mut self.rng).mul_f64(slowness * crowding)
    }

    fn events(&self) -> Events {
        let created = self.state.unix_seconds(self.arrived);
        Events::new(&self.shape, &self.id, created, self.state.spec.reasoning_field)
    }

    /// Appends the words of `batch`, `before` tokens of the answer having gone before it.
    fn speak(&mut self, before: u32, batch: &Batch, words: &mut String) {
        let start = match batch.kind {
            Kind::Reasoning => before,
            Kind::Text => before.saturating_sub(self.shape.reasoning),
        };
        for index in start..start + batch.count {
            words.push_str(self.shape.words.get(index, &mut self.rng));
        }
    }

    fn odd(&self, events: &mut Events) {
        if self.shape.oddity == Oddity::NullEvents {
            events.line("data: null");
        }
    }

    fn is_hidden(&self, kind: Kind) -> bool {
        kind == Kind::Reasoning && self.state.spec.reasoning_field == ReasoningField::Hidden
    }

    fn usage(&self, cached: u32, tokens: u32) -> Usage {
        Usage {
            prompt: self.prompt_tokens,
            cached,
            completion: tokens.saturating_add(self.shape.usage_surplus),
            reasoning: self.shape.reasoning.min(tokens),
        }
    }
}
