//! SLOs as Pyrra reads them: one for each SLO, grouped by target, model and probe.
//!
//! Pyrra writes the name of its object into the label `slo` of all that it records, and into every
//! selector of its alerts beside those of the indicator. Our series have such a label too, so an
//! object has to have the very name of its SLO: with any other, no alert of Pyrra could ever fire.

use serde::Serialize;

use super::{
    Namespace, Options, Unwritable,
    document::{Map, documents, for_object},
    subjects::{description, percent, used},
};
use crate::{config::Config, rules::promql, verdict::Slo};

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
    grouping: [&'static str; 3],
}

#[derive(Serialize)]
struct Metric {
    metric: String,
}

/// The SLOs of `config` for Pyrra.
///
/// # Errors
/// If an SLO has a name that no object for Kubernetes can have, or YAML cannot be written.
pub fn pyrra(config: &Config, options: &Options) -> Result<String, Unwritable> {
    let slos = used(config);
    if let Some(slo) = slos.iter().find(|slo| !is_object_name(&slo.name)) {
        return Err(Unwritable::Name { slo: slo.name.to_string() });
    }
    let objects: Vec<_> = slos.into_iter().map(|slo| object(slo, options)).collect();
    documents(HEAD, &objects)
}

/// Whether Kubernetes takes it as the name of an object: a subdomain of DNS.
fn is_object_name(name: &str) -> bool {
    let ends = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
    let small = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    name.split('.').all(|part| {
        ends(part.chars().next())
            && ends(part.chars().last())
            && part.chars().all(|letter| small(letter) || letter == '-')
    })
}

fn object(slo: &Slo, options: &Options) -> Object {
    let selector = promql::selector(&[("slo", &slo.name)]);
    let metric = |name: &str| Metric { metric: format!("{name}{selector}") };
    Object {
        api_version: "pyrra.dev/v1alpha1",
        kind: "ServiceLevelObjective",
        metadata: Metadata {
            name: slo.name.to_string(),
            namespace: match &options.namespace {
                Namespace::Unsaid => None,
                Namespace::Named(name) => Some(name.clone()),
            },
            labels: for_object(options.labels.iter().cloned()),
        },
        spec: Spec {
            target: percent(slo),
            window: "4w",
            description: description("all probes", slo),
            indicator: Indicator {
                ratio: Ratio {
                    errors: metric("tokenbeat_slo_bad_requests_total"),
                    total: metric("tokenbeat_slo_requests_total"),
                    grouping: ["target", "model", "probe"],
                },
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_kubernetes_takes() {
        for name in ["fast", "mlperf-llama2-70b-server", "v1.fast"] {
            assert!(is_object_name(name), "{name}");
        }
        for name in ["Fast", "fast_one", "a/b", "fast-", "a..b"] {
            assert!(!is_object_name(name), "{name}");
        }
    }
}
