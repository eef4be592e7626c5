//! The view in OpenTelemetry's words for generative AI: some metrics once more, under its names.
//!
//! Experimental and off by default: those names still move. Nothing is measured for it, so it says
//! what ours say: latencies of `ok` beats from their due time on, tokens of all beats.

use std::collections::HashMap;

use super::message::{Data, KeyValue, Metric, Value, text};
use crate::protocol::Api;

/// Ours, theirs, and their unit.
const VIEW: [(&str, &str, &str); 6] = [
    ("tokenbeat_probe_e2e_seconds", "gen_ai.client.inference.duration", "s"),
    ("tokenbeat_probe_ttft_seconds", "gen_ai.client.inference.time_to_first_chunk", "s"),
    ("tokenbeat_probe_input_tokens_total", "gen_ai.client.inference.usage.input_tokens", "{token}"),
    (
        "tokenbeat_probe_cached_input_tokens_total",
        "gen_ai.client.inference.usage.cache_read.input_tokens",
        "{token}",
    ),
    (
        "tokenbeat_probe_output_tokens_total",
        "gen_ai.client.inference.usage.output_tokens",
        "{token}",
    ),
    (
        "tokenbeat_probe_reasoning_tokens_total",
        "gen_ai.client.inference.usage.reasoning.output_tokens",
        "{token}",
    ),
];

/// What says which API a target speaks.
const INFO: &str = "tokenbeat_target_info";

/// Both APIs are OpenAI's, whoever serves them: so the conventions want it told.
const PROVIDER: &str = "openai";

/// The view of one export.
#[derive(Debug, Default)]
pub(super) struct View {
    metrics: Vec<Metric>,
    /// What is asked of each target and model.
    operations: HashMap<(String, String), &'static str>,
}

impl View {
    /// Takes note of a metric that is exported.
    pub(super) fn see(&mut self, metric: &Metric) {
        if let (INFO, Some(Data::Gauge(info))) = (metric.name.as_str(), &metric.data) {
            for point in &info.points {
                let of = |key| said(&point.attributes, key).unwrap_or_default().to_owned();
                let operation = operation(said(&point.attributes, "api"));
                self.operations.insert((of("target"), of("model")), operation);
            }
        }
        for (_, name, unit) in VIEW.iter().filter(|(ours, ..)| *ours == metric.name) {
            let (name, unit) = ((*name).to_owned(), (*unit).to_owned());
            self.metrics.push(Metric { name, unit, ..metric.clone() });
        }
    }

    /// Its metrics, once all have been seen.
    pub(super) fn metrics(mut self) -> Vec<Metric> {
        let operations = self.operations;
        for metric in &mut self.metrics {
            let attributes: Vec<&mut Vec<KeyValue>> = match &mut metric.data {
                Some(Data::Gauge(of)) => {
                    of.points.iter_mut().map(|one| &mut one.attributes).collect()
                }
                Some(Data::Sum(of)) => {
                    of.points.iter_mut().map(|one| &mut one.attributes).collect()
                }
                Some(Data::Histogram(of)) => {
                    of.points.iter_mut().map(|one| &mut one.attributes).collect()
                }
                None => Vec::new(),
            };
            for of_point in attributes {
                *of_point = translated(of_point, &operations);
            }
        }
        self.metrics
    }
}

/// The attributes that the conventions ask for. Target and probe stay, so that no two points have
/// the same.
fn translated(
    ours: &[KeyValue],
    operations: &HashMap<(String, String), &'static str>,
) -> Vec<KeyValue> {
    let of = |key| said(ours, key).unwrap_or_default().to_owned();
    let (target, model) = (of("target"), of("model"));
    let operation = operations.get(&(target.clone(), model.clone())).copied();
    vec![
        text("gen_ai.operation.name", operation.unwrap_or_else(|| self::operation(None))),
        text("gen_ai.provider.name", PROVIDER),
        text("gen_ai.request.model", model),
        text("tokenbeat.target", target),
        text("tokenbeat.probe", of("probe")),
    ]
}

fn operation(api: Option<&str>) -> &'static str {
    let completions = api == Some(Api::OpenaiCompletions.as_str());
    if completions { "text_completion" } else { "chat" }
}

fn said<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|one| one.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::message::{CUMULATIVE, Gauge, NumberPoint, Sum},
        *,
    };
    use crate::measure::catalogue::CATALOGUE;

    fn point(attributes: &[(&str, &str)]) -> NumberPoint {
        let attributes = attributes.iter().map(|(key, value)| text(*key, *value)).collect();
        NumberPoint { value: Some(7.0), attributes, ..NumberPoint::default() }
    }

    fn metric(name: &str, data: Data) -> Metric {
        let (name, data) = (name.to_owned(), Some(data));
        Metric { name, description: "d".into(), unit: String::new(), data }
    }

    #[test]
    fn every_metric_of_the_view_is_one_of_ours() {
        for (ours, ..) in VIEW {
            assert!(CATALOGUE.iter().any(|row| row.name == ours), "{ours}");
        }
    }

    #[test]
    fn tokens_are_told_in_the_words_of_the_conventions() {
        let subject = [("target", "t"), ("model", "m"), ("probe", "p")];
        let tokens = Data::Sum(Sum {
            points: vec![point(&subject)],
            temporality: CUMULATIVE,
            is_monotonic: true,
        });
        let info = [("target", "t"), ("model", "m"), ("api", "openai_completions")];
        let mut view = View::default();
        view.see(&metric("tokenbeat_probe_output_tokens_total", tokens.clone()));
        view.see(&metric("tokenbeat_probe_attempts_total", tokens));
        // What is asked of a target may be told after what came of it.
        view.see(&metric(INFO, Data::Gauge(Gauge { points: vec![point(&info)] })));
        let metrics = view.metrics();
        let [one] = &metrics[..] else { panic!("{metrics:?}") };
        assert_eq!(one.name, "gen_ai.client.inference.usage.output_tokens");
        assert_eq!(one.unit, "{token}");
        let Some(Data::Sum(sum)) = &one.data else { panic!("{one:?}") };
        let expected = [
            ("gen_ai.operation.name", "text_completion"),
            ("gen_ai.provider.name", "openai"),
            ("gen_ai.request.model", "m"),
            ("tokenbeat.target", "t"),
            ("tokenbeat.probe", "p"),
        ];
        assert_eq!(sum.points, [point(&expected)]);
    }
}
