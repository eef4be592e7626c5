//! What the shipped Alertmanager keeps quiet, and what it does not: pairs of alerts, told by hand.

use std::{thread, time::Duration};

use serde_json::{Value, json};

use super::{site, site::Programs, webhook::Webhook};

/// How often, and how many times, the state of an alert is asked for.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: u32 = 150;

/// An alert: its name, its severity, its other labels.
type Alert = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const A: &[(&str, &str)] = &[("job", "tokenbeat"), ("target", "a"), ("model", "m")];
const A_SLO: &[(&str, &str)] =
    &[("job", "tokenbeat"), ("target", "a"), ("model", "m"), ("probe", "p"), ("slo", "s")];
const B_SLO: &[(&str, &str)] =
    &[("job", "tokenbeat"), ("target", "b"), ("model", "m"), ("probe", "p"), ("slo", "s")];
const SELF: &[(&str, &str)] = &[("job", "tokenbeat")];
const OTHER: &[(&str, &str)] = &[("job", "another")];
const SWEEP: &[(&str, &str)] =
    &[("job", "tokenbeat"), ("target", "a"), ("model", "m"), ("sweep", "nightly")];

/// Alerts that tell windows apart, and two GPUs.
const LATELY_10: &[(&str, &str)] = &[("target", "a"), ("model", "m"), ("within", "10m")];
const LATELY_40: &[(&str, &str)] = &[("target", "a"), ("model", "m"), ("within", "40m")];
const A_FAST: &[(&str, &str)] =
    &[("target", "a"), ("model", "m"), ("probe", "p"), ("slo", "s"), ("long", "1h")];
const A_SLOW: &[(&str, &str)] =
    &[("target", "a"), ("model", "m"), ("probe", "p"), ("slo", "s"), ("long", "6h")];
const A_OTHER_PROBE: &[(&str, &str)] =
    &[("job", "tokenbeat"), ("target", "a"), ("model", "m"), ("probe", "q"), ("slo", "s")];
const ENGINE: &[(&str, &str)] = &[("job", "tokenbeat"), ("target", "a")];
const GPU_0: &[(&str, &str)] = &[("target", "a"), ("gpu", "0"), ("uuid", "u0"), ("xid", "79")];
const GPU_0_TOO: &[(&str, &str)] = &[("target", "a"), ("gpu", "0"), ("uuid", "u0"), ("xid", "31")];
const GPU_1: &[(&str, &str)] = &[("target", "a"), ("gpu", "1"), ("uuid", "u1"), ("xid", "31")];

const DOWN: &str = "TokenbeatTargetDown";
const LATELY: &str = "TokenbeatTargetDownRecently";
const XID: &str = "TokenbeatGPUXIDErrors";
const SATURATED: &str = "TokenbeatProberSaturated";
const BURN: &str = "TokenbeatSLOBurn";

/// What fires, beside what, and whether the second is kept quiet.
const PAIRS: &[(Alert, Alert, bool)] = &[
    ((DOWN, "critical", A), (BURN, "critical", A_SLO), true),
    ((DOWN, "critical", A), ("TokenbeatTTFTBurn", "warning", A_SLO), true),
    ((DOWN, "critical", A), ("TokenbeatSLOMissed", "critical", A_SLO), true),
    ((DOWN, "critical", A), ("TokenbeatErrorRatioHigh", "critical", A_SLO), true),
    ((DOWN, "critical", A), (BURN, "critical", B_SLO), false),
    ((DOWN, "critical", A), ("TokenbeatSweepOverdue", "warning", SWEEP), false),
    ((DOWN, "critical", A), ("TokenbeatEngineMetricsDown", "warning", ENGINE), true),
    ((LATELY, "info", LATELY_10), (BURN, "critical", A_FAST), true),
    ((LATELY, "info", LATELY_10), ("TokenbeatSLOMissed", "critical", A_SLO), true),
    ((LATELY, "info", LATELY_10), ("TokenbeatErrorRatioHigh", "critical", A_SLO), false),
    ((LATELY, "info", LATELY_10), (BURN, "critical", B_SLO), false),
    ((LATELY, "info", LATELY_40), (BURN, "critical", A_SLOW), true),
    ((LATELY, "info", LATELY_40), ("TokenbeatErrorRatioHigh", "critical", A_SLO), true),
    ((LATELY, "info", LATELY_40), (BURN, "critical", A_FAST), false),
    ((SATURATED, "warning", SELF), (BURN, "critical", A_SLO), true),
    ((SATURATED, "warning", SELF), ("TokenbeatE2EBurn", "critical", B_SLO), true),
    ((SATURATED, "warning", SELF), ("TokenbeatRegressionActive", "warning", SWEEP), true),
    ((SATURATED, "warning", SELF), (DOWN, "critical", A), false),
    ((SATURATED, "warning", SELF), ("TokenbeatErrorRatioHigh", "critical", A_SLO), false),
    ((SATURATED, "warning", OTHER), (BURN, "critical", A_SLO), false),
    ((BURN, "critical", A_SLO), (BURN, "warning", A_SLO), true),
    ((BURN, "critical", A_SLO), (BURN, "warning", B_SLO), false),
    ((BURN, "critical", A_SLO), (BURN, "warning", A_OTHER_PROBE), false),
    ((XID, "critical", GPU_0), (XID, "warning", GPU_0_TOO), true),
    ((XID, "critical", GPU_0), (XID, "warning", GPU_1), false),
    ((BURN, "critical", A_SLO), ("TokenbeatTTFTBurn", "warning", A_SLO), false),
    ((BURN, "warning", A_SLO), (BURN, "critical", A_SLO), false),
];

#[test]
fn only_what_is_explained_is_kept_quiet() {
    let Some(programs) = Programs::of("only_what_is_explained_is_kept_quiet") else { return };
    let webhook = Webhook::start();
    let alertmanager = site::alertmanager(&programs, &webhook);
    // A cluster a pair: the rules ask that it be the same, so no pair sees another.
    let alert = |(name, severity, labels): Alert, cluster: usize, role: &str| {
        let mut all =
            json!({"alertname": name, "severity": severity, "cluster": cluster.to_string()});
        for (label, value) in labels {
            all[label] = (*value).into();
        }
        all["role"] = role.into();
        json!({"labels": all})
    };
    let pairs = PAIRS.iter().enumerate();
    let (first, second): (Vec<Value>, Vec<Value>) = pairs
        .map(|(cluster, (source, other, _))| {
            (alert(*source, cluster, "first"), alert(*other, cluster, "second"))
        })
        .unzip();
    alertmanager.tell(&first.into());
    alertmanager.tell(&second.into());
    // Those that are kept quiet first: once it has looked at them, it has looked at the others too.
    let mut pairs: Vec<_> = PAIRS.iter().enumerate().collect();
    pairs.sort_by_key(|(_, (.., quiet))| !quiet);
    for (cluster, (source, other, quiet)) in pairs {
        let wanted = if *quiet { "suppressed" } else { "active" };
        let state = || {
            let alerts = alertmanager.alerts();
            let labels = [("cluster", cluster.to_string()), ("role", "second".to_owned())];
            let is_it =
                |one: &&Value| labels.iter().all(|(name, value)| one["labels"][name] == **value);
            alerts.iter().find(is_it).map(|one| one["status"]["state"].clone())
        };
        let mut tries = 0;
        while state().is_none_or(|state| state != wanted) {
            tries += 1;
            assert!(tries < TRIES, "{other:?} beside {source:?}: {:?}, not {wanted}", state());
            thread::sleep(PAUSE);
        }
    }
}
