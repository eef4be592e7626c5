//! What a healthy engine answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokenbeat::sim::{
    Dist, Flavour, ReasoningField, RoleChunk, Sim, SimSpec, SpawnedSim, TlsPem, UsagePolicy,
};

use super::client::{Client, End};

pub fn quick() -> SimSpec {
    SimSpec { ttft: Dist::constant_ms(2.0), itl: Dist::constant_ms(1.0), ..SimSpec::default() }
}

pub fn sim(spec: SimSpec) -> SpawnedSim {
    Sim::spawn(spec).unwrap()
}

pub fn chat(tokens: u32) -> serde_json::Value {
    json!({
        "model": "sim-8b",
        "messages": [{"role": "user", "content": "say a few words"}],
        "max_tokens": tokens,
        "stream": true,
        "stream_options": {"include_usage": true},
    })
}

const CHAT: &str = "/v1/chat/completions";

#[test]
fn a_chat_stream_is_one_event_a_chunk_and_counts_right() {
    let sim = sim(quick());
    let answer = Client::new(&sim).post(CHAT, &[], &chat(5));
    assert_eq!((answer.status, answer.end), (200, End::Complete));
    assert!(answer.head.contains("content-type: text/event-stream"));
    assert_eq!(answer.words().len(), 5);
    assert_eq!(answer.finish_reason().as_deref(), Some("length"));
    // role, five tokens, usage, [DONE]
    assert_eq!(answer.chunks.len(), 8);
    assert!(answer.chunks.iter().all(|c| c.starts_with("data: ") && c.ends_with("\n\n")));
    assert_eq!(answer.chunks[7], "data: [DONE]\n\n");
    let events = answer.events();
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    assert_eq!(events[6]["usage"]["completion_tokens"], 5);
    assert_eq!(events[6]["usage"]["prompt_tokens"], 4);
    assert!(events.iter().all(|event| event["model"] == "sim-8b"));
}

#[test]
fn a_completion_stream_has_text_and_no_role() {
    let sim = sim(quick());
    let body = json!({"prompt": [1, 2, 3], "max_tokens": 4, "stream": true});
    let answer = Client::new(&sim).post("/v1/completions", &[], &body);
    assert_eq!(answer.words().len(), 4);
    assert_eq!(answer.chunks.len(), 5, "four tokens and [DONE]: usage was not asked for");
    assert_eq!(answer.events()[0]["object"], "text_completion");
}

#[test]
fn whole_answers_carry_text_and_usage() {
    let sim = sim(quick());
    let mut client = Client::new(&sim);
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3});
    let answer = client.post(CHAT, &[], &body).json();
    assert_eq!(answer["object"], "chat.completion");
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
    assert_eq!(text.split_whitespace().count(), 3);
    assert_eq!(answer["usage"]["completion_tokens"], 3);
    let body = json!({"prompt": "hi", "max_tokens": 3});
    let answer = client.post("/v1/completions", &[], &body).json();
    assert_eq!(answer["choices"][0]["text"].as_str().unwrap().split_whitespace().count(), 3);
    assert_eq!(sim.handle().connections(), 1, "kept alive");
}

#[test]
fn the_small_pages_answer() {
    let sim = sim(SimSpec { models: vec!["a".into(), "b".into()], ..quick() });
    let mut client = Client::new(&sim);
    let health = client.get("/health");
    assert_eq!((health.status, health.body.len()), (200, 0));
    let models = client.get("/v1/models").json();
    assert_eq!(models["data"][1]["id"], "b");
    assert_eq!(models["data"][1]["owned_by"], "vllm");
    assert!(client.get("/version").json()["version"].is_string());
    let metrics = client.get("/metrics");
    assert!(
        metrics.text().contains("vllm:num_requests_running{engine=\"0\",model_name=\"b\"} 0.0")
    );
    assert_eq!(client.get("/nowhere").status, 404);
    assert_eq!(client.get("/nowhere").json(), json!({"detail": "Not Found"}));
    let wrong = client.get(CHAT);
    assert_eq!(wrong.status, 405);
    assert!(wrong.head.contains("allow: POST\r\n"));
    assert_eq!(sim.handle().connections(), 1);
    assert_eq!(sim.handle().requests(), 7);
}

#[test]
fn bad_requests_get_their_errors() {
    let sim = sim(SimSpec { refused_fields: vec!["ignore_eos".into()], ..quick() });
    let mut client = Client::new(&sim);
    client.send("POST", CHAT, &[], "{\"messages\": [");
    let broken = client.answer();
    assert_eq!(broken.status, 400);
    assert_eq!(broken.json()["error"]["code"], 400);
    let unknown = client.post(CHAT, &[], &json!({"model": "other", "messages": []}));
    assert_eq!((unknown.status, unknown.json()["error"]["param"].as_str()), (404, Some("model")));
    let refused = client.post(CHAT, &[], &json!({"messages": [], "ignore_eos": false}));
    assert_eq!(refused.status, 422);
    assert!(refused.json()["detail"].as_str().unwrap().contains("'ignore_eos'"));
    client.raw("this is not HTTP\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    assert_eq!(client.next_end(), End::Closed);
}

#[test]
fn the_key_is_asked_for_under_v1_only() {
    let sim = sim(SimSpec { api_key: Some("k-1".into()), ..quick() });
    let mut client = Client::new(&sim);
    assert_eq!(client.post(CHAT, &[], &chat(1)).status, 401);
    assert_eq!(client.post(CHAT, &["authorization: Bearer k-2"], &chat(1)).status, 401);
    assert_eq!(client.post(CHAT, &["authorization: Bearer k-1"], &chat(1)).status, 200);
    assert_eq!(client.get("/v1/models").status, 401);
    assert_eq!(client.get("/health").status, 200);
}

#[test]
fn a_connection_is_closed_when_the_client_says_so() {
    let sim = sim(quick());
    let mut client = Client::new(&sim);
    let answer = client.post(CHAT, &["connection: close"], &chat(2));
    assert!(answer.head.contains("connection: close\r\n"));
    assert_eq!((answer.end, client.next_end()), (End::Complete, End::Closed));
}

#[test]
fn a_chunked_request_is_read() {
    let sim = sim(quick());
    let mut client = Client::new(&sim);
    client.raw("POST /v1/completions HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n");
    client.raw("c\r\n{\"prompt\": \"\r\n11\r\nx\",\"max_tokens\":2\r\n1\r\n}\r\n0\r\n\r\n");
    assert_eq!(client.answer().json()["usage"]["completion_tokens"], 2);
    assert_eq!(sim.handle().last_request().unwrap().json()["prompt"], "x");
}

#[test]
fn reasoning_comes_first_and_where_the_spec_says() {
    for (field, name, events) in [
        (ReasoningField::ReasoningContent, "reasoning_content", 3),
        (ReasoningField::Reasoning, "reasoning", 3),
        (ReasoningField::Hidden, "reasoning", 0),
    ] {
        let sim = sim(SimSpec { reasoning_tokens: 3, reasoning_field: field, ..quick() });
        let answer = Client::new(&sim).post(CHAT, &[], &chat(5));
        assert_eq!(answer.deltas(name, "none").len(), events, "{field:?}");
        assert_eq!(answer.words().len(), 2);
        let usage = answer.events().last().unwrap()["usage"].clone();
        assert_eq!(usage["completion_tokens"], 5);
        assert_eq!(usage["completion_tokens_details"]["reasoning_tokens"], 3);
    }
}

#[test]
fn several_tokens_go_in_one_event_after_the_first() {
    let sim = sim(SimSpec { tokens_per_event: 4, ..quick() });
    let answer = Client::new(&sim).post(CHAT, &[], &chat(10));
    let sizes: Vec<_> = answer.words().iter().map(|w| w.split_whitespace().count()).collect();
    assert_eq!(sizes, [1, 4, 4, 1]);
}

#[test]
fn several_events_go_in_one_write_after_the_first() {
    let sim = sim(SimSpec { events_per_write: 4, ..quick() });
    let answer = Client::new(&sim).post(CHAT, &[], &chat(10));
    assert_eq!((answer.words().len(), answer.end), (10, End::Complete));
    assert_eq!(answer.events().last().unwrap()["usage"]["completion_tokens"], 10);
    // One event, two writes of four, and the last one: four writes have three gaps.
    let gaps = "vllm:inter_token_latency_seconds_count{engine=\"0\",model_name=\"sim-8b\"} 3.0\n";
    let metrics = sim.handle().metrics();
    assert!(metrics.contains(gaps), "{metrics}");
}

#[test]
fn usage_is_told_as_the_policy_says() {
    for (policy, asked, with_usage) in [
        (UsagePolicy::Asked, true, 1),
        (UsagePolicy::Asked, false, 0),
        (UsagePolicy::Always, false, 1),
        (UsagePolicy::Never, true, 0),
        (UsagePolicy::Continuous, false, 4),
    ] {
        let sim = sim(SimSpec { usage: policy, role_chunk: RoleChunk::Never, ..quick() });
        let mut body = chat(3);
        if !asked {
            body.as_object_mut().unwrap().remove("stream_options");
        }
        let answer = Client::new(&sim).post(CHAT, &[], &body);
        let told = answer.events().iter().filter(|event| event["usage"].is_object()).count();
        assert_eq!(told, with_usage, "{policy:?}, asked: {asked}");
    }
}

#[test]
fn a_natural_end_stops_with_an_event_of_its_own() {
    let sim = sim(SimSpec { mean_output_tokens: Some(1.0), ..quick() });
    let answer = Client::new(&sim).post(CHAT, &[], &chat(50));
    assert_eq!(answer.words().len(), 1);
    assert_eq!(answer.finish_reason().as_deref(), Some("stop"));
    let mut longer = chat(50);
    longer["ignore_eos"] = true.into();
    let answer = Client::new(&sim).post(CHAT, &[], &longer);
    assert_eq!(answer.words().len(), 50);
    assert_eq!(answer.finish_reason().as_deref(), Some("length"));
}

#[test]
fn the_same_seed_says_the_same() {
    let text = |seed| {
        let sim = sim(SimSpec { seed, ..quick() });
        Client::new(&sim).post(CHAT, &[], &chat(8)).words()
    };
    assert_eq!(text(7), text(7));
    assert_ne!(text(7), text(8));
}

#[test]
fn flavours_and_model_names_can_be_put_on() {
    let sim =
        sim(SimSpec { flavour: Flavour::Ollama, answered_model: Some("served".into()), ..quick() });
    let mut client = Client::new(&sim);
    assert!(client.get("/api/version").json()["version"].is_string());
    assert_eq!(client.get("/version").status, 404);
    assert_eq!(client.post(CHAT, &[], &chat(1)).events()[0]["model"], "served");
}

#[test]
fn a_given_reply_is_said_and_repeated() {
    let sim = sim(SimSpec { reply: Some("Paris it is".into()), ..quick() });
    let mut client = Client::new(&sim);
    let answer = client.post(CHAT, &[], &chat(50));
    assert_eq!(answer.words(), [" Paris", " it", " is"]);
    assert_eq!(answer.finish_reason().as_deref(), Some("stop"));
    let mut longer = chat(4);
    longer["ignore_eos"] = true.into();
    assert_eq!(client.post(CHAT, &[], &longer).words()[3], " Paris");
}

#[test]
fn tls_carries_the_same_answers() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = TlsPem { cert: made.cert.pem(), key: made.signing_key.serialize_pem() };
    let sim = sim(SimSpec { tls: Some(tls), ..quick() });
    assert!(sim.base_url().starts_with("https://127.0.0.1:"));
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = rustls::StreamOwned::new(session, TcpStream::connect(sim.addr()).unwrap());
    let body = chat(5).to_string();
    let length = body.len();
    write!(
        stream,
        "POST {CHAT} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("\"content\":\" ").count(), 5, "{text}");
    assert!(text.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"), "closed in order: {text}");
}

#[test]
fn an_unsound_spec_is_refused() {
    for spec in [
        SimSpec { slots: 0, ..quick() },
        SimSpec { tls: Some(TlsPem { cert: "no".into(), key: "no".into() }), ..quick() },
    ] {
        let error = Sim::spawn(spec).err().unwrap();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{error}");
    }
}

#[tokio::test]
async fn an_engine_can_be_spawned_and_dropped_by_async_code() {
    let sim = sim(quick());
    let addr = sim.addr();
    tokio::net::TcpStream::connect(addr).await.unwrap();
    drop(sim);
    let gone = tokio::net::TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(gone.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn accepting_can_be_delayed() {
    let sim = sim(SimSpec { accept_delay_ms: 1_000, ..quick() });
    let mut client = Client::new(&sim);
    client.patience(Duration::from_millis(50));
    client.send("GET", "/health", &[], "");
    assert_eq!(client.try_answer().unwrap_err(), End::Silent);
    client.patience(Duration::from_secs(20));
    assert_eq!(client.answer().status, 200);
}
