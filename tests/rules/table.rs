//! Minutes from the first bad beat to the alert, by interval, objective and share of bad beats.
//!
//! Computed here from the definition of the rules, on one sample an evaluation; `promtool` then says
//! whether the shipped file fires at that very evaluation and not at the one before. It is given those
//! rules of the shipped file that the table is of, and no others: an evaluation costs what it reads.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Seconds between two beats.
const INTERVALS: [u32; 3] = [15, 30, 60];
/// Objectives in percent.
const OBJECTIVES: [u32; 3] = [90, 95, 99];
/// Shares of bad beats, in percent.
const BAD: [u32; 2] = [100, 20];

/// A rule of the table.
struct Rule {
    alert: &'static str,
    /// Windows in minutes, the long one with its label; the short one is absent where there is none.
    long: (u32, &'static str),
    short: Option<u32>,
    factor: Option<f64>,
    /// Minutes for which it must hold.
    hold: u32,
}

/// Rules looked at every minute, and those that take days.
const SHORT: [Rule; 3] = [
    Rule { alert: "TokenbeatSLOMissed", long: (15, ""), short: None, factor: None, hold: 1 },
    burn(14.4, (60, "1h"), 5, 1),
    burn(6.0, (360, "6h"), 30, 5),
];
const LONG: [Rule; 2] = [burn(3.0, (1_440, "1d"), 120, 15), burn(1.0, (4_320, "3d"), 360, 30)];

const fn burn(factor: f64, long: (u32, &'static str), short: u32, hold: u32) -> Rule {
    Rule { alert: "TokenbeatSLOBurn", long, short: Some(short), factor: Some(factor), hold }
}

/// How a set of rules is looked at, in minutes.
struct Look {
    name: &'static str,
    rules: &'static [Rule],
    /// Time between two evaluations, and between two samples.
    step: u32,
    /// Good beats before the first bad one.
    healthy: u32,
    /// Bad ones after it.
    bad: u32,
}

const LOOKS: [Look; 2] = [
    Look { name: "short", rules: &SHORT, step: 1, healthy: 420, bad: 380 },
    Look { name: "long", rules: &LONG, step: 5, healthy: 4_400, bad: 2_400 },
];

/// A target of the table.
#[derive(Clone, Copy)]
struct Subject {
    interval: u32,
    objective: u32,
    bad: u32,
}

impl Subject {
    fn all() -> impl Iterator<Item = Self> {
        BAD.into_iter().flat_map(|bad| {
            INTERVALS.into_iter().flat_map(move |interval| {
                OBJECTIVES.map(|objective| Self { interval, objective, bad })
            })
        })
    }

    fn name(self) -> String {
        format!("every{}-objective{}-bad{}", self.interval, self.objective, self.bad)
    }

    /// Beats a minute.
    fn pace(self) -> u32 {
        60 / self.interval
    }

    /// Bad beats up to so many minutes after the last minute in which all were good.
    fn bad_by(self, minute: i64) -> u32 {
        let minutes = u32::try_from(minute).unwrap_or(0);
        minutes * self.pace() * self.bad / 100
    }

    /// Minutes after which `rule` fires, if it does.
    fn fires(self, rule: &Rule, look: &Look) -> Option<u32> {
        let mut since = None;
        let mut at = 0;
        while at <= look.bad {
            if !self.holds(rule, look, at.into()) {
                since = None;
            } else if at - *since.get_or_insert(at) >= rule.hold {
                return Some(at);
            }
            at += look.step;
        }
        None
    }

    fn holds(self, rule: &Rule, look: &Look, at: i64) -> bool {
        // A window of n steps holds n samples, and n − 1 steps between them.
        let bad = |window: u32| {
            let covered = window - look.step;
            f64::from(self.bad_by(at) - self.bad_by(at - i64::from(covered)))
                / f64::from(self.pace() * covered)
        };
        let budget = 1.0 - f64::from(self.objective) / 100.0;
        let most = rule.factor.map_or(0.5, |factor| (factor * budget).min(0.5));
        let beats = f64::from(self.pace() * rule.long.0);
        let enough = match rule.factor {
            Some(_) => bad(rule.long.0) * beats >= 5.0,
            None => beats >= 10.0,
        };
        bad(rule.long.0) > most && rule.short.is_none_or(|short| bad(short) > most) && enough
    }
}

/// Files for `promtool` by their names: cases, and the rules of `shipped` that they are of.
pub fn files(shipped: &str) -> Vec<Files> {
    let shipped: Value = serde_saphyr::from_str(shipped).expect("YAML");
    let of = |look: &Look| Files {
        cases: (format!("{}.cases.yml", look.name), cases(look)),
        rules: (format!("{}.rules.yml", look.name), rules(look, &shipped)),
    };
    LOOKS.iter().map(of).collect()
}

/// Two files, each with its name.
pub struct Files {
    pub cases: (String, String),
    pub rules: (String, String),
}

/// Those groups of `shipped` with what `look` is at: its alerts, and the recordings they read.
fn rules(look: &Look, shipped: &Value) -> String {
    let text = |rule: &Value, key: &str| rule[key].as_str().unwrap_or_default().to_owned();
    let of_look = |rule: &&Value| {
        look.rules.iter().any(|one| {
            text(rule, "alert") == one.alert
                && rule["labels"]["long"].as_str().unwrap_or_default() == one.long.1
        })
    };
    let groups = shipped["groups"].as_array().expect("groups");
    let all = || groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
    let alerts: Vec<&Value> = all().filter(of_look).collect();
    assert_eq!(alerts.len(), look.rules.len(), "an alert of the table is not shipped");
    // A share is of a count, so what a recording reads is looked for too.
    let read = |by: &[&Value], rule: &&Value| {
        let name = text(rule, "record");
        !name.is_empty() && by.iter().any(|one| text(one, "expr").contains(&name))
    };
    let shares: Vec<&Value> = all().filter(|rule| read(&alerts, rule)).collect();
    let readers = [alerts, shares].concat();
    let kept = |rule: &&Value| readers.contains(rule) || read(&readers, rule);
    let groups: Vec<Value> = groups
        .iter()
        .map(|group| {
            let rules = group["rules"].as_array().expect("rules").iter();
            json!({"name": group["name"], "rules": rules.filter(kept).collect::<Vec<_>>()})
        })
        .collect();
    json!({"groups": groups}).to_string()
}

fn cases(look: &Look) -> String {
    let mut text = format!(
        "rule_files: [{name}.rules.yml]\nevaluation_interval: {step}m\n\
         group_eval_order: [tokenbeat.slo.windows, tokenbeat.slo.long_windows, tokenbeat.slo]\n\
         tests:\n- interval: {step}m\n  input_series:\n",
        name = look.name,
        step = look.step
    );
    let end = (look.healthy + look.bad) / look.step;
    for subject in Subject::all() {
        let labels = format!(
            "{{job=\"tokenbeat\",instance=\"a\",target=\"{}\",model=\"m\",probe=\"p\"",
            subject.name()
        );
        let mut series = |name: &str, slo: &str, values: String| {
            let _ = writeln!(
                text,
                "  - series: 'tokenbeat_{name}{labels}{slo}}}'\n    values: '{values}'"
            );
        };
        let slo = ",slo=\"s\"";
        let pace = subject.pace();
        series("slo_requests_total", slo, format!("0+{}x{end}", pace * look.step));
        let good = |sample: u32| {
            let minute = sample * look.step;
            let after = i64::from(minute) - i64::from(look.healthy);
            (pace * minute - subject.bad_by(after)).to_string()
        };
        let good: Vec<String> = (0..=end).map(good).collect();
        series("slo_good_requests_total", slo, good.join(" "));
        series(
            "slo_objective_ratio",
            slo,
            format!("{}x{end}", f64::from(subject.objective) / 100.0),
        );
        series("probe_interval_seconds", "", format!("{}x{end}", subject.interval));
    }
    text.push_str("  promql_expr_test:\n");
    for subject in Subject::all() {
        for rule in look.rules {
            let long = match rule.long.1 {
                "" => String::new(),
                label => format!(",long=\"{label}\""),
            };
            let query = format!(
                "count(ALERTS{{alertname=\"{}\",alertstate=\"firing\",target=\"{}\"{long}}})",
                rule.alert,
                subject.name()
            );
            let mut expect = |minute: u32, samples: &str| {
                let minute = look.healthy + minute;
                let _ = writeln!(
                    text,
                    "  - {{expr: '{query}', eval_time: {minute}m, exp_samples: {samples}}}"
                );
            };
            match subject.fires(rule, look) {
                Some(minute) => {
                    expect(minute - look.step, "[]");
                    expect(minute, "[{labels: '{}', value: 1}]");
                }
                None => expect(look.bad, "[]"),
            }
        }
    }
    text
}

/// The tables of the documentation, one for each share of bad beats.
pub fn markdown() -> [String; 2] {
    BAD.map(|bad| {
        let mut table = String::from(
            "| a beat every | objective | most are bad | 14.4×, 1h | 6×, 6h | 3×, 1d | 1×, 3d |\n\
             |---|---|---|---|---|---|---|\n",
        );
        for subject in Subject::all().filter(|subject| subject.bad == bad) {
            let _ = write!(table, "| {} s | {} % |", subject.interval, subject.objective);
            for look in &LOOKS {
                for rule in look.rules {
                    let _ = write!(
                        table,
                        " {} |",
                        subject.fires(rule, look).map_or_else(|| "–".to_owned(), spelled)
                    );
                }
            }
            table.push('\n');
        }
        table
    })
}

/// Minutes, in hours where there are two and more.
fn spelled(minutes: u32) -> String {
    match (minutes / 60, minutes % 60) {
        (0 | 1, _) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, rest) => format!("{hours} h {rest} min"),
    }
}
