//! From the traces of beats to OpenTelemetry's spans.

use super::message::{
    KIND_CLIENT, KIND_INTERNAL, KeyValue, STATUS_ERROR, Span, Status, Value, attribute, text,
};
use crate::event::{self, Attribute, Trace};

/// A sampled trace, in the flags that W3C gives to its ids.
const SAMPLED: u32 = 1;

/// The spans of a trace. Why it is kept stands at the root, beside what the beat says of itself.
pub(super) fn spans(trace: &Trace) -> impl Iterator<Item = Span> + '_ {
    trace.spans.iter().map(|span| {
        let mut attributes: Vec<KeyValue> = span.attributes.iter().map(known).collect();
        if span.parent.is_none() {
            attributes.push(text("tokenbeat.kept", trace.kept.as_str()));
        }
        of(trace, span, attributes)
    })
}

fn of(trace: &Trace, span: &event::Span, attributes: Vec<KeyValue>) -> Span {
    let nanos = |unix_nanos: i64| u64::try_from(unix_nanos).unwrap_or(0);
    let error = span.error.as_ref();
    Span {
        trace_id: trace.id.0.to_vec(),
        span_id: span.id.0.to_vec(),
        parent_span_id: span.parent.map_or_else(Vec::new, |parent| parent.0.to_vec()),
        name: span.name.to_owned(),
        // The root is our side of the request; what serves it may have a span below.
        kind: if span.parent.is_none() { KIND_CLIENT } else { KIND_INTERNAL },
        start_unix_nanos: nanos(span.start_unix_nanos),
        end_unix_nanos: nanos(span.end_unix_nanos),
        attributes,
        status: error.map(|why| Status { message: why.to_string(), code: STATUS_ERROR }),
        flags: SAMPLED,
    }
}

fn known((key, value): &(&'static str, Attribute)) -> KeyValue {
    let value = match value {
        Attribute::Text(text) => Value::Text(text.to_string()),
        Attribute::Count(count) => Value::Count(*count),
        Attribute::Number(number) => Value::Number(*number),
        Attribute::Flag(flag) => Value::Flag(*flag),
    };
    attribute(*key, value)
}
