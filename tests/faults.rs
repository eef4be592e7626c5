//! The fault matrix: one row an outcome, through the real pipeline into the real counters.
//!
//! Each row beats at a simulated engine (or at nothing) in trouble, asserts that the trouble is
//! counted under its own label and nowhere else, ends the trouble, and asserts that the next beat
//! is a success.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/certificates.rs"]
mod certificates;
#[expect(dead_code, reason = "shared with tests/metrics.rs, which uses it all")]
#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/pipeline.rs"]
mod pipeline;

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use exposition::Samples;
use pipeline::{PATIENCE, Pipeline, Tap};
use tokenbeat::{
    event::{Beat, Kept, Trace, TraceShare},
    sim::{Dist, Sim, SimSpec, TlsPem, fault_names},
    timeline::Outcome,
};

/// What is wrong for a while.
#[derive(Clone, Copy)]
enum Trouble {
    /// A fault of the simulated engine, at the first beat only.
    Fault(&'static str),
    /// The target's name does not resolve, until the configuration is put right.
    UnknownName,
    /// Nobody listens there, until the configuration is put right.
    ClosedPort,
    /// The trusted authority is another one, until the file is put right.
    WrongAuthority,
    /// The file of the credentials is missing, until it is there.
    NoCredentials,
    /// The daemon stops while a beat is in flight, and starts again.
    Restart,
}

use Trouble::{ClosedPort, Fault, NoCredentials, Restart, UnknownName, WrongAuthority};

/// The matrix. Faults that end as `ok` are oddities that must do no harm.
#[rustfmt::skip]
const ROWS: &[(Outcome, Trouble)] = &[
    (Outcome::Aborted,           Restart),
    (Outcome::Local,             NoCredentials),
    (Outcome::Dns,               UnknownName),
    (Outcome::Connect,           ClosedPort),
    (Outcome::Tls,               WrongAuthority),
    (Outcome::Reset,             Fault("close")),
    (Outcome::Reset,             Fault("rst")),
    (Outcome::Reset,             Fault("cut_head")),
    (Outcome::HttpMalformed,     Fault("not_http")),
    (Outcome::Http401,           Fault("http_401")),
    (Outcome::Http404,           Fault("http_404")),
    (Outcome::Http429,           Fault("http_429")),
    (Outcome::Http3xx,           Fault("http_302")),
    (Outcome::Http4xx,           Fault("http_400")),
    (Outcome::Http5xx,           Fault("http_500_html")),
    (Outcome::Http5xx,           Fault("http_503")),
    (Outcome::TooLarge,          Fault("huge_head")),
    (Outcome::TooLarge,          Fault("huge_event")),
    (Outcome::TooLarge,          Fault("endless")),
    (Outcome::TimeoutFirstToken, Fault("silence_before_head")),
    (Outcome::TimeoutFirstToken, Fault("no_first_token")),
    (Outcome::TimeoutFirstToken, Fault("pings_only")),
    (Outcome::StreamMalformed,   Fault("html_200")),
    (Outcome::StreamMalformed,   Fault("broken_json")),
    (Outcome::StreamMalformed,   Fault("html_event")),
    (Outcome::StreamError,       Fault("json_error_200")),
    (Outcome::StreamError,       Fault("error_object")),
    (Outcome::StreamError,       Fault("error_string")),
    (Outcome::Stall,             Fault("stall")),
    (Outcome::Stall,             Fault("stall_pings")),
    (Outcome::TimeoutTotal,      Fault("slow_drip=100")),
    (Outcome::StreamTruncated,   Fault("truncated")),
    (Outcome::StreamTruncated,   Fault("mid_stream_rst")),
    (Outcome::StreamTruncated,   Fault("clean_end")),
    (Outcome::StreamTruncated,   Fault("mid_chunk")),
    (Outcome::StreamTruncated,   Fault("empty_200")),
    (Outcome::StreamTruncated,   Fault("empty_body")),
    (Outcome::Empty,             Fault("empty_stream")),
    (Outcome::ModelMismatch,     Fault("wrong_model")),
    (Outcome::UsageMismatch,     Fault("false_usage")),
    (Outcome::LengthMismatch,    Fault("short")),
    (Outcome::Garbage,           Fault("one_word")),
    (Outcome::ContentMismatch,   Fault("undecodable")),
    (Outcome::Ok,                Fault("none")),
    (Outcome::Ok,                Fault("late_head=20")),
    (Outcome::Ok,                Fault("null_events")),
    (Outcome::Ok,                Fault("crlf")),
    (Outcome::Ok,                Fault("coalesced")),
    (Outcome::Ok,                Fault("no_done")),
    (Outcome::Ok,                Fault("close_after")),
];

/// Faults of the simulated engine that are no outcome of a fresh connection, and where they are
/// tested.
const ELSEWHERE: [(&str, &str); 4] = [
    ("http_422", "tests/connections.rs: a refused field is left out"),
    ("close_on_reuse", "tests/connections.rs: a stale connection is replaced"),
    ("one_sentence", "tests/canary.rs: a loop is longer than these answers"),
    ("long", "tests/connections.rs: an answer longer than was asked for"),
];

/// Rows at work at a time: they wait more than they compute.
const AT_ONCE: usize = 16;

/// The families that only an `ok` beat may move.
const LATENCIES: [&str; 6] = ["ttft", "ttfo", "ttst", "tpot", "itl", "e2e"];

#[test]
fn every_outcome_and_every_fault_has_a_row() {
    let outcomes: BTreeSet<_> = ROWS.iter().map(|(outcome, _)| *outcome).collect();
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), Outcome::ALL);
    let tried: BTreeSet<_> = ROWS
        .iter()
        .filter_map(|(_, trouble)| match trouble {
            Fault(fault) => fault.split('=').next(),
            _ => None,
        })
        .chain(ELSEWHERE.map(|(fault, _)| fault))
        .collect();
    assert_eq!(tried, fault_names().collect());
}

#[test]
fn every_outcome_is_counted_once_and_passes() {
    let rows = Mutex::new(ROWS.iter());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let row = rows.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(&(outcome, trouble)) = row else { return };
                    // In a thread of its own, so that one wrong row does not hide the others.
                    if thread::spawn(move || hold(outcome, trouble)).join().is_err() {
                        let mut wrong = wrong.lock().unwrap_or_else(PoisonError::into_inner);
                        wrong.push(format!("{outcome} {}", trouble.name()));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(wrong.is_empty(), "rows that do not hold (their panics are above): {wrong:#?}");
}

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Fault(fault) => fault,
            UnknownName => "unknown name",
            ClosedPort => "closed port",
            WrongAuthority => "wrong authority",
            NoCredentials => "no credentials",
            Restart => "restart",
        }
    }
}

/// Holds one row.
fn hold(outcome: Outcome, trouble: Trouble) {
    let folder = tempfile::tempdir().expect("a folder");
    let tap = Tap::new();
    match trouble {
        Fault(fault) => {
            let sim = Sim::spawn(spec()).expect("an engine");
            sim.handle().set_faults([fault]).expect("a known fault");
            let pipeline = Pipeline::start(&tap, &config(outcome, sim.base_url(), ""));
            tap.wait_for(outcome, 1);
            finish(pipeline, &tap, outcome);
            let expected = usize::from(outcome != Outcome::Ok);
            assert_eq!(tap.beats().len() - tap.count(Outcome::Ok), expected, "{fault}");
        }
        UnknownName | ClosedPort => {
            let nowhere = match trouble {
                UnknownName => "http://no-such-host.invalid".to_owned(),
                _ => format!("http://{}", closed_port()),
            };
            let sim = Sim::spawn(spec()).expect("an engine");
            let mut pipeline = Pipeline::start(&tap, &config(outcome, &nowhere, ""));
            tap.wait_for(outcome, 1);
            pipeline.apply(&config(outcome, sim.base_url(), ""));
            finish(pipeline, &tap, outcome);
        }
        WrongAuthority => {
            let (right, wrong) = (certificates::self_signed(), certificates::self_signed());
            let tls = TlsPem { cert: right.certificate.clone(), key: right.key };
            let sim = Sim::spawn(SimSpec { tls: Some(tls), ..spec() }).expect("an engine");
            let authority = folder.path().join("ca.pem");
            certificates::put(&authority, &wrong.certificate);
            let extra = format!("    tls_config: {{ca_file: {}}}\n", authority.display());
            let pipeline = Pipeline::start(&tap, &config(outcome, sim.base_url(), &extra));
            tap.wait_for(outcome, 1);
            certificates::put(&authority, &right.certificate);
            finish(pipeline, &tap, outcome);
        }
        NoCredentials => {
            let key = "sk-only-for-this-test";
            let sim =
                Sim::spawn(SimSpec { api_key: Some(key.to_owned()), ..spec() }).expect("an engine");
            let file = folder.path().join("key");
            let pipeline =
                Pipeline::start(&tap, &config(outcome, sim.base_url(), &credentials(&file)));
            tap.wait_for(outcome, 1);
            assert_eq!(sim.handle().requests(), 0, "nothing goes out without credentials");
            certificates::put(&file, key);
            finish(pipeline, &tap, outcome);
        }
        Restart => {
            let sim = Sim::spawn(spec()).expect("an engine");
            sim.handle().set_faults(["silence_before_head"]).expect("a known fault");
            let text = config(outcome, sim.base_url(), "");
            let pipeline = Pipeline::start(&tap, &text);
            tap.wait_for(Outcome::Ok, 1);
            pipeline.drain(Duration::ZERO);
            assert!(tap.count(outcome) >= 1, "what was in flight is given up");
            finish(Pipeline::start(&tap, &text), &tap, outcome);
        }
    }
}

/// Waits for a success after the trouble, stops, and holds the counters against the beats.
fn finish(pipeline: Pipeline, tap: &Tap, outcome: Outcome) {
    let before = tap.count(Outcome::Ok);
    tap.wait_for(Outcome::Ok, before + 1);
    pipeline.drain(PATIENCE);
    let beats = tap.beats();
    let ended: BTreeSet<_> = beats.iter().map(|beat| beat.exchange.outcome).collect();
    let (trouble, ok) = (outcome, Outcome::Ok);
    assert_eq!(ended, BTreeSet::from([trouble, ok]), "{:?}", details(tap));
    for beat in beats.iter().filter(|beat| beat.exchange.outcome != Outcome::Ok) {
        assert_eq!(
            beat.exchange.detail.is_some(),
            outcome != Outcome::Aborted,
            "{outcome} is told"
        );
    }
    beats.iter().for_each(traced);
    counted(&tap.scrape(), tap);
}

/// The spans of a beat are one tree, whatever became of it: each lies within its parent, which
/// stands before it, no attribute stands twice, and what failed says in which part.
fn traced(beat: &Beat) {
    let (outcome, timeline) = (beat.exchange.outcome, &beat.exchange.timeline);
    let share = TraceShare::default();
    let kept = outcome.is_failure().then_some(Kept::Failed);
    assert_eq!(Kept::of(beat, &share), kept, "{outcome}");
    let trace = Trace::of(beat, Kept::Failed);
    let [root, below @ ..] = &trace.spans[..] else { panic!("{outcome}: no span") };
    assert_eq!((trace.id, root.id, root.parent), (beat.trace.trace, beat.trace.root, None));
    assert_eq!(root.start_unix_nanos, beat.due_unix_nanos, "{outcome}");
    let error = root.error.as_deref().unwrap_or_default();
    assert_eq!(error.starts_with(outcome.as_str()), outcome != Outcome::Ok, "{outcome}: {error}");
    for (at, span) in trace.spans.iter().enumerate() {
        let name = span.name;
        assert!(trace.spans[..at].iter().all(|one| one.id != span.id), "{outcome} {name}: id");
        let names: BTreeSet<_> = span.attributes.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), span.attributes.len(), "{outcome} {name}: attributes");
        let Some(parent) = span.parent else {
            assert_eq!(at, 0, "{outcome} {name}: one root");
            continue;
        };
        let parent = trace.spans[..at].iter().find(|one| one.id == parent);
        let parent = parent.unwrap_or_else(|| panic!("{outcome} {name}: no parent before it"));
        assert!(
            parent.start_unix_nanos <= span.start_unix_nanos
                && span.start_unix_nanos <= span.end_unix_nanos
                && span.end_unix_nanos <= parent.end_unix_nanos,
            "{outcome} {name}: {span:?} is not within {parent:?}"
        );
    }
    // A failure says in which part it was cut off, but for an answer that was whole and wrong.
    let cut: Vec<_> = below.iter().filter(|one| one.error.is_some()).map(|one| one.name).collect();
    let whole = timeline.end.is_some() && !timeline.tokens.is_empty();
    let was_cut = outcome.is_failure() && timeline.attempt_start.is_some() && !whole;
    assert_eq!(cut.len(), usize::from(was_cut), "{outcome}: {cut:?}");
}

/// Every counter of the probe is what the beats say, and no other is.
fn counted(samples: &Samples, tap: &Tap) {
    let beats = tap.beats();
    let count = |of: &dyn Fn(Outcome) -> bool| {
        beats.iter().filter(|beat| of(beat.exchange.outcome)).count() as f64
    };
    let value = |name: &str, labels: &[(&str, &str)]| {
        samples.get(&format!("tokenbeat_probe_{name}"), labels)
    };
    assert_eq!(value("attempts_total", &[]), count(&Outcome::is_measured), "attempts");
    for reason in Outcome::ALL {
        let family = match reason {
            Outcome::Ok => continue,
            Outcome::Aborted | Outcome::Local => "unmeasured_total",
            _ => "failures_total",
        };
        let counted = value(family, &[("reason", reason.as_str())]);
        assert_eq!(counted, count(&|outcome| outcome == reason), "{family} {reason}");
    }
    let whole =
        beats.iter().filter(|beat| beat.exchange.outcome == Outcome::Ok && beat.spoiled.is_none());
    let (mut in_histograms, mut gaps) = (0.0, 0.0);
    for beat in whole {
        in_histograms += 1.0;
        gaps += beat.measurement.itl.len() as f64;
    }
    for latency in LATENCIES {
        let expected = if latency == "itl" { gaps } else { in_histograms };
        assert_eq!(value(&format!("{latency}_seconds_count"), &[]), expected, "{latency}");
    }
    let spoiled: f64 = ["send_lag", "read_delay"]
        .iter()
        .map(|reason| value("spoiled_total", &[("reason", reason)]))
        .sum();
    assert_eq!(in_histograms + spoiled, count(&|outcome| outcome == Outcome::Ok));
    for reason in ["stale_connection", "refused_field", "configured"] {
        assert_eq!(value("retries_total", &[("reason", reason)]), 0.0, "{reason}");
    }
    assert_eq!(value("inflight", &[]), 0.0);
    let last = beats.iter().max_by_key(|beat| beat.due_unix_nanos).expect("a beat");
    let last_ok = f64::from(u8::from(last.exchange.outcome == Outcome::Ok));
    assert_eq!(value("success", &[]), last_ok, "the beat with the latest due time");
}

fn details(tap: &Tap) -> Vec<(Outcome, Option<String>)> {
    tap.beats().into_iter().map(|beat| (beat.exchange.outcome, beat.exchange.detail)).collect()
}

fn spec() -> SimSpec {
    SimSpec {
        ttft: Dist::constant_ms(10.0),
        itl: Dist::constant_ms(2.0),
        reply: Some("Paris is the capital of France and its largest city by far".to_owned()),
        ..SimSpec::default()
    }
}

/// A target, a probe that beats often, and limits by what the row waits for.
fn config(outcome: Outcome, url: &str, target: &str) -> String {
    // Short where the row has to wait for it, long where it would only disturb.
    let (timeout, first_token, idle) = match outcome {
        Outcome::TimeoutFirstToken => ("30s", "3s", "20s"),
        Outcome::TimeoutTotal => ("3s", "3s", "20s"),
        Outcome::Stall => ("30s", "30s", "2s"),
        _ => ("30s", "30s", "20s"),
    };
    let expect = match outcome {
        Outcome::ContentMismatch => "contains: Paris",
        _ => "same_model: true, consistent_usage: true, min_output_tokens: 12, no_garbage: true",
    };
    format!(
        "global: {{first_token_timeout: {first_token}, idle_timeout: {idle}, \
         connect_timeout: 10s, max_response_bytes: 512KiB}}\n\
         targets:\n\
         \x20 - name: t\n    url: {url}\n    models: [sim-8b]\n{target}\
         workloads:\n\
         \x20 w: {{fixed: {{prompt: The capital of France is, max_tokens: 12, expect: {{{expect}}}}}}}\n\
         probes:\n\
         \x20 - {{name: p, targets: [t], workload: w, interval: 300ms, timeout: {timeout}}}\n"
    )
}

fn credentials(file: &Path) -> String {
    format!("    authorization: {{credentials_file: {}}}\n", file.display())
}

/// An address at which nobody listens.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}
