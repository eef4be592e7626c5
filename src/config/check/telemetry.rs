//! `engine_metrics` and `gpu` of a target, and `telemetry.nvml`.

use std::{collections::BTreeMap, path::Path, time::Duration};

use ::url::Url;

use super::{headers, url};
use crate::{
    config::{
        model::{Dcgm, EngineMetrics, GpuSource, Nvml, Unclaimed},
        problem::{Problem, Problems},
        sections::Item,
        spec::{
            AddressesSpec, DcgmSpec, EngineMetricsSpec, GpuSpec, LocalGpusSpec, TargetSpec,
            TelemetrySpec,
        },
    },
    units::Period,
};

/// How often a source may be read at most.
const SHORTEST: Duration = Duration::from_secs(1);

/// The engine's own metrics.
pub(super) fn engine(
    item: &Item<'_, TargetSpec>,
    spec: &EngineMetricsSpec,
    folder: &Path,
    problems: &mut Problems,
) -> Option<EngineMetrics> {
    let place = ["engine_metrics"];
    let urls = urls(item, &place, &spec.url, problems);
    let interval = interval(item, &place, spec.interval, problems);
    let authorization = (spec.authorization.as_ref())
        .and_then(|spec| headers::authorization(item, &place, spec, folder, problems));
    Some(EngineMetrics { urls: urls?, interval: interval?, authorization })
}

/// Who tells of the GPUs.
pub(super) fn gpu(
    item: &Item<'_, TargetSpec>,
    spec: &GpuSpec,
    folder: &Path,
    problems: &mut Problems,
) -> Option<GpuSource> {
    match spec {
        GpuSpec::Dcgm(spec) => dcgm(item, spec, folder, problems).map(GpuSource::Dcgm),
        GpuSpec::Nvml(spec) => Some(GpuSource::Nvml(local(item, spec, problems))),
    }
}

/// The driver of this machine's GPUs.
pub(super) fn nvml(item: Option<&Item<'_, TelemetrySpec>>, problems: &mut Problems) -> Nvml {
    let spec = item.and_then(|item| Some((item, item.spec.as_ref()?.nvml?)));
    let checked = spec.and_then(|(item, spec)| interval(item, &["nvml"], spec.interval, problems));
    checked.map_or_else(Nvml::default, |interval| Nvml { interval, unclaimed: Unclaimed::Told })
}

/// The names of a target's GPUs on this machine.
fn local(
    item: &Item<'_, TargetSpec>,
    spec: &LocalGpusSpec,
    problems: &mut Problems,
) -> Vec<String> {
    let Some(gpus) = &spec.gpus else { return Vec::new() };
    let (gpus, path) = (gpus.names(), ["gpu", "nvml", "gpus"]);
    let expected = "an index such as \"0\", a UUID such as GPU-… or MIG-…, or a list of them";
    if gpus.is_empty() {
        let message = "a target without a GPU: without `gpus`, it has all of them";
        problems.push(item.problem(&path, message).expected(expected));
    }
    let nodes = item.node.at(&path).map_or(&[][..], |node| node.items());
    for (at, name) in gpus.iter().enumerate() {
        if GpuSource::is_local_name(name) {
            continue;
        }
        let message = format!("`{name}` names no GPU");
        let problem = match nodes.get(at) {
            Some(node) => Problem::at(&item.file.source, node.span, message),
            None => item.problem(&path, message),
        };
        problems.push(problem.expected(expected));
    }
    gpus.to_vec()
}

fn dcgm(
    item: &Item<'_, TargetSpec>,
    spec: &DcgmSpec,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Dcgm> {
    let place = ["gpu", "dcgm"];
    let urls = urls(item, &place, &spec.url, problems);
    let interval = interval(item, &place, spec.interval, problems);
    let mut matching = BTreeMap::new();
    for (label, values) in &spec.matching {
        let values = values.names();
        if values.is_empty() || values.iter().any(String::is_empty) {
            let message = format!("no GPU has an empty `{label}`");
            let problem = item.problem(&["gpu", "dcgm", "match", label], message);
            problems.push(problem.expected("a value, or a list of values"));
        }
        matching.insert(label.clone(), values.to_vec());
    }
    let authorization = (spec.authorization.as_ref())
        .and_then(|spec| headers::authorization(item, &place, spec, folder, problems));
    Some(Dcgm { urls: urls?, matching, interval: interval?, authorization })
}

/// The addresses of a source; each once, or what one process tells would be added to itself.
fn urls(
    item: &Item<'_, TargetSpec>,
    place: &[&str],
    spec: &AddressesSpec,
    problems: &mut Problems,
) -> Option<Vec<Url>> {
    let path = [place, &["url"]].concat();
    let before = problems.count();
    let nodes = item.node.at(&path).map_or(&[][..], |node| node.items());
    let mut urls: Vec<Url> = Vec::new();
    for (at, address) in spec.addresses().iter().enumerate() {
        let problem = |message: String| match nodes.get(at) {
            Some(node) => Problem::at(&item.file.source, node.span, message),
            None => item.problem(&path, message),
        };
        match url::metrics(&address.0) {
            Ok(url) if urls.contains(&url) => {
                problems.push(problem("this URL stands here twice".to_owned()));
            }
            Ok(url) => urls.push(url),
            Err(error) => problems.push(problem(error.to_string())),
        }
    }
    (problems.count() == before).then_some(urls)
}

fn interval<T>(
    item: &Item<'_, T>,
    place: &[&str],
    interval: Period,
    problems: &mut Problems,
) -> Option<Duration> {
    if interval.0 >= SHORTEST {
        return Some(interval.0);
    }
    let path = [place, &["interval"]].concat();
    let problem = item.problem(&path, "metrics cannot be read more often than once a second");
    problems.push(problem.expected("1s or more, such as 15s"));
    None
}
