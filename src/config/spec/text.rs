//! The texts that have a grammar, as patterns of the JSON Schema with their explanation.

use schemars::Schema;
use serde_json::{Value, json};

use crate::verdict::Metric;

/// A pattern, and what it is in words. `patternErrorMessage` is what editors show, and so do we.
fn grammar(pattern: &str, words: &str) -> Value {
    json!({ "pattern": pattern, "patternErrorMessage": words })
}

fn apply(schema: &mut Schema, grammar: Value) {
    if let Value::Object(keys) = grammar {
        keys.into_iter().for_each(|(key, value)| {
            schema.insert(key, value);
        });
    }
}

fn name_grammar() -> Value {
    grammar(
        r"^[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$",
        "a name of letters, digits and `._/-`, at most 128, a letter or digit first",
    )
}

fn label_grammar() -> Value {
    grammar(
        r"^([A-Za-z]|_[A-Za-z0-9]|_$)[A-Za-z0-9_]*$",
        "a label name of letters, digits and `_`, no digit first, without `__` at its head",
    )
}

/// The name of something.
pub(super) fn name(schema: &mut Schema) {
    apply(schema, name_grammar());
}

/// A mapping from names.
pub(super) fn name_keys(schema: &mut Schema) {
    schema.insert("propertyNames".into(), name_grammar());
}

/// A mapping from Prometheus label names.
pub(super) fn label_keys(schema: &mut Schema) {
    schema.insert("propertyNames".into(), label_grammar());
}

/// A mapping from header names.
pub(super) fn header_keys(schema: &mut Schema) {
    let words = "a header name of letters, digits and `-`, such as x-tenant";
    schema.insert("propertyNames".into(), grammar(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", words));
}

/// A mapping from names of OpenTelemetry attributes.
pub(super) fn attribute_keys(schema: &mut Schema) {
    let words = "the name of an attribute, such as deployment.environment.name";
    schema.insert("propertyNames".into(), grammar("^[A-Za-z][A-Za-z0-9._-]{0,127}$", words));
}

/// The name of an environment variable.
pub(super) fn env_var(schema: &mut Schema) {
    let words = "the name of an environment variable, not its value: letters, digits and `_`, no digit first";
    apply(schema, grammar("^[A-Za-z_][A-Za-z0-9_]*$", words));
}

/// An absolute URL.
pub(super) fn url(schema: &mut Schema) {
    let words = "an http or https URL, such as http://vllm.example.com:8000";
    apply(schema, grammar("^[Hh][Tt][Tt][Pp][Ss]?://[^/]", words));
}

/// A path or another text that must not be empty.
pub(super) fn not_empty(schema: &mut Schema) {
    schema.insert("minLength".into(), json!(1));
}

/// So many times, such as `10x`.
pub(super) fn times(schema: &mut Schema) {
    apply(schema, grammar("^[1-9][0-9]{0,8}x$", "a number of requests for each user, such as 10x"));
}

/// The values of a mapping from any key become those of the percentiles of the latencies.
pub(super) fn percentile_keys(schema: &mut Schema) {
    let Some(bound) = schema.insert("additionalProperties".into(), Value::Bool(false)) else {
        return;
    };
    let metrics = Metric::ALL.map(Metric::as_str).join(", ");
    let words = format!(
        "`error_ratio`, or a percentile such as `e2e_p95`: p50, p75, p90, p95 or p99 of {metrics}"
    );
    schema.insert("keysErrorMessage".into(), words.into());
    if let Some(Value::Object(keys)) = schema.get_mut("properties") {
        keys.extend(percentiles().map(|(key, _, _)| (key, bound.clone())));
    }
}

/// The keys of percentiles, such as `e2e_p95`, with what they say.
pub(in crate::config) fn percentiles() -> impl Iterator<Item = (String, Metric, f64)> {
    let quantiles = [50, 75, 90, 95, 99].map(|percent| (percent, f64::from(percent) / 100.0));
    Metric::ALL.into_iter().flat_map(move |metric| {
        let key = move |percent| format!("{}_p{percent}", metric.as_str());
        quantiles.map(|(percent, quantile)| (key(percent), metric, quantile))
    })
}
