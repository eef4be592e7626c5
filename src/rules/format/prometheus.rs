//! Rules as Prometheus reads them, plain and as the object of its operator.

use serde::Serialize;

use super::{
    Namespace, Options, Unwritable,
    document::{Map, Query, for_object, for_series, yaml},
};
use crate::rules::{Alert, Group, Record, Rule};

/// Above a file of plain rules.
const HEAD: &str = "\
# Rules and alerts on what tokenbeat measures, for `rule_files` of Prometheus. Made by `tokenbeat rules`:
# change what it is asked for, not this file. Every alert has a page in docs/runbooks/.
";

/// Above an object for the operator.
const OPERATOR_HEAD: &str = "\
# Rules and alerts on what tokenbeat measures, for the Prometheus operator. Made by `tokenbeat rules`:
# change what it is asked for, not this file. Every alert has a page in docs/runbooks/.
";

#[derive(Serialize)]
struct File {
    groups: Vec<GroupDocument>,
}

#[derive(Serialize)]
struct GroupDocument {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<&'static str>,
    rules: Vec<RuleDocument>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum RuleDocument {
    Record {
        record: String,
        expr: Query,
    },
    Alert {
        alert: &'static str,
        expr: Query,
        r#for: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        keep_firing_for: Option<&'static str>,
        labels: Map,
        annotations: Map,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: File,
}

#[derive(Serialize)]
struct Metadata {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    labels: Map,
}

/// `groups` as a file for `rule_files`.
///
/// # Errors
/// If a label of `options` is none of Prometheus or would hide one of ours, or YAML cannot be written.
pub fn prometheus(groups: &[Group], options: &Options) -> Result<String, Unwritable> {
    for_series(&options.labels)?;
    yaml(HEAD, &file(groups, options, &options.labels))
}

/// `groups` as a `PrometheusRule`. The labels of `options` are those of the object: by them an
/// operator finds it.
///
/// # Errors
/// If they cannot be written as YAML.
pub fn prometheus_operator(groups: &[Group], options: &Options) -> Result<String, Unwritable> {
    let own = [("app.kubernetes.io/name".to_owned(), "tokenbeat".to_owned())];
    let labels = for_object(own.into_iter().chain(options.labels.iter().cloned()));
    let namespace = match &options.namespace {
        Namespace::Unsaid => None,
        Namespace::Named(name) => Some(name.clone()),
    };
    let object = Object {
        api_version: "monitoring.coreos.com/v1",
        kind: "PrometheusRule",
        metadata: Metadata { name: "tokenbeat", namespace, labels },
        spec: file(groups, options, &[]),
    };
    yaml(OPERATOR_HEAD, &object)
}

fn file(groups: &[Group], options: &Options, labels: &[(String, String)]) -> File {
    let groups = groups.iter().map(|group| GroupDocument {
        name: group.name,
        interval: group.interval,
        rules: group.rules.iter().map(|rule| document(rule, options, labels)).collect(),
    });
    File { groups: groups.collect() }
}

fn document(rule: &Rule, options: &Options, labels: &[(String, String)]) -> RuleDocument {
    match rule {
        Rule::Record(Record { name, expr }) => {
            RuleDocument::Record { record: name.clone(), expr: Query(expr.clone()) }
        }
        Rule::Alert(alert) => RuleDocument::Alert {
            alert: alert.name,
            expr: Query(alert.expr.clone()),
            r#for: alert.hold,
            keep_firing_for: alert.keep,
            labels: alert_labels(alert, labels),
            annotations: Map(vec![
                ("summary".to_owned(), alert.summary.to_string()),
                ("description".to_owned(), alert.description.to_string()),
                ("runbook_url".to_owned(), options.runbooks.replace("{alert}", alert.name)),
            ]),
        },
    }
}

fn alert_labels(alert: &Alert, further: &[(String, String)]) -> Map {
    let mut labels = vec![("severity".to_owned(), alert.severity.as_str().to_owned())];
    labels.extend(alert.labels.iter().map(|(key, value)| ((*key).to_owned(), value.to_string())));
    labels.extend(further.iter().cloned());
    Map(labels)
}
