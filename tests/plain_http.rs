//! Plain HTTP exchanges: requests that are sent as they are, and answers that are no streams.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;
#[expect(dead_code, reason = "shared with tests/faults.rs, which uses it all")]
#[path = "support/pipeline.rs"]
mod pipeline;

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use http::Method;
use tokenbeat::{
    client::{Limits, Text, keep_stamping_on},
    clock::Stamp,
    config::Connection,
    load::{Link, Order, run},
    measure::Measurement,
    sim::{Dist, Sim, SimSpec, SpawnedSim},
    timeline::{Exchange, Outcome, Recorder, StampSource, Timeline},
    workload::{Expect, HttpAsk, RequestPlan},
};

const PATIENCE: Duration = Duration::from_secs(20);

const LIMITS: Limits = Limits {
    connect: PATIENCE,
    first_token: PATIENCE,
    total: PATIENCE,
    idle: PATIENCE,
    response_bytes: 1 << 20,
};

/// Asks one target, on connections that are kept.
struct Asker {
    link: Arc<Link>,
    runtime: tokio::runtime::Runtime,
}

impl Asker {
    fn new(url: &str) -> Self {
        keep_stamping_on();
        let config = pipeline::load(&format!(
            "targets: [{{name: t, url: \"{url}\", models: [sim-8b]}}]\n\
             workloads: {{w: {{synthetic: {{input_tokens: 8, output_tokens: 8}}}}}}\n\
             probes: [{{name: p, targets: [t], workload: w, interval: 1s, timeout: 9s}}]\n"
        ));
        let link = Link::new(Arc::clone(&config.targets[0])).expect("a link");
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        Self { link, runtime }
    }

    fn ask(&self, ask: HttpAsk, expect: Expect, limits: Limits) -> Exchange {
        let plan = RequestPlan { expect, ..RequestPlan::http(Arc::new(ask)) };
        let order = Order {
            link: &self.link,
            model: "sim-8b",
            probe: "http",
            trace: None,
            plan: &plan,
            connection: Connection::Reuse,
            limits,
            text: Text::Dropped,
        };
        let (send, receive) = mpsc::channel();
        let recorder = Recorder::open(Timeline::new(Stamp::now(), 0), move |exchange| {
            send.send(exchange).expect("somebody waits");
        });
        self.runtime.block_on(run(order, recorder));
        receive.try_recv().expect("closed exactly once")
    }
}

fn get(path: &str) -> HttpAsk {
    HttpAsk { method: Method::GET, path: path.to_owned(), body: None }
}

fn completion() -> HttpAsk {
    let body = r#"{"model":"sim-8b","max_tokens":4,"messages":[{"role":"user","content":"hi"}]}"#;
    let path = "/v1/chat/completions".to_owned();
    HttpAsk { method: Method::POST, path, body: Some(body.to_owned()) }
}

fn engine() -> SpawnedSim {
    let (ttft, itl) = (Dist::constant_ms(5.0), Dist::constant_ms(1.0));
    Sim::spawn(SimSpec { ttft, itl, ..SimSpec::default() }).expect("an engine")
}

/// A server that answers its one connection with `bytes`, and then hangs up or waits.
fn server(bytes: &'static str, hang_up: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        read_head(&mut stream);
        stream.write_all(bytes.as_bytes()).expect("it listens");
        if !hang_up {
            // Until the client leaves.
            let _ = stream.read(&mut [0; 16]);
        }
    });
    format!("http://{address}")
}

fn read_head(stream: &mut TcpStream) {
    let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let read = stream.read(&mut buffer).expect("a request");
        assert!(read > 0 && head.len() < 16 * 1024, "a request has a short head");
        head.extend_from_slice(&buffer[..read]);
    }
}

#[test]
fn a_request_is_sent_as_it_is_and_its_connection_used_again() {
    let sim = engine();
    let asker = Asker::new(sim.base_url());
    for ask in [get("/v1/models"), completion(), get("/health"), completion()] {
        let exchange = asker.ask(ask.clone(), Expect::default(), LIMITS);
        assert_eq!(exchange.outcome, Outcome::Ok, "{:?}", exchange.detail);
        let seen = sim.handle().last_request().expect("one");
        assert_eq!((seen.method.as_str(), seen.target.as_str()), (ask.method.as_str(), &*ask.path));
        assert_eq!(seen.body, ask.body.unwrap_or_default());
        assert_eq!(seen.header("content-type").is_some(), !seen.body.is_empty());
        assert_eq!(seen.header("x-tokenbeat-probe"), Some("http"));
    }
    assert_eq!(sim.handle().connections(), 1);
}

#[test]
fn it_has_a_duration_and_no_token() {
    let sim = engine();
    let exchange = Asker::new(sim.base_url()).ask(completion(), Expect::default(), LIMITS);
    let timeline = &exchange.timeline;
    let measured = Measurement::of(&exchange);
    assert_eq!((timeline.status, timeline.source), (Some(200), Some(StampSource::Kernel)));
    let anchors = [Some(timeline.due), timeline.sent, timeline.headers, timeline.end];
    assert!(anchors.is_sorted() && anchors.iter().all(Option::is_some), "{anchors:?}");
    // The engine takes 5 ms for the first token and 1 ms for each of the other three.
    assert!(measured.e2e >= Some(Duration::from_millis(8)), "{:?}", measured.e2e);
    assert_eq!((measured.ttft, measured.ttfo, measured.tpot), (None, None, None));
    assert_eq!((measured.output_tokens, timeline.first_event), (None, None));
}

#[test]
fn what_is_expected_of_the_text_is_looked_at() {
    let sim = engine();
    let asker = Asker::new(sim.base_url());
    for (text, outcome) in [("sim-8b", Outcome::Ok), ("gpt-9", Outcome::ContentMismatch)] {
        let expect = Expect { contains: Some(text.to_owned()), ..Expect::default() };
        assert_eq!(asker.ask(get("/v1/models"), expect, LIMITS).outcome, outcome);
    }
}

#[test]
fn a_status_of_no_success_is_its_own_outcome() {
    let sim = engine();
    let asker = Asker::new(sim.base_url());
    sim.handle().set_faults(["http_503", "http_429"]).expect("known");
    for outcome in [Outcome::Http5xx, Outcome::Http429, Outcome::Ok] {
        assert_eq!(asker.ask(completion(), Expect::default(), LIMITS).outcome, outcome);
    }
    assert_eq!(asker.ask(get("/nowhere"), Expect::default(), LIMITS).outcome, Outcome::Http404);
}

#[test]
fn an_answer_has_a_size_at_most() {
    let sim = engine();
    let limits = Limits { response_bytes: 8, ..LIMITS };
    let exchange = Asker::new(sim.base_url()).ask(get("/v1/models"), Expect::default(), limits);
    assert_eq!(exchange.outcome, Outcome::TooLarge);
}

#[test]
fn only_a_whole_body_is_an_answer() {
    const SHORT: Duration = Duration::from_millis(100);
    let idle = Limits { idle: SHORT, ..LIMITS };
    let total = Limits { total: SHORT, ..LIMITS };
    // No first token is waited for, so its limit says nothing.
    let first = Limits { first_token: Duration::from_nanos(1), ..LIMITS };
    for (bytes, hang_up, limits, outcome) in [
        ("HTTP/1.1 204 No Content\r\n\r\n", false, first, Outcome::Ok),
        ("HTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\nabc", false, first, Outcome::Ok),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", true, first, Outcome::Ok),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", true, LIMITS, Outcome::StreamTruncated),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", false, idle, Outcome::Stall),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", false, total, Outcome::TimeoutTotal),
        ("HTTP/1.1 200", false, total, Outcome::TimeoutTotal),
        (
            "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n",
            false,
            LIMITS,
            Outcome::Http3xx,
        ),
        ("what?", true, LIMITS, Outcome::HttpMalformed),
    ] {
        let exchange =
            Asker::new(&server(bytes, hang_up)).ask(get("/x"), Expect::default(), limits);
        assert_eq!(exchange.outcome, outcome, "{bytes:?}: {:?}", exchange.detail);
        assert_eq!(exchange.timeline.end.is_some(), outcome == Outcome::Ok, "{bytes:?}");
    }
}
