//! SLOs in the words of OpenSLO (`openslo/v1`): one for each probe, SLO, target and model.

use serde::Serialize;

use super::{
    Options, Unwritable,
    document::{Map, documents, for_object},
    subjects::{Subject, subjects},
};
use crate::config::Config;

const HEAD: &str = "\
# SLOs of a tokenbeat configuration in OpenSLO v1. Made by `tokenbeat rules`.
";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    display_name: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    labels: Map,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    description: String,
    service: &'static str,
    indicator: Indicator,
    time_window: [TimeWindow; 1],
    budgeting_method: &'static str,
    objectives: [Objective; 1],
}

#[derive(Serialize)]
struct Indicator {
    metadata: Name,
    spec: IndicatorSpec,
}

#[derive(Serialize)]
struct Name {
    name: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IndicatorSpec {
    ratio_metric: RatioMetric,
}

#[derive(Serialize)]
struct RatioMetric {
    counter: bool,
    good: Metric,
    total: Metric,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    metric_source: MetricSource,
}

#[derive(Serialize)]
struct MetricSource {
    r#type: &'static str,
    spec: SourceSpec,
}

#[derive(Serialize)]
struct SourceSpec {
    query: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TimeWindow {
    duration: &'static str,
    is_rolling: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Objective {
    display_name: String,
    target: f64,
}

/// The SLOs of `config` in OpenSLO.
///
/// # Errors
/// If they cannot be written as YAML.
pub fn open_slo(config: &Config, options: &Options) -> Result<String, Unwritable> {
    let objects: Vec<_> = subjects(config).iter().map(|one| object(one, options)).collect();
    documents(HEAD, &objects)
}

fn object(subject: &Subject<'_>, options: &Options) -> Object {
    let selector = subject.selector();
    let metric = |name: &str| Metric {
        metric_source: MetricSource {
            r#type: "Prometheus",
            spec: SourceSpec { query: format!("sum({name}{selector})") },
        },
    };
    let slo = subject.judged.slo;
    Object {
        api_version: "openslo/v1",
        kind: "SLO",
        metadata: Metadata {
            name: subject.name(None),
            display_name: format!("{} of {}", slo.name, subject.target),
            labels: for_object(options.labels.iter().cloned()),
        },
        spec: Spec {
            description: subject.judged.description(),
            service: "tokenbeat",
            indicator: Indicator {
                metadata: Name { name: subject.name(Some("good")) },
                spec: IndicatorSpec {
                    ratio_metric: RatioMetric {
                        counter: true,
                        good: metric("tokenbeat_slo_good_requests_total"),
                        total: metric("tokenbeat_slo_requests_total"),
                    },
                },
            },
            time_window: [TimeWindow { duration: "28d", is_rolling: true }],
            budgeting_method: "Occurrences",
            objectives: [Objective {
                display_name: "Good beats".to_owned(),
                target: slo.objective,
            }],
        },
    }
}
