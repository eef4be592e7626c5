//! The rules of one configuration: its SLOs by name, its objectives as numbers, and windows that a
//! probe is too slow for left out, with a word on the interval that they need.

use std::{fmt, time::Duration};

use super::{
    Alert, Group, Severity,
    objective::{Subject, Theme},
    promql, slo, standing,
    windows::{BURNS, Burn},
};
use crate::config::{Config, Probe};
use crate::verdict::Slo;

/// The groups of a configuration, and what cannot be had with it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// Its groups.
    pub groups: Vec<Group>,
    /// What was left out.
    pub warnings: Vec<Warning>,
}

/// A window that was left out: too few beats fall into its short one.
#[derive(Clone, Debug, PartialEq)]
pub struct Warning {
    probe: String,
    slo: String,
    interval: Duration,
    /// The windows, the shortest first.
    left_out: Vec<Burn>,
}

impl fmt::Display for Warning {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { probe, slo, interval, left_out } = self;
        let all = spelled(BURNS[0].slowest.into());
        let every = spelled(interval.as_secs());
        write!(out, "probe `{probe}`, SLO `{slo}`: ")?;
        let too_few = format!("a beat comes every {every}, and the short window is to hold five");
        if left_out.len() == BURNS.len() {
            let any = spelled(left_out[left_out.len() - 1].slowest.into());
            write!(
                out,
                "this SLO at this probe rate cannot be alerted without false pages: {too_few}. \
                 Need `interval: {any}` or less, for all windows {all}"
            )
        } else {
            let windows: Vec<_> =
                left_out.iter().map(|burn| format!("{}/{}", burn.long, burn.short)).collect();
            write!(
                out,
                "no alert on {}: {too_few}. For all windows: `interval: {all}` or less",
                windows.join(" and ")
            )
        }
    }
}

/// A time as it is written in a configuration: `1h12m`.
fn spelled(seconds: u64) -> String {
    let parts = [(seconds / 3_600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    parts.map(|(count, unit)| format!("{count}{unit}")).collect()
}

/// The rules of `config`.
pub fn configured(config: &Config) -> Configured {
    let mut alerts = Vec::new();
    let mut warnings = Vec::new();
    for probe in &config.probes {
        for slo in &probe.slos {
            let (kept, left_out): (Vec<Burn>, Vec<Burn>) =
                BURNS.iter().partition(|burn| reaches(burn, probe.interval));
            alerts.extend(of(probe, slo, &kept));
            if !left_out.is_empty() {
                warnings.push(Warning {
                    probe: probe.name.to_string(),
                    slo: slo.name.to_string(),
                    interval: probe.interval,
                    left_out,
                });
            }
        }
    }
    let mut groups = slo::recordings();
    if !alerts.is_empty() {
        alerts.extend([slo::missed(), slo::collapsed()]);
        groups.push(slo::group(alerts));
    }
    groups.extend(standing());
    Configured { groups, warnings }
}

/// Whether the short window holds five beats. Then the long one holds sixty and more.
fn reaches(burn: &Burn, interval: Duration) -> bool {
    interval <= Duration::from_secs(burn.slowest.into())
}

/// The alerts of one SLO of one probe.
fn of(probe: &Probe, slo: &Slo, burns: &[Burn]) -> Vec<Alert> {
    let subject = |objective| Subject::One { probe: &probe.name, slo: &slo.name, objective };
    let mut alerts: Vec<Alert> =
        burns.iter().map(|burn| slo::joint(&subject(slo.objective), burn)).collect();
    for threshold in &slo.thresholds {
        let (theme, metric) = (Theme::of(threshold.metric), threshold.metric.as_str());
        let alone = |burn| slo::alone(&subject(threshold.objective), theme, Some(metric), burn);
        alerts.extend(burns.iter().map(alone));
    }
    alerts.extend(probe.targets.iter().map(|target| absent(&target.name, &probe.name, &slo.name)));
    alerts
}

/// Nothing is known of an SLO that is configured: without this, silence looks like a perfect score.
fn absent(target: &str, probe: &str, slo: &str) -> Alert {
    let selector = promql::selector(&[("target", target), ("probe", probe), ("slo", slo)]);
    Alert {
        name: "TokenbeatSLOAbsent",
        severity: Severity::Warning,
        expr: format!("absent(tokenbeat_slo_requests_total{selector})"),
        hold: "15m",
        keep: None,
        labels: vec![
            ("target", target.to_owned().into()),
            ("probe", probe.to_owned().into()),
            ("slo", slo.to_owned().into()),
        ],
        summary: "Nothing is known of SLO {{ $labels.slo }} at {{ $labels.target }}.".into(),
        description:
            "These rules were made for a configuration in which probe {{ $labels.probe }} holds \
                      {{ $labels.target }} against {{ $labels.slo }}, and no such series is there."
                .into(),
    }
}
