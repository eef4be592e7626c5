//! SLOs as Sloth reads them (`prometheus/v1`): one for each probe, SLO, target and model.

use serde::Serialize;

use super::{
    Options, Unwritable,
    document::{Map, for_series, yaml},
    subjects::{Subject, percent, subjects},
};
use crate::config::Config;

const HEAD: &str = "\
# SLOs of a tokenbeat configuration for Sloth: `sloth generate -i FILE`. Made by `tokenbeat rules`.
";

#[derive(Serialize)]
struct Spec {
    version: &'static str,
    service: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    labels: Map,
    slos: Vec<Slo>,
}

#[derive(Serialize)]
struct Slo {
    name: String,
    objective: f64,
    description: String,
    labels: Map,
    sli: Sli,
    alerting: Alerting,
}

#[derive(Serialize)]
struct Sli {
    events: Events,
}

#[derive(Serialize)]
struct Events {
    error_query: String,
    total_query: String,
}

#[derive(Serialize)]
struct Alerting {
    name: &'static str,
    annotations: Map,
    page_alert: Labelled,
    ticket_alert: Labelled,
}

#[derive(Serialize)]
struct Labelled {
    labels: Map,
}

/// The SLOs of `config` for Sloth.
///
/// # Errors
/// If a label of `options` is none of Prometheus or would hide one of ours, or YAML cannot be written.
pub fn sloth(config: &Config, options: &Options) -> Result<String, Unwritable> {
    for_series(&options.labels)?;
    let slos = subjects(config).iter().map(|subject| slo(subject, options)).collect();
    let labels = Map(options.labels.clone());
    yaml(HEAD, &Spec { version: "prometheus/v1", service: "tokenbeat", labels, slos })
}

fn slo(subject: &Subject<'_>, options: &Options) -> Slo {
    let selector = subject.selector();
    let rate = |metric: &str| format!("sum(rate({metric}{selector}[{{{{.window}}}}]))");
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let severity = |word: &str| Labelled { labels: Map(vec![pair("severity", word)]) };
    let mut labels = vec![pair("target", subject.target)];
    labels.extend(subject.model.map(|model| pair("model", model)));
    labels
        .extend([pair("probe", &subject.judged.probe.name), pair("slo", &subject.judged.slo.name)]);
    Slo {
        name: subject.name(None),
        objective: percent(subject.judged.slo).parse().unwrap_or(f64::NAN),
        description: subject.judged.description(),
        labels: Map(labels),
        sli: Sli {
            events: Events {
                error_query: rate("tokenbeat_slo_bad_requests_total"),
                total_query: rate("tokenbeat_slo_requests_total"),
            },
        },
        alerting: Alerting {
            name: "TokenbeatSLOBurn",
            annotations: Map(vec![pair(
                "runbook_url",
                &options.runbooks.replace("{alert}", "TokenbeatSLOBurn"),
            )]),
            page_alert: severity("critical"),
            ticket_alert: severity("warning"),
        },
    }
}
