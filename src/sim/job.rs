//! One completion under way, from the queue to the last byte of its answer.
//!
//! Owns the order of what is sent. Must not know how events or faults are spelled.

use std::io;
use std::sync::Arc;

use rand_pcg::Pcg64Mcg;
use serde_json::json;

use super::ask::{Api, Ask};
use super::engine::{Order, Slot};
use super::http::Answer;
use super::metrics::Finish;
use super::misbehave;
use super::pace::Batch;
use super::shape::{After, Oddity, Shape, UsageTold};
use super::spec::{ReasoningField, RoleChunk};
use super::state::State;
use super::stream::{Events, Kind, Usage};
use super::tells::{Tells, Took};
use super::wire::Wire;
use crate::clock::Stamp;

/// A completion under way.
pub(super) struct Job<'a> {
    pub(super) state: &'a Arc<State>,
    pub(super) wire: &'a mut Wire,
    pub(super) shape: Shape,
    pub(super) ask: Ask,
    pub(super) rng: Pcg64Mcg,
    pub(super) arrived: Stamp,
    pub(super) prompt_tokens: u32,
    pub(super) id: String,
}

impl Job<'_> {
    /// Answers with a stream that begins with `head`.
    pub(super) async fn stream(mut self, head: &[u8]) -> io::Result<After> {
        let mut events = self.events();
        self.wire.send(head).await?;
        self.tell_role(&mut events).await?;
        let mut slot = self.admit().await?;
        let mut due = slot.admitted();
        let mut words = String::new();
        let mut reason_told = false;
        let mut held = 0;
        while let Some(batch) = self.next_batch(&slot, due) {
            due = batch.due;
            let first = slot.tokens() == 0;
            // What goes out later, together with more, is not waited for.
            let hold = !first
                && slot.tokens() + batch.count < self.last_token()
                && held + 1 < self.state.spec.events_per_write;
            if !hold {
                self.wire.pause(due).await?;
            }
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
            let coalesced = self.shape.oddity == Oddity::Coalesced && first && !ends;
            if hold || coalesced {
                slot.generated(batch.count);
                held += 1;
                continue;
            }
            let at = self.wire.send(events.bytes()).await?;
            events.clear();
            held = 0;
            slot.sent(batch.count, at);
        }
        if let Some((_, strike)) = self.shape.strike {
            return misbehave::strike(self.wire, &mut events, strike, slot).await;
        }
        let usage = self.usage(slot.cached(), slot.tokens());
        let took = slot.took();
        slot.finish(self.shape.finish);
        self.tell_end(&mut events, usage, &took, reason_told);
        self.wire.send(events.bytes()).await?;
        Ok(self.shape.after)
    }

    /// Sends the role chunk, or lays it in front of the first token.
    async fn tell_role(&mut self, events: &mut Events) -> io::Result<()> {
        let role = match self.shape.api {
            Api::Chat => self.state.spec.role_chunk,
            Api::Completions => RoleChunk::Never,
        };
        if role != RoleChunk::Never {
            self.odd(events);
            events.role();
        }
        if role == RoleChunk::Early {
            self.wire.send(events.bytes()).await?;
            events.clear();
        }
        Ok(())
    }

    /// Everything after the last token, for one write.
    fn tell_end(&self, events: &mut Events, usage: Usage, took: &Took, reason_told: bool) {
        if !reason_told {
            let each = (self.shape.usage == UsageTold::Each).then_some(usage);
            events.end(self.shape.finish.as_str(), each);
        }
        let usage = (self.shape.usage != UsageTold::No).then_some(usage);
        let timings = (self.tells() == Tells::Timings).then(|| took.timings());
        if usage.is_some() || timings.is_some() {
            events.account(usage, timings.as_deref());
        }
        if self.shape.oddity != Oddity::NoDone {
            events.done();
        }
        events.end_body();
    }

    /// Answers in one piece, at the end.
    pub(super) async fn whole(mut self, server: Option<&str>, close: bool) -> io::Result<After> {
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
        let answer = self.answer(&text, &reasoning, &slot.took());
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

    fn answer(&self, text: &str, reasoning: &str, took: &Took) -> Answer {
        let finish = self.shape.finish.as_str();
        let mut choice = json!({"index": 0, "logprobs": null, "finish_reason": finish});
        let object = match self.shape.api {
            Api::Chat => {
                choice["message"] = json!({"role": "assistant", "content": text});
                if !reasoning.is_empty() {
                    let field = self.state.spec.reasoning_field.key();
                    choice["message"][field] = reasoning.into();
                }
                "chat.completion"
            }
            Api::Completions => {
                choice["text"] = text.into();
                "text_completion"
            }
        };
        let usage = self.usage(took.cached, took.tokens).json();
        let usage: serde_json::Value = serde_json::from_str(&usage).unwrap_or_default();
        let created = self.state.unix_seconds(self.arrived);
        let mut body = json!({"id": self.id, "object": object, "created": created,
                              "model": self.shape.model, "choices": [choice], "usage": usage});
        if self.tells() == Tells::Timings {
            body["timings"] = serde_json::from_str(&took.timings()).unwrap_or_default();
        }
        let mut answer = Answer::json(200, &body);
        if self.tells() == Tells::Headers {
            answer.headers.extend(took.headers());
        }
        answer
    }

    fn tells(&self) -> Tells {
        self.state.spec.flavour.traits().tells
    }

    async fn admit(&mut self) -> io::Result<Slot> {
        let order = Order {
            prompt: &self.ask.prompt,
            prompt_tokens: self.prompt_tokens,
            tokens_per_word: self.state.spec.prompt_tokens_per_word,
            arrived: self.arrived,
            received: self.wire.received_at(),
        };
        let metrics = &self.state.metrics[self.ask.model];
        self.state.engine.admit(metrics, self.wire, order).await
    }

    /// The writer of its events.
    pub(super) fn events(&self) -> Events {
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
