//! Each fault, as it looks on the wire.

use std::time::Duration;

use serde_json::json;
use tokenbeat::sim::{Degrade, Dist, FaultRule, SimSpec, SpawnedSim, fault_names};

use super::answers::{chat, quick, sim};
use super::client::{Answer, Client, End};

const CHAT: &str = "/v1/chat/completions";

/// Faults after which nothing comes, so that nothing is what to wait for.
const SILENT: [&str; 4] = ["silence_before_head", "no_first_token", "stall", "close_on_reuse"];

fn strike(sim: &SpawnedSim, fault: &str) -> (Client, Result<Answer, End>) {
    let mut client = Client::new(sim);
    if SILENT.iter().any(|name| fault.starts_with(name)) {
        client.patience(Duration::from_secs(1));
    }
    client.send("POST", CHAT, &[&format!("x-sim-fault: {fault}")], &chat(6).to_string());
    let answer = client.try_answer();
    (client, answer)
}

/// The answer to a request with `fault`.
fn struck(sim: &SpawnedSim, fault: &str) -> Answer {
    strike(sim, fault).1.unwrap_or_else(|end| panic!("{fault}: no head, {end:?}"))
}

#[test]
fn a_fault_before_the_head_ends_the_connection_in_its_way() {
    let sim = sim(quick());
    for (fault, end) in [
        ("close", End::Closed),
        ("rst", End::Reset),
        ("cut_head", End::Closed),
        ("not_http", End::Closed),
        ("silence_before_head", End::Silent),
    ] {
        assert_eq!(strike(&sim, fault).1.unwrap_err(), end, "{fault}");
    }
    let mut client = Client::new(&sim);
    client.send("POST", CHAT, &["x-sim-fault: huge_head"], &chat(6).to_string());
    let (bytes, end) = client.drain(1 << 20);
    assert!(bytes.len() >= 1 << 20 && end == End::Complete);
    assert!(!bytes.windows(4).any(|window| window == b"\r\n\r\n"));
}

#[test]
fn a_canned_answer_leaves_the_connection_fit_for_the_next() {
    let sim = sim(quick());
    for (fault, status, sign) in [
        ("http_302", 302, "location: /v1/elsewhere"),
        ("http_400", 400, "application/json"),
        ("http_401", 401, "www-authenticate: Bearer"),
        ("http_404", 404, "application/json"),
        ("http_422", 422, "application/json"),
        ("http_429", 429, "retry-after: 1"),
        ("http_500_html", 500, "text/html"),
        ("http_503", 503, "application/json"),
        ("html_200", 200, "text/html"),
        ("json_error_200", 200, "application/json"),
        ("empty_200", 200, "content-length: 0"),
    ] {
        let (mut client, answer) = strike(&sim, fault);
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.end), (status, End::Complete), "{fault}");
        assert!(answer.head.contains(sign), "{fault}: {}", answer.head);
        assert_eq!(client.post(CHAT, &[], &chat(1)).status, 200, "{fault}: next on the connection");
    }
    assert!(struck(&sim, "http_422").text().contains("'ignore_eos'"));
    assert!(struck(&sim, "json_error_200").json()["error"]["message"].is_string());
}

#[test]
fn heads_without_tokens() {
    let sim = sim(quick());
    let silent = struck(&sim, "no_first_token");
    assert_eq!((silent.status, silent.body.len(), silent.end), (200, 0, End::Silent));
    let bare = struck(&sim, "empty_body");
    assert_eq!((bare.body.len(), bare.end), (0, End::Complete));
    let empty = struck(&sim, "empty_stream");
    assert_eq!((empty.words().len(), empty.is_done(), empty.end), (0, true, End::Complete));
    assert_eq!(empty.finish_reason().as_deref(), Some("stop"));

    let mut client = Client::new(&sim);
    client.send("POST", CHAT, &["x-sim-fault: pings_only"], &chat(6).to_string());
    let (bytes, _) = client.drain(300);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.matches(": ping\n\n").count() > 3 && !text.contains("data:"), "{text}");
    for (fault, most_events) in [("endless", usize::MAX), ("huge_event", 1)] {
        let mut client = Client::new(&sim);
        client.send("POST", CHAT, &[&format!("x-sim-fault: {fault}")], &chat(6).to_string());
        let (bytes, end) = client.drain(3 << 20);
        assert_eq!(end, End::Complete, "{fault}: still going after 3 MiB");
        let events = String::from_utf8_lossy(&bytes).matches("data: ").count();
        assert!((1..=most_events).contains(&events), "{fault}: {events}");
    }
}

#[test]
fn streams_that_go_wrong_on_their_way() {
    let sim = sim(quick());
    for (fault, end, sign) in [
        ("broken_json", End::Complete, "\"delta\":{\"cont\n\n"),
        ("html_event", End::Complete, "data: <html>"),
        ("error_object", End::Complete, "data: {\"error\":{\"message\""),
        ("error_string", End::Complete, "data: {\"error\":\"simulated"),
        ("stall", End::Silent, ""),
        ("truncated", End::Closed, ""),
        ("mid_stream_rst", End::Reset, ""),
        ("clean_end", End::Complete, ""),
        ("mid_chunk", End::Closed, ""),
    ] {
        let answer = struck(&sim, &format!("{fault}=2"));
        assert_eq!((answer.status, answer.end), (200, end), "{fault}");
        assert_eq!(answer.finish_reason(), None, "{fault}");
        assert!(answer.text().contains(sign), "{fault}: {}", answer.text());
        if fault != "mid_stream_rst" {
            assert_eq!(answer.words().len(), 2, "{fault}");
        }
        assert!(!answer.is_done() || !sign.is_empty(), "{fault}");
    }
    assert_eq!(struck(&sim, "truncated=0").words().len(), 0);
    assert_eq!(struck(&sim, "truncated=99").words().len(), 6, "strikes at the latest after all");

    let mut client = Client::new(&sim);
    client.send("POST", CHAT, &["x-sim-fault: stall_pings=1"], &chat(6).to_string());
    let text = String::from_utf8(client.drain(1_000).0).unwrap();
    assert!(text.contains(": ping\n\n") && !text.contains("[DONE]"), "{text}");
}

#[test]
fn answers_that_are_not_what_was_asked() {
    let sim = sim(quick());
    assert_eq!(struck(&sim, "wrong_model").events()[0]["model"], "not-sim-8b");
    assert_eq!(struck(&sim, "short").words().len(), 3);
    assert_eq!(struck(&sim, "long").words().len(), 11);
    let usage = struck(&sim, "false_usage").events().last().unwrap()["usage"].clone();
    assert_eq!(usage["completion_tokens"], 6 + 11);
    let words = struck(&sim, "one_word").words();
    assert!(words.len() == 6 && words.iter().all(|word| *word == words[0]));
    let looped = struck(&sim, "one_sentence").words();
    assert!(looped.len() == 64 && looped.windows(5).all(|words| words[0] == words[4]));
    assert!(struck(&sim, "undecodable").words().iter().all(|word| word == "\u{fffd}"));
}

#[test]
fn oddities_that_a_client_must_bear() {
    let sim = sim(quick());
    let nulls = struck(&sim, "null_events");
    assert_eq!(nulls.text().matches("data: null\n\n").count(), 7);
    assert_eq!((nulls.words().len(), nulls.is_done()), (6, true));
    let crlf = struck(&sim, "crlf");
    assert_eq!(crlf.words().len(), 6);
    assert!(crlf.chunks.iter().all(|chunk| chunk.ends_with("\r\n\r\n")));
    let undone = struck(&sim, "no_done");
    assert_eq!((undone.is_done(), undone.end), (false, End::Complete));
    assert_eq!(undone.finish_reason().as_deref(), Some("length"));
    let mut late = Client::new(&sim);
    late.send("POST", CHAT, &["x-sim-fault: late_head=1000"], &chat(2).to_string());
    late.patience(Duration::from_millis(50));
    assert_eq!(late.try_answer().unwrap_err(), End::Silent);
    late.patience(Duration::from_secs(20));
    assert_eq!(late.answer().words().len(), 2);
    let mut drip = Client::new(&sim);
    drip.send("POST", CHAT, &["x-sim-fault: slow_drip=5"], &chat(2).to_string());
    let text = String::from_utf8(drip.drain(4_000).0).unwrap();
    assert!(text.matches("\"content\":\" ").count() > 6, "more than was asked for: {text}");
}

#[test]
fn two_tokens_can_share_a_write() {
    let sim = sim(SimSpec { itl: Dist::constant_ms(500.0), stamps: true, ..quick() });
    let mut client = Client::new(&sim);
    client.send("POST", CHAT, &["x-sim-fault: coalesced"], &chat(3).to_string());
    // More than the head: one further read, which holds what one write carried.
    let (bytes, _) = client.drain(250);
    let text = String::from_utf8(bytes).unwrap();
    assert_eq!(text.matches("\"content\":\" ").count(), 2, "{text}");
    assert_eq!(client.rest(), End::Complete);
    let record = &sim.handle().stamps()[0];
    assert_eq!(record.tokens, 3);
    assert!(record.first_token_ns.unwrap() - record.arrived_ns >= 502_000_000, "{record:?}");
}

#[test]
fn connections_that_go_stale() {
    let sim = sim(quick());
    let (mut client, answer) = strike(&sim, "close_after");
    let answer = answer.unwrap();
    assert!(answer.is_done() && !answer.head.contains("connection: close"));
    assert_eq!(client.next_end(), End::Closed);

    let (mut client, answer) = strike(&sim, "close_on_reuse");
    assert!(answer.unwrap().is_done());
    assert_eq!(client.next_end(), End::Silent, "still open");
    client.send("POST", CHAT, &[], &chat(1).to_string());
    let end = client.try_answer().unwrap_err();
    assert!(matches!(end, End::Closed | End::Reset), "{end:?}");
}

#[test]
fn a_script_is_used_up_one_a_request() {
    let sim = sim(quick());
    let mut client = Client::new(&sim);
    let script = json!(["http_503", "none", "http_429"]);
    assert_eq!(client.post("/sim/faults", &[], &script).status, 204);
    assert_eq!(client.get("/sim/faults").json()["scripted"], script);
    let statuses: Vec<_> = (0..4).map(|_| client.post(CHAT, &[], &chat(1)).status).collect();
    assert_eq!(statuses, [503, 200, 429, 200]);
    assert_eq!(client.post("/sim/faults", &[], &json!(["no_such"])).status, 400);
    assert_eq!(client.post(CHAT, &["x-sim-fault: no_such"], &chat(1)).status, 400);
    sim.handle().set_faults(["http_404"]).unwrap();
    assert_eq!(client.post(CHAT, &[], &chat(1)).status, 404);
    assert!(sim.handle().set_faults(["no_such"]).is_err());
    let known = client.get("/sim/faults").json()["known"].as_array().unwrap().len();
    assert_eq!(known, fault_names().count());
}

#[test]
fn shares_of_faults_are_kept() {
    let fault = "http_503".parse().unwrap();
    let sim = sim(SimSpec { faults: vec![FaultRule { fault, ratio: 0.3 }], ..quick() });
    let mut client = Client::new(&sim);
    let failed = (0..300).filter(|_| client.post(CHAT, &[], &chat(1)).status == 503).count();
    assert!((60..=120).contains(&failed), "{failed} of 300");
}

#[test]
fn a_bad_spell_fails_and_slows() {
    let degrade =
        Degrade { period_s: 1e6, duration_s: 1e6, factor: 20.0, error_ratio: 0.5, offset_s: 0.0 };
    let sim = sim(SimSpec { degrade: Some(degrade), stamps: true, ..quick() });
    let mut client = Client::new(&sim);
    let failed = (0..20).filter(|_| client.post(CHAT, &[], &chat(1)).status == 503).count();
    assert!((1..20).contains(&failed), "{failed} of 20");
    for record in sim.handle().stamps() {
        assert!(record.first_token_ns.unwrap() - record.arrived_ns >= 40_000_000, "{record:?}");
    }
}

#[test]
fn bad_spells_are_ordered_and_ended_while_it_runs() {
    let sim = sim(quick());
    let mut client = Client::new(&sim);
    let mut order = |method: &str, body: &str| {
        client.send(method, "/sim/degrade", &[], body);
        client.answer()
    };
    assert!(order("GET", "").json().is_null());
    assert_eq!(order("PUT", r#"{"factor": 1, "error_ratio": 1}"#).status, 204);
    assert_eq!(order("GET", "").json()["error_ratio"], 1.0);
    for nonsense in [r#"{"factor": -1}"#, r#"{"factor": 2, "duration_s": 9}"#, r#"{"slow": 2}"#, ""]
    {
        assert_eq!(order("PUT", nonsense).status, 400, "{nonsense}");
    }
    assert_eq!(Client::new(&sim).post(CHAT, &[], &chat(1)).status, 503);
    assert_eq!(order("DELETE", "").status, 204);
    assert_eq!(Client::new(&sim).post(CHAT, &[], &chat(1)).status, 200);
}
