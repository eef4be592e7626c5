//! The shipped rules with their time run faster: the same rules, every length of time divided.

use regex::{Captures, Regex};
use serde_json::Value;

/// What lengths of time are divided by: an hour becomes a minute, and five minutes five seconds.
pub const FACTOR: u64 = 60;

/// The rules of a file, with every window, offset, `for`, `keep_firing_for` and interval divided by
/// [`FACTOR`]. Names are left alone: what is recorded as `…1h` is then of a minute.
pub fn scaled(file: &str) -> Value {
    let mut file: Value = serde_saphyr::from_str(file).expect("YAML");
    let groups = file["groups"].as_array_mut().expect("groups");
    for group in groups {
        divide(group, "interval");
        for rule in group["rules"].as_array_mut().expect("rules") {
            divide(rule, "for");
            divide(rule, "keep_firing_for");
            let expr = expression(rule["expr"].as_str().expect("an expression"));
            rule["expr"] = expr.into();
        }
    }
    file
}

/// Takes the alert `name` out of `rules`.
pub fn leave_out(rules: &mut Value, name: &str) {
    for group in rules["groups"].as_array_mut().expect("groups") {
        group["rules"].as_array_mut().expect("rules").retain(|rule| rule["alert"] != name);
    }
}

/// The alert `name` with these labels, among `rules`.
pub fn alert<'a>(rules: &'a Value, name: &str, labels: &[(&str, &str)]) -> &'a Value {
    let groups = rules["groups"].as_array().expect("groups");
    let mut all = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
    let is_it = |rule: &&Value| {
        rule["alert"] == name
            && labels.iter().all(|(label, value)| rule["labels"][label] == **value)
    };
    all.find(is_it).unwrap_or_else(|| panic!("no alert {name} {labels:?}"))
}

/// Seconds of a length of time as Prometheus writes it; none is none.
pub fn seconds(length: &Value) -> f64 {
    let text = length.as_str().unwrap_or("0s");
    milliseconds(text) as f64 / 1_000.0
}

fn divide(of: &mut Value, key: &str) {
    if let Some(length) = of[key].as_str() {
        of[key] = divided(length).into();
    }
}

/// Windows in brackets, those of subqueries too, and offsets.
fn expression(expr: &str) -> String {
    let window = Regex::new(r"(\[|:|offset )([0-9][0-9a-z]*)").expect("a pattern");
    let divided = |found: &Captures<'_>| format!("{}{}", &found[1], divided(&found[2]));
    window.replace_all(expr, divided).into_owned()
}

fn divided(length: &str) -> String {
    format!("{}ms", milliseconds(length) / FACTOR)
}

fn milliseconds(length: &str) -> u64 {
    let part = Regex::new("([0-9]+)(ms|s|m|h|d|w)").expect("a pattern");
    let rest = part.replace_all(length, "");
    assert!(rest.is_empty() || rest == "0", "no length of time: {length}");
    let one = |found: Captures<'_>| {
        let unit = match &found[2] {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => 604_800_000,
        };
        found[1].parse::<u64>().expect("a number") * unit
    };
    part.captures_iter(length).map(one).sum()
}

#[test]
fn every_length_of_time_is_divided_and_nothing_else() {
    let rules = scaled(
        "groups:\n- {name: g, interval: 2m, rules: [{alert: a, for: 1m, keep_firing_for: 1h30m, \
         expr: 'a_5m > 300 and rate(x{y=\"5m\"}[5m] offset 1d) > 1'}]}",
    );
    let group = &rules["groups"][0];
    let rule = &group["rules"][0];
    assert_eq!(group["interval"], "2000ms");
    assert_eq!((&rule["for"], &rule["keep_firing_for"]), (&"1000ms".into(), &"90000ms".into()));
    assert_eq!(rule["expr"], "a_5m > 300 and rate(x{y=\"5m\"}[5000ms] offset 1440000ms) > 1");
    assert_eq!(seconds(&group["interval"]), 2.0);
}
