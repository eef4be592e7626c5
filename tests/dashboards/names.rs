//! Every metric, label and label value in `dashboards/` and `alerts/` is one of the catalogue.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;
use tokenbeat::measure::catalogue::{CATALOGUE, Kind};

use crate::{
    file,
    promql::{self, Selector},
};

/// Labels that a scrape adds to every series.
const OF_THE_SCRAPE: [&str; 4] = ["instance", "job", "pod", "namespace"];

/// What is known of a metric.
struct Known {
    labels: BTreeSet<String>,
    /// The values of one of its labels, where they are a closed set.
    closed: Option<(String, &'static [&'static str])>,
}

/// Whether `name` is a histogram of the catalogue.
pub fn is_histogram(name: &str) -> bool {
    CATALOGUE.iter().any(|row| row.name == name && matches!(row.kind, Kind::Histogram(_)))
}

/// The shipped files of a folder that end so, by name.
fn shipped(folder: &str, ending: &str) -> Vec<(String, String)> {
    let entries = fs::read_dir(file(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("readable"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} is empty");
    files
}

fn dashboards() -> Vec<(String, Value)> {
    let read = |(name, text): (String, String)| (name, serde_json::from_str(&text).expect("JSON"));
    shipped("dashboards", ".json").into_iter().map(read).collect()
}

/// Every query of every shipped dashboard, with its place.
pub fn of_dashboards() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, json) in dashboards() {
        for panel in json["panels"].as_array().expect("panels") {
            for target in panel["targets"].as_array().into_iter().flatten() {
                let place = format!("{name}, {} {}", panel["title"], target["refId"]);
                found.push((place, target["expr"].as_str().expect("an expression").to_owned()));
            }
        }
    }
    found
}

/// Every annotation of every shipped dashboard.
pub fn of_annotations() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (name, json) in dashboards() {
        for one in json["annotations"]["list"].as_array().expect("annotations") {
            let expression = one["expr"].as_str().expect("an expression").to_owned();
            found.push((format!("{name}, {}", one["name"]), expression));
        }
    }
    found
}

/// Every variable of every shipped dashboard: the series that it is read from, and the label.
fn of_variables() -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for (name, json) in dashboards() {
        for one in json["templating"]["list"].as_array().expect("variables") {
            let Some(query) = one["query"]["query"].as_str() else { continue };
            let inside =
                query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')'));
            let (series, label) =
                inside.and_then(|rest| rest.rsplit_once(", ")).expect("label_values");
            found.push((format!("{name}, ${}", one["name"]), series.into(), label.into()));
        }
    }
    found
}

/// The rules of every shipped file of rules.
fn rules() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (name, text) in shipped("alerts", ".yml") {
        let file: Value = serde_saphyr::from_str(&text).expect("YAML");
        let groups = file["groups"].as_array().or(file["spec"]["groups"].as_array());
        for group in groups.unwrap_or_else(|| panic!("{name} has no groups")) {
            for rule in group["rules"].as_array().expect("rules") {
                let called = rule["alert"].as_str().or(rule["record"].as_str()).expect("a name");
                found.push((format!("{name}, {called}"), rule.clone()));
            }
        }
    }
    found
}

/// Every metric that there is, recorded ones included.
fn known() -> BTreeMap<String, Known> {
    let mut known = BTreeMap::new();
    let mut put = |name: &str, labels: &[&str], closed| {
        let labels = labels.iter().chain(&OF_THE_SCRAPE).map(|one| (*one).to_owned()).collect();
        known.insert(name.to_owned(), Known { labels, closed });
    };
    for row in CATALOGUE {
        let closed = row.labels.last().filter(|_| !row.values.is_empty());
        let closed = closed.map(|label| ((*label).to_owned(), row.values));
        put(row.name, row.labels, closed.clone());
        if matches!(row.kind, Kind::Histogram(_)) {
            put(&format!("{}_count", row.name), row.labels, closed.clone());
            put(&format!("{}_sum", row.name), row.labels, closed.clone());
            put(&format!("{}_bucket", row.name), &[row.labels, &["le"]].concat(), closed);
        }
    }
    // What Prometheus makes of a scrape itself.
    put("up", &[], None);
    // What it makes of alerts: rules read those of one alert of a target.
    put("ALERTS", &["alertname", "alertstate", "severity", "target", "model"], None);
    for (_, rule) in rules() {
        let Some(name) = rule["record"].as_str() else { continue };
        let expression = promql::names(rule["expr"].as_str().expect("an expression"));
        let mut labels = expression.made;
        for selector in &expression.selectors {
            labels.extend(known.get(&selector.name).into_iter().flat_map(|one| one.labels.clone()));
        }
        labels.extend(rule["labels"].as_object().into_iter().flat_map(|all| all.keys().cloned()));
        known.insert(name.to_owned(), Known { labels, closed: None });
    }
    known
}

/// What is wrong with an expression, and the labels that its result may have.
fn check(
    place: &str,
    expression: &str,
    known: &BTreeMap<String, Known>,
) -> (Vec<String>, BTreeSet<String>) {
    let names = promql::names(expression);
    let mut wrong = Vec::new();
    let mut labels = names.made.clone();
    for selector in &names.selectors {
        match known.get(&selector.name) {
            None => wrong.push(format!("{place}: no metric `{}`", selector.name)),
            Some(one) => {
                wrong.extend(matchers(place, selector, one));
                labels.extend(one.labels.clone());
            }
        }
    }
    for label in names.labels.difference(&labels) {
        wrong.push(format!("{place}: no metric of it has the label `{label}`"));
    }
    if names.selectors.is_empty() {
        wrong.push(format!("{place}: names no metric"));
    }
    (wrong, labels)
}

fn matchers(place: &str, of: &Selector, known: &Known) -> Vec<String> {
    let mut wrong = Vec::new();
    for (label, _, value) in &of.matchers {
        if !known.labels.contains(label) {
            wrong.push(format!("{place}: `{}` has no label `{label}`", of.name));
        }
        let Some((_, values)) = known.closed.as_ref().filter(|(closed, _)| closed == label) else {
            continue;
        };
        // Alternatives are all of a regular expression that is used for closed sets.
        let word = |one: &&str| {
            !one.is_empty() && one.chars().all(|c| c.is_ascii_alphanumeric() || "_.".contains(c))
        };
        for one in value.split('|').filter(word).filter(|one| !values.contains(one)) {
            wrong.push(format!("{place}: `{label}` of `{}` is never `{one}`", of.name));
        }
    }
    wrong
}

/// The labels that a text puts in: `{{label}}` of a legend, `$labels.label` of an alert.
fn placeholders(text: &str) -> BTreeSet<String> {
    let identifier = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        text[..end.unwrap_or(text.len())].to_owned()
    };
    let legend = text.match_indices("{{").map(|(at, _)| identifier(&text[at + 2..]));
    let alert =
        text.match_indices("$labels.").map(|(at, found)| identifier(&text[at + found.len()..]));
    legend.chain(alert).filter(|label| !label.is_empty()).collect()
}

#[test]
fn dashboards_name_nothing_that_is_not_there() {
    let known = known();
    let mut wrong = Vec::new();
    for (place, expression) in of_dashboards().into_iter().chain(of_annotations()) {
        wrong.extend(check(&place, &expression, &known).0);
    }
    for (place, series, label) in of_variables() {
        let (problems, labels) = check(&place, &series, &known);
        wrong.extend(problems);
        assert!(labels.contains(&label), "{place}: {series} has no label `{label}`");
    }
    for (name, json) in dashboards() {
        let panels = json["panels"].as_array().expect("panels").iter();
        let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
        let texts = targets.map(|one| (&one["expr"], &one["legendFormat"]));
        let marks = json["annotations"]["list"].as_array().expect("annotations").iter();
        for (expression, text) in texts.chain(marks.map(|one| (&one["expr"], &one["titleFormat"])))
        {
            let (expression, text) =
                (expression.as_str().expect("text"), text.as_str().expect("text"));
            let labels = check(&name, expression, &known).1;
            for label in placeholders(text) {
                // What is not kept by the grouping is not there either.
                let kept = promql::names(expression).labels.contains(&label);
                if !labels.contains(&label) || !kept {
                    wrong
                        .push(format!("{name}: `{text}` puts in `{label}`, which its series lack"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn alerts_name_nothing_that_is_not_there() {
    let known = known();
    let mut wrong = Vec::new();
    for (place, rule) in rules() {
        let expression = rule["expr"].as_str().expect("an expression");
        let (problems, labels) = check(&place, expression, &known);
        wrong.extend(problems);
        for text in rule["annotations"].as_object().into_iter().flat_map(|all| all.values()) {
            let text = text.as_str().expect("text");
            for label in placeholders(text).difference(&labels) {
                wrong.push(format!("{place}: `{text}` puts in `{label}`, which its series lack"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
