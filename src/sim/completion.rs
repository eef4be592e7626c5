//! The front door of completions: fault, refusal, or a job.
//!
//! Owns the choice of what is done with a completion request. Must not know how a job or a fault
//! is carried out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::ask::{Api, Ask, Delivery};
use super::fault::Act;
use super::http::{self, Answer, Request};
use super::job::Job;
use super::misbehave;
use super::shape::{After, Shape};
use super::state::State;
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
    let arrived = arrived.after(Duration::from_millis(state.spec.wire_delay_ms));
    wire.pause(arrived).await?;
    let mut shape = Shape::healthy(api, &ask, &state.spec, &mut rng);
    if let (Act::Twist(twist), Some(order)) = (act, order) {
        shape.twist(twist, order);
    }
    let id = match api {
        Api::Chat => format!("chatcmpl-{number:016x}"),
        Api::Completions => format!("cmpl-{number:016x}"),
    };
    wire.pause(arrived.after(shape.head_delay)).await?;
    let spec = &state.spec;
    let prompt_tokens =
        prompt_tokens(&ask.prompt, spec.prompt_tokens_per_word, spec.template_tokens);
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
