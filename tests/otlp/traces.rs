//! Traces: every span as it was, bounded in number when nobody takes them.

use std::sync::Arc;

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use tokenbeat::event::{Attribute, BeatKey, Kept, SpanId, Trace, TraceId};

use crate::{
    collector::{Collector, Reply, Speaks},
    daemon::until,
    site::{self, Site},
};

const TRACES: &str = ", interval: 1h, traces: {sample: 5%}";

fn trace(number: u8) -> Arc<Trace> {
    let (root, child) = (SpanId([number; 8]), SpanId([number, 2, 3, 4, 5, 6, 7, 8]));
    let key = BeatKey { target: "t".into(), model: "m".into(), probe: "canary".into() };
    let span = tokenbeat::event::Span {
        id: root,
        parent: None,
        name: "beat",
        start_unix_nanos: 1_000,
        end_unix_nanos: 9_000,
        attributes: vec![
            ("outcome", Attribute::Text("stall".into())),
            ("tokens", Attribute::Count(-3)),
            ("ttft", Attribute::Number(0.25)),
            ("reused", Attribute::Flag(true)),
        ],
        error: Some("no token for 20s".into()),
    };
    let decode = tokenbeat::event::Span {
        id: child,
        parent: Some(root),
        name: "decode",
        start_unix_nanos: 2_000,
        attributes: Vec::new(),
        error: None,
        ..span.clone()
    };
    let (key, id) = (Arc::new(key), TraceId([number; 16]));
    Arc::new(Trace { key, id, kept: Kept::Failed, spans: vec![span, decode] })
}

fn spans(collector: &Collector) -> Vec<Span> {
    let resources = collector.traces().into_iter().flat_map(|request| request.resource_spans);
    resources.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

#[test]
fn a_trace_arrives_as_it_was() {
    for speaks in [Speaks::Grpc, Speaks::Http] {
        let collector = Collector::start(speaks, None, &[Reply::Take]);
        let mut site = Site::new();
        site.apply(&site::config(speaks, &collector.url(), TRACES));
        site.otlp.traces().kept(trace(7));
        let spans = until("spans", || Some(spans(&collector)).filter(|spans| spans.len() == 2));
        let (root, decode) = (&spans[0], &spans[1]);
        assert_eq!(
            (root.trace_id.as_slice(), root.span_id.as_slice()),
            (&[7; 16][..], &[7; 8][..])
        );
        assert!(root.parent_span_id.is_empty());
        assert_eq!((root.name.as_str(), root.kind()), ("beat", SpanKind::Client));
        assert_eq!((root.start_time_unix_nano, root.end_time_unix_nano), (1_000, 9_000));
        let status = root.status.as_ref().expect("a status");
        assert_eq!(
            (status.code(), status.message.as_str()),
            (StatusCode::Error, "no token for 20s")
        );
        let attributes: Vec<_> = root
            .attributes
            .iter()
            .map(|one| (one.key.as_str(), one.value.clone().and_then(|value| value.value)))
            .collect();
        let text = |text: &str| Some(Value::StringValue(text.into()));
        let expected = [
            ("outcome", text("stall")),
            ("tokens", Some(Value::IntValue(-3))),
            ("ttft", Some(Value::DoubleValue(0.25))),
            ("reused", Some(Value::BoolValue(true))),
            ("tokenbeat.kept", text("failed")),
        ];
        assert_eq!(attributes, expected);
        assert_eq!(decode.parent_span_id, root.span_id);
        assert_eq!(
            (decode.trace_id.clone(), decode.kind()),
            (root.trace_id.clone(), SpanKind::Internal)
        );
        assert!(decode.status.is_none() && decode.attributes.is_empty());
        assert_eq!(site.count("tokenbeat_sink_events_total", "sink", "traces"), 1.0);
        assert_eq!(site.count("tokenbeat_sink_dropped_total", "sink", "traces"), 0.0);
    }
}

#[test]
fn without_anybody_to_take_them_traces_are_dropped_and_counted() {
    let collector = Collector::start(Speaks::Grpc, None, &[Reply::Hang]);
    let mut site = Site::new();
    let sink = site.otlp.traces();
    // Nobody asked for traces: they are let go, and are no loss.
    sink.kept(trace(1));
    assert_eq!(site.count("tokenbeat_sink_events_total", "sink", "traces"), 0.0);
    site.apply(&site::config(Speaks::Grpc, &collector.url(), TRACES));
    for _ in 0..5_000 {
        sink.kept(trace(1));
    }
    assert_eq!(site.count("tokenbeat_sink_events_total", "sink", "traces"), 5_000.0);
    let dropped = site.count("tokenbeat_sink_dropped_total", "sink", "traces");
    assert!((2_000.0..5_000.0).contains(&dropped), "{dropped}");
}

#[test]
fn what_waits_is_sent_at_the_end() {
    let collector = Collector::start(Speaks::Http, None, &[Reply::Take]);
    let mut site = Site::new();
    site.apply(&site::config(Speaks::Http, &collector.url(), TRACES));
    for _ in 0..300 {
        site.otlp.traces().kept(trace(3));
    }
    site.stop();
    assert_eq!(spans(&collector).len(), 600);
    assert_eq!(site.count("tokenbeat_sink_dropped_total", "sink", "traces"), 0.0);
}
