//! Minutes from the first bad beat to the alert, by interval, objective and share of bad beats.
//!
//! Computed here from the definition of the rules, on samples of every minute; `promtool` then says
//! whether the shipped file fires at that very minute and not at the one before.

use std::{fmt::Write as _, path::Path};

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
    /// Time between two evaluations.
    step: u32,
    /// Good beats before the first bad one.
    healthy: u32,
    /// Bad ones after it.
    bad: u32,
}

const LOOKS: [Look; 2] = [
    Look { name: "short.yml", rules: &SHORT, step: 1, healthy: 420, bad: 380 },
    Look { name: "long.yml", rules: &LONG, step: 5, healthy: 4_400, bad: 2_400 },
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
            if !self.holds(rule, at.into()) {
                since = None;
            } else if at - *since.get_or_insert(at) >= rule.hold {
                return Some(at);
            }
            at += look.step;
        }
        None
    }

    fn holds(self, rule: &Rule, at: i64) -> bool {
        // A window of n minutes holds n samples, and n − 1 steps between them.
        let bad = |window: u32| {
            f64::from(self.bad_by(at) - self.bad_by(at - i64::from(window) + 1))
                / f64::from(self.pace() * (window - 1))
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

/// The cases for `promtool`, with the names of their files.
pub fn cases(rules: &Path) -> Vec<(&'static str, String)> {
    LOOKS.iter().map(|look| (look.name, case(look, rules))).collect()
}

fn case(look: &Look, rules: &Path) -> String {
    let mut text = format!(
        "rule_files: [{}]\nevaluation_interval: {}m\n\
         group_eval_order: [tokenbeat.slo.windows, tokenbeat.slo.long_windows, tokenbeat.slo]\n\
         tests:\n- interval: 1m\n  input_series:\n",
        rules.display(),
        look.step
    );
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
        let (end, slo) = (look.healthy + look.bad, ",slo=\"s\"");
        let pace = subject.pace();
        series("slo_requests_total", slo, format!("0+{pace}x{end}"));
        let good = |minute: u32| {
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
