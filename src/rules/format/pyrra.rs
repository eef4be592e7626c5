//! SLOs as Pyrra reads them: one for each probe and SLO, grouped by target and model.

use serde::Serialize;

use super::{
    Namespace, Options, Unwritable,
    document::{Map, documents},
    subjects::{Judged, judged, object_name},
};
use crate::{config::Config, rules::promql};

const HEAD: &str = "\
# SLOs of a tokenbeat configuration for Pyrra. Made by `tokenbeat rules`.
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
struct Metadata {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    labels: Map,
}

#[derive(Serialize)]
struct Spec {
    target: String,
    window: &'static str,
    description: String,
    indicator: Indicator,
}

#[derive(Serialize)]
struct Indicator {
    ratio: Ratio,
}

#[derive(Serialize)]
struct Ratio {
    errors: Metric,
    total: Metric,
    grouping: [&'static str; 2],
}

#[derive(Serialize)]
struct Metric {
    metric: String,
}

/// The SLOs of `config` for Pyrra.
///
/// # Errors
/// If they cannot be written as YAML.
pub fn pyrra(config: &Config, options: &Options) -> Result<String, Unwritable> {
    let objects: Vec<_> = judged(config).map(|one| object(&one, options)).collect();
    documents(HEAD, &objects)
}

fn object(judged: &Judged<'_>, options: &Options) -> Object {
    let (probe, slo) = (&*judged.probe.name, &*judged.slo.name);
    let selector = promql::selector(&[("probe", probe), ("slo", slo)]);
    let metric = |name: &str| Metric { metric: format!("{name}{selector}") };
    Object {
        api_version: "pyrra.dev/v1alpha1",
        kind: "ServiceLevelObjective",
        metadata: Metadata {
            name: object_name(&["tokenbeat", probe, slo]),
            namespace: match &options.namespace {
                Namespace::Unsaid => None,
                Namespace::Named(name) => Some(name.clone()),
            },
            labels: Map(options.labels.clone()),
        },
        spec: Spec {
            target: judged.percent(),
            window: "4w",
            description: judged.description(),
            indicator: Indicator {
                ratio: Ratio {
                    errors: metric("tokenbeat_slo_bad_requests_total"),
                    total: metric("tokenbeat_slo_requests_total"),
                    grouping: ["target", "model"],
                },
            },
        },
    }
}
