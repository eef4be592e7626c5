//! What goes out on which connection, and what is tried again: the client and the load against
//! real servers.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/secrets.rs, which uses it all")]
#[path = "support/asker.rs"]
mod asker;
#[path = "support/certificates.rs"]
mod certificates;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;
#[expect(dead_code, reason = "shared with tests/faults.rs, which uses it all")]
#[path = "support/pipeline.rs"]
mod pipeline;
#[path = "support/proxy.rs"]
mod proxy;
#[path = "support/tls_server.rs"]
mod tls_server;

use std::{path::Path, time::Duration};

use asker::Asker;
use http::Version;
use pipeline::{PATIENCE, Pipeline, Tap};
use proxy::{Proxy, Tunnels};
use tls_server::{TOKENS, TlsServer};
use tokenbeat::{
    measure::Measurement,
    sim::{Dist, Sim, SimSpec, SpawnedSim, TlsPem},
    timeline::{Exchange, Outcome, Retries, StampSource, Timeline},
};

const NONE: Retries = Retries { stale_connection: 0, refused_field: 0, configured: 0 };

fn engine(spec: SimSpec) -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(10.0), Dist::constant_ms(2.0));
    Sim::spawn(SimSpec { ttft, itl, ..spec }).expect("an engine")
}

/// A target at `url` with more settings, a probe with more settings.
fn config(url: &str, target: &str, probe: &str) -> String {
    format!(
        "targets:\n\
         \x20 - {{name: t, url: \"{url}\", models: [sim-8b]{target}}}\n\
         workloads:\n\
         \x20 w: {{synthetic: {{input_tokens: 32, output_tokens: 8}}}}\n\
         probes:\n\
         \x20 - {{name: canary, targets: [t], workload: w, interval: 1s, timeout: 60s{probe}}}\n"
    )
}

fn succeeded(exchange: &Exchange) -> &Timeline {
    assert_eq!(exchange.outcome, Outcome::Ok, "{:?}", exchange.detail);
    &exchange.timeline
}

#[test]
fn a_fresh_exchange_dials_and_a_reused_connection_does_not() {
    let sim = engine(SimSpec::default());
    let fresh = Asker::new(&config(sim.base_url(), "", ""));
    for dialled in 1..=3 {
        let exchange = fresh.ask();
        let timeline = succeeded(&exchange);
        assert!(timeline.connected.is_some() && !timeline.reused_connection);
        assert_eq!(sim.handle().connections(), dialled);
    }
    let reuse = Asker::new(&config(sim.base_url(), "", ", connection: reuse"));
    for first in [true, false, false] {
        let exchange = reuse.ask();
        let timeline = succeeded(&exchange);
        assert_eq!((timeline.connected.is_some(), timeline.reused_connection), (first, !first));
        assert_eq!(sim.handle().connections(), 4);
    }
}

#[test]
fn a_stale_connection_is_recognised_behind_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = folder.path().join("ca.pem");
    let pair = certificates::self_signed();
    certificates::put(&authority, &pair.certificate);
    let tls = TlsPem { cert: pair.certificate, key: pair.key };
    for tls in [None, Some(tls)] {
        let encrypted = tls.is_some();
        let sim = engine(SimSpec { tls, ..SimSpec::default() });
        let target = format!(", tls_config: {{ca_file: {}}}", authority.display());
        let asker = Asker::new(&config(
            sim.base_url(),
            if encrypted { &target } else { "" },
            ", connection: reuse",
        ));
        sim.handle().set_faults(["close_on_reuse"]).expect("known");
        assert_eq!(succeeded(&asker.ask()).retries, NONE);
        let exchange = asker.ask();
        assert_eq!(succeeded(&exchange).retries, Retries { stale_connection: 1, ..NONE });
        assert_eq!((sim.handle().connections(), sim.handle().requests()), (2, 2));
    }
}

#[test]
fn a_stale_connection_is_replaced_once_and_its_time_is_ours() {
    let sim = engine(SimSpec::default());
    let asker = Asker::new(&config(sim.base_url(), "", ", connection: reuse"));
    sim.handle().set_faults(["close_on_reuse", "none", "close_on_reuse", "close"]).expect("known");
    // The script counts requests that are read, and a stale connection reads none.
    assert_eq!(succeeded(&asker.ask()).retries, NONE);
    let exchange = asker.ask();
    let timeline = succeeded(&exchange);
    assert_eq!(timeline.retries, Retries { stale_connection: 1, ..NONE });
    assert_eq!(sim.handle().connections(), 2);
    let (started, again) =
        (timeline.sent_start.expect("sent"), timeline.attempt_start.expect("sent"));
    assert!(timeline.due <= started && started < again, "the due time stays, the attempt moves");
    let measured = Measurement::of(&exchange);
    let first_token = timeline.first_token().expect("a token").at;
    assert_eq!(measured.ttft, Some(first_token.since(timeline.due)));
    assert!(measured.ttft > measured.service_ttft, "the lost attempt is part of ttft");

    assert_eq!(succeeded(&asker.ask()).retries, NONE);
    let twice = asker.ask();
    assert_eq!(twice.outcome, Outcome::Reset, "{:?}", twice.detail);
    assert_eq!(twice.timeline.retries, Retries { stale_connection: 1, ..NONE });
}

#[test]
fn a_new_connection_that_breaks_is_not_tried_again() {
    let sim = engine(SimSpec::default());
    sim.handle().set_faults(["close", "none"]).expect("known");
    let exchange = Asker::new(&config(sim.base_url(), "", ", connection: reuse")).ask();
    assert_eq!((exchange.outcome, exchange.timeline.retries), (Outcome::Reset, NONE));
    assert_eq!(sim.handle().requests(), 1);
}

#[test]
fn retries_are_counted_by_reason() {
    let spec = SimSpec { refused_fields: vec!["ignore_eos".to_owned()], ..SimSpec::default() };
    let sim = engine(spec);
    sim.handle().set_faults(["http_503", "none", "close_on_reuse"]).expect("known");
    let retry = ", retry: {attempts: 2, delay: 10ms}";
    let tap = Tap::new();
    let pipeline = Pipeline::start(&tap, &config(sim.base_url(), retry, ", connection: reuse"));
    let stale = |beat: &tokenbeat::event::Beat| beat.exchange.timeline.retries.stale_connection > 0;
    tap.wait("a stale connection", |beats| beats.iter().any(stale));
    pipeline.drain(PATIENCE);
    let samples = tap.scrape();
    for reason in ["stale_connection", "refused_field", "configured"] {
        let counted = samples.get("tokenbeat_probe_retries_total", &[("reason", reason)]);
        assert_eq!(counted, 1.0, "{reason}");
    }
    assert_eq!(tap.count(Outcome::Ok), tap.beats().len());
    assert_eq!(samples.get("tokenbeat_probe_attempts_total", &[]), tap.beats().len() as f64);
}

#[test]
fn a_refused_field_is_left_out_from_then_on_and_said() {
    let refused = ["ignore_eos", "min_tokens"];
    let sim = engine(SimSpec {
        refused_fields: refused.map(str::to_owned).to_vec(),
        ..SimSpec::default()
    });
    let asker = Asker::new(&config(sim.base_url(), "", ""));
    let exchange = asker.ask();
    assert_eq!(succeeded(&exchange).retries, Retries { refused_field: 2, ..NONE });
    assert_eq!(sim.handle().requests(), 3);
    assert_eq!(succeeded(&asker.ask()).retries, NONE);
    assert_eq!(sim.handle().requests(), 4);
    let body = sim.handle().last_request().expect("a request").json();
    for field in refused {
        assert!(body.get(field).is_none(), "{body}");
        assert_eq!(
            asker.log().matches(&format!("field=\"{field}\"")).count(),
            1,
            "{}",
            asker.log()
        );
    }
    assert_eq!(body["stream_options"]["include_usage"], true);
    assert_eq!(body["temperature"], 0.0);
}

#[test]
fn a_field_is_kept_if_leaving_it_out_does_not_help() {
    let sim = engine(SimSpec::default());
    // The fault blames `ignore_eos`, whatever was sent.
    sim.handle().set_faults(["http_422", "http_422"]).expect("known");
    let asker = Asker::new(&config(sim.base_url(), "", ""));
    let exchange = asker.ask();
    assert_eq!(exchange.outcome, Outcome::Http4xx);
    assert_eq!(exchange.timeline.retries, Retries { refused_field: 1, ..NONE });
    assert_eq!(succeeded(&asker.ask()).retries, NONE);
    let body = sim.handle().last_request().expect("a request").json();
    assert_eq!(body["ignore_eos"], true);
}

#[test]
fn max_tokens_gives_way_to_its_new_name() {
    let sim =
        engine(SimSpec { refused_fields: vec!["max_tokens".to_owned()], ..SimSpec::default() });
    let asker = Asker::new(&config(sim.base_url(), "", ""));
    let exchange = asker.ask();
    assert_eq!(succeeded(&exchange).tokens.len(), 8);
    let body = sim.handle().last_request().expect("a request").json();
    assert_eq!(body["max_completion_tokens"], 8);
    assert!(body.get("max_tokens").is_none());
}

#[test]
fn an_answer_longer_than_was_asked_for_is_measured_as_it_is() {
    let sim = engine(SimSpec::default());
    sim.handle().set_faults(["long"]).expect("known");
    let exchange = Asker::new(&config(sim.base_url(), "", "")).ask();
    assert_eq!(succeeded(&exchange).tokens.len(), 13);
}

#[test]
fn configured_retries_end_with_their_number_and_are_part_of_the_time() {
    let sim = engine(SimSpec::default());
    let retry = ", retry: {attempts: 3, delay: 20ms, backoff: exponential}";
    let asker = Asker::new(&config(sim.base_url(), retry, ""));
    sim.handle().set_faults(["http_503", "rst"]).expect("known");
    let exchange = asker.ask();
    assert_eq!(succeeded(&exchange).retries, Retries { configured: 2, ..NONE });
    let measured = Measurement::of(&exchange);
    // 20 ms and 40 ms of back-off.
    assert!(measured.ttft > Some(Duration::from_millis(60)), "{measured:?}");
    assert!(measured.e2e > measured.ttft && measured.service_ttft < measured.ttft);

    sim.handle().set_faults(["http_503", "http_429", "http_503", "none"]).expect("known");
    let given_up = asker.ask();
    assert_eq!(given_up.outcome, Outcome::Http5xx);
    assert_eq!(given_up.timeline.retries, Retries { configured: 2, ..NONE });
    assert_eq!(sim.handle().requests(), 6);
}

#[test]
fn a_request_says_who_asks_and_carries_what_is_configured() {
    let folder = tempfile::tempdir().expect("a folder");
    let (key, signature) = (folder.path().join("key"), folder.path().join("signature"));
    certificates::put(&key, "sk-right\n");
    certificates::put(&signature, "signed");
    let sim = engine(SimSpec { api_key: Some("sk-right".to_owned()), ..SimSpec::default() });
    let target = format!(
        ", authorization: {{credentials_file: {}}}, http_headers: {{x-tenant: {{values: [a, b]}}, \
         x-signature: {{files: [{}]}}}}",
        key.display(),
        signature.display()
    );
    let asker = Asker::new(&config(sim.base_url(), &target, ""));
    succeeded(&asker.ask());
    let request = sim.handle().last_request().expect("a request");
    let agent = concat!("tokenbeat/", env!("CARGO_PKG_VERSION"));
    let host = sim.addr().to_string();
    for (name, value) in [
        ("user-agent", agent),
        ("x-tokenbeat-probe", "canary"),
        ("traceparent", "00-00000000000000000000000000000abc-0000000000000def-01"),
        ("authorization", "Bearer sk-right"),
        ("x-signature", "signed"),
        ("content-type", "application/json"),
        ("accept", "text/event-stream"),
        ("host", &host),
    ] {
        assert_eq!(request.header(name), Some(value), "{name}");
    }
    let tenants = request.headers.iter().filter(|(name, _)| name == "x-tenant");
    assert_eq!(tenants.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["a", "b"]);

    // Credentials are read at use: a rotation needs no reload.
    certificates::put(&key, "sk-wrong");
    assert_eq!(asker.ask().outcome, Outcome::Http401);
    certificates::put(&key, "sk-right");
    assert_eq!(asker.ask().outcome, Outcome::Ok);
}

#[test]
fn a_redirect_is_not_followed() {
    let sim = engine(SimSpec::default());
    sim.handle().set_faults(["http_302"]).expect("known");
    let exchange = Asker::new(&config(sim.base_url(), "", "")).ask();
    assert_eq!((exchange.outcome, exchange.timeline.status), (Outcome::Http3xx, Some(302)));
    assert_eq!(sim.handle().requests(), 1);
}

#[test]
fn a_plain_request_goes_through_a_proxy_in_absolute_form() {
    let (sim, proxy) = (engine(SimSpec::default()), Proxy::start(Tunnels::Refused));
    let target = format!(", proxy_url: \"{}\"", proxy.url());
    let exchange = Asker::new(&config(sim.base_url(), &target, "")).ask();
    assert_eq!(succeeded(&exchange).tokens.len(), 8);
    let line = format!("POST {}/v1/chat/completions HTTP/1.1\r\n", sim.base_url());
    assert!(proxy.heads()[0].starts_with(&line), "{:?}", proxy.heads());
}

#[test]
fn tls_goes_through_a_tunnel_and_credentials_stay_inside() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, key) = (folder.path().join("ca.pem"), folder.path().join("key"));
    let pair = certificates::self_signed();
    certificates::put(&authority, &pair.certificate);
    certificates::put(&key, "sk-inside");
    let tls = TlsPem { cert: pair.certificate.clone(), key: pair.key.clone() };
    let sim = engine(SimSpec { tls: Some(tls), ..SimSpec::default() });
    let target = |proxy: &Proxy| {
        format!(
            ", proxy_url: \"{}\", tls_config: {{ca_file: {}}}, \
             authorization: {{credentials_file: {}}}",
            proxy.url(),
            authority.display(),
            key.display()
        )
    };
    let proxy = Proxy::start(Tunnels::Opened);
    let exchange = Asker::new(&config(sim.base_url(), &target(&proxy), "")).ask();
    assert!(succeeded(&exchange).tls.is_some());
    let seen = sim.handle().last_request().expect("a request");
    assert_eq!(seen.header("authorization"), Some("Bearer sk-inside"));
    let heads = proxy.heads();
    assert!(heads[0].starts_with(&format!("CONNECT {} HTTP/1.1\r\n", sim.addr())), "{heads:?}");
    assert!(!heads.concat().contains("sk-inside"));

    let refusing = Proxy::start(Tunnels::Refused);
    let refused = Asker::new(&config(sim.base_url(), &target(&refusing), "")).ask();
    assert_eq!(refused.outcome, Outcome::Connect);
    assert!(refused.detail.as_deref().is_some_and(|detail| detail.contains("407")), "{refused:?}");
}

/// The anchors of a whole answer, in the order in which they must stand.
fn in_order(timeline: &Timeline) {
    let mut anchors = vec![Some(timeline.due), timeline.sent_start, timeline.attempt_start];
    if !timeline.reused_connection {
        anchors.extend([timeline.connected, timeline.tls]);
    }
    anchors.extend([timeline.sent, timeline.headers, timeline.first_event]);
    anchors.extend(timeline.tokens.iter().map(|token| Some(token.at)));
    anchors.push(timeline.end);
    assert!(anchors.iter().all(Option::is_some), "an anchor is missing: {timeline:?}");
    assert!(anchors.is_sorted(), "anchors are out of order: {timeline:?}");
}

#[test]
fn http_2_is_agreed_on_and_its_stamps_are_those_of_the_reads() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = folder.path().join("ca.pem");
    let pair = certificates::self_signed();
    certificates::put(&authority, &pair.certificate);
    for (protocol, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let server = TlsServer::start(&pair, None, protocol);
        let target = format!(", tls_config: {{ca_file: {}}}", authority.display());
        let asker = Asker::new(&config(&server.url(), &target, ", connection: reuse"));
        for reused in [false, true] {
            let exchange = asker.ask();
            let timeline = succeeded(&exchange);
            assert_eq!(timeline.tokens.len(), TOKENS, "{protocol}");
            assert_eq!(timeline.reused_connection, reused, "{protocol}");
            in_order(timeline);
            if version == Version::HTTP_2 {
                assert_eq!(timeline.source, Some(StampSource::Read));
            }
        }
        let seen = server.seen();
        assert_eq!(seen.len(), 2);
        for request in &seen {
            assert_eq!(request.version, version);
            assert_eq!(request.headers["x-tokenbeat-probe"], "canary");
            assert!(request.headers["traceparent"].as_bytes().starts_with(b"00-"));
            let authority = server.url().replace("https://", "");
            match version {
                Version::HTTP_2 => assert_eq!(request.authority, Some(authority)),
                _ => assert_eq!(request.headers["host"], *authority),
            }
        }
    }
}

#[test]
fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let (server_pair, client_pair) = (certificates::self_signed(), certificates::self_signed());
    certificates::put(&file("ca.pem"), &server_pair.certificate);
    certificates::put(&file("client.pem"), &client_pair.certificate);
    certificates::put(&file("client.key"), &client_pair.key);
    for protocol in ["h2", "http/1.1"] {
        let server = TlsServer::start(&server_pair, Some(&client_pair.certificate), protocol);
        let (ca, cert, key) = (file("ca.pem"), file("client.pem"), file("client.key"));
        let (ca, cert, key) = (ca.display(), cert.display(), key.display());
        let with = format!(", tls_config: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}}}");
        succeeded(&Asker::new(&config(&server.url(), &with, "")).ask());
        let without = format!(", tls_config: {{ca_file: {ca}}}");
        let refused = Asker::new(&config(&server.url(), &without, "")).ask();
        assert_eq!(refused.outcome, Outcome::Tls, "{protocol}: {:?}", refused.detail);
        assert_eq!(server.seen().len(), 1);
    }
}

#[test]
fn a_file_that_cannot_be_read_to_an_end_stops_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    let sim = engine(SimSpec::default());
    for place in [pipe.as_path(), Path::new("/dev/zero")] {
        let target = format!(", authorization: {{credentials_file: {}}}", place.display());
        let refused = Asker::new(&config(sim.base_url(), &target, "")).ask();
        assert_eq!(refused.outcome, Outcome::Local, "{:?}", refused.detail);
        let url = sim.base_url().replace("http://", "https://");
        let target = format!(", tls_config: {{ca_file: {}}}", place.display());
        let untrusted = Asker::new(&config(&url, &target, "")).ask();
        assert_eq!(untrusted.outcome, Outcome::Tls, "{:?}", untrusted.detail);
        for exchange in [refused, untrusted] {
            let detail = exchange.detail.unwrap_or_default();
            assert!(detail.contains("not a regular file"), "{detail}");
        }
    }
    assert_eq!(sim.handle().requests(), 0);
}
