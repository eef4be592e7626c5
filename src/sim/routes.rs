//! Path × method → answer.
//!
//! Owns the table of routes, the key check and the small answers. Must not know how completions
//! are made.

use std::io;
use std::sync::Arc;

use serde_json::json;

use super::ask::Api;
use super::completion;
use super::degrade::Degrade;
use super::fault::{FaultOrder, fault_names};
use super::http::{Answer, Request};
use super::metrics;
use super::shape::After;
use super::spec::SpecError;
use super::state::{SCRIPT_LIMIT, State};
use super::wire::Wire;
use crate::clock::Stamp;

/// What stands behind a path.
#[derive(Clone, Copy)]
enum Room {
    Completion(Api),
    Small(fn(&State, &Request) -> Answer),
}

/// What each method finds where.
const ROUTES: &[(&str, &str, Room)] = &[
    ("POST", "/v1/chat/completions", Room::Completion(Api::Chat)),
    ("POST", "/v1/completions", Room::Completion(Api::Completions)),
    ("GET", "/v1/models", Room::Small(models)),
    ("GET", "/health", Room::Small(|_, _| Answer::empty(200))),
    ("GET", "/metrics", Room::Small(exposition)),
    ("GET", "/dcgm/metrics", Room::Small(gpus)),
    ("GET", "/sim/faults", Room::Small(list_faults)),
    ("POST", "/sim/faults", Room::Small(set_faults)),
    ("GET", "/sim/degrade", Room::Small(tell_degrade)),
    ("PUT", "/sim/degrade", Room::Small(set_degrade)),
    ("DELETE", "/sim/degrade", Room::Small(end_degrade)),
    ("GET", "/sim/stamps", Room::Small(list_stamps)),
    ("DELETE", "/sim/stamps", Room::Small(clear_stamps)),
];

/// Answers `request`, which had arrived in full at `arrived`.
pub(super) async fn answer(
    state: &Arc<State>,
    wire: &mut Wire,
    request: &Request,
    arrived: Stamp,
) -> io::Result<After> {
    let traits = state.spec.flavour.traits();
    let path = request.path();
    let here = || ROUTES.iter().filter(|(_, known, _)| *known == path);
    let room = here().find(|(method, ..)| *method == request.method).map(|(.., room)| *room);
    let answer = match (room, traits.version) {
        _ if path.starts_with("/v1/") && !has_key(state, request) => unauthorized(),
        (Some(Room::Completion(api)), _) => {
            return completion::serve(state, wire, api, request, arrived).await;
        }
        (Some(Room::Small(answer)), _) => answer(state, request),
        (None, Some((known, body))) if known == path && request.method == "GET" => {
            Answer::new(200, "application/json", body)
        }
        (None, _) if here().next().is_none() => Answer::json(404, &json!({"detail": "Not Found"})),
        (None, _) => {
            let mut answer = Answer::json(405, &json!({"detail": "Method Not Allowed"}));
            let allowed: Vec<_> = here().map(|(method, ..)| *method).collect();
            answer.headers.push(("allow", allowed.join(", ")));
            answer
        }
    };
    wire.send(&answer.encode(traits.server, request.close)).await?;
    Ok(After::Keep)
}

fn has_key(state: &State, request: &Request) -> bool {
    let given = || request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    state.spec.api_key.as_deref().is_none_or(|key| given() == Some(key))
}

fn unauthorized() -> Answer {
    let mut answer = Answer::json(401, &json!({"error": "Unauthorized"}));
    answer.headers.push(("www-authenticate", "Bearer".to_owned()));
    answer
}

fn models(state: &State, _: &Request) -> Answer {
    let owner = state.spec.flavour.traits().owner;
    let created = state.unix_seconds(Stamp::now());
    let length = state.spec.max_output_tokens;
    let models: Vec<_> = (state.spec.models.iter())
        .map(|id| {
            json!({"id": id, "object": "model", "created": created, "owned_by": owner,
                   "root": id, "parent": null, "max_model_len": length})
        })
        .collect();
    Answer::json(200, &json!({"object": "list", "data": models}))
}

fn exposition(state: &State, _: &Request) -> Answer {
    let text = metrics::render(&state.metrics);
    Answer::new(200, "text/plain; version=0.0.4; charset=utf-8", text)
}

fn gpus(state: &State, _: &Request) -> Answer {
    Answer::new(200, "text/plain; version=0.0.4; charset=utf-8", state.gpus())
}

fn list_faults(state: &State, _: &Request) -> Answer {
    let names: Vec<_> = fault_names().collect();
    Answer::json(200, &json!({"known": names, "scripted": state.script()}))
}

fn set_faults(state: &State, request: &Request) -> Answer {
    match serde_json::from_slice::<Vec<FaultOrder>>(&request.body) {
        Ok(script) if script.len() <= SCRIPT_LIMIT => {
            state.set_script(script);
            Answer::empty(204)
        }
        Ok(_) => Answer::error(400, "BadRequestError", "too many faults", None),
        Err(error) => Answer::error(400, "BadRequestError", &error.to_string(), None),
    }
}

fn tell_degrade(state: &State, _: &Request) -> Answer {
    Answer::json(200, &json!(state.degrade()))
}

fn set_degrade(state: &State, request: &Request) -> Answer {
    match serde_json::from_slice::<Degrade>(&request.body) {
        Ok(degrade) if degrade.is_sound() => {
            state.set_degrade(Some(degrade));
            Answer::empty(204)
        }
        Ok(_) => {
            Answer::error(400, "BadRequestError", &SpecError::Range("degrade").to_string(), None)
        }
        Err(error) => Answer::error(400, "BadRequestError", &error.to_string(), None),
    }
}

fn end_degrade(state: &State, _: &Request) -> Answer {
    state.set_degrade(None);
    Answer::empty(204)
}

fn list_stamps(state: &State, _: &Request) -> Answer {
    Answer::json(200, &json!(state.engine.stamps.all()))
}

fn clear_stamps(state: &State, _: &Request) -> Answer {
    state.engine.stamps.clear();
    Answer::empty(204)
}
