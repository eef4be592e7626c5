//! What generators of SLO rules are told of: one SLO of one probe, at one model where one is named.

use std::time::Duration;

use crate::{
    config::{Config, Models, Probe},
    rules::promql,
    verdict::Slo,
};

/// An SLO of a probe.
pub(super) struct Judged<'a> {
    pub(super) probe: &'a Probe,
    pub(super) slo: &'a Slo,
}

/// The same at one model of one target; the model is absent where only the target's server knows
/// its models.
pub(super) struct Subject<'a> {
    pub(super) judged: Judged<'a>,
    pub(super) target: &'a str,
    pub(super) model: Option<&'a str>,
}

/// Every SLO of every probe.
fn judged(config: &Config) -> impl Iterator<Item = Judged<'_>> {
    config.probes.iter().flat_map(|probe| probe.slos.iter().map(move |slo| Judged { probe, slo }))
}

/// Every SLO of every probe at every model.
pub(super) fn subjects(config: &Config) -> Vec<Subject<'_>> {
    let mut subjects = Vec::new();
    for Judged { probe, slo } in judged(config) {
        for target in &probe.targets {
            let models: Vec<Option<&str>> = match &target.models {
                Models::List(models) => models.iter().map(|model| Some(&**model)).collect(),
                Models::All { .. } => vec![None],
            };
            subjects.extend(models.into_iter().map(|model| Subject {
                judged: Judged { probe, slo },
                target: &target.name,
                model,
            }));
        }
    }
    subjects
}

/// Every SLO that a probe is held against, once.
pub(super) fn used(config: &Config) -> Vec<&Slo> {
    let mut slos: Vec<&Slo> = Vec::new();
    for Judged { slo, .. } in judged(config) {
        if slos.iter().all(|known| known.name != slo.name) {
            slos.push(slo);
        }
    }
    slos
}

impl Judged<'_> {
    /// What is asked for, in words.
    pub(super) fn description(&self) -> String {
        description(&self.probe.name, self.slo)
    }
}

/// What `slo` asks of the beats of `probe`, in words.
pub(super) fn description(probe: &str, slo: &Slo) -> String {
    let bounds: Vec<String> = slo
        .thresholds
        .iter()
        .map(|one| format!("{} ≤ {}", one.metric.as_str(), period(one.max)))
        .collect();
    format!("{} % of the beats of {probe} are ok with {}.", percent(slo), bounds.join(" and "))
}

/// Its objective in percent.
pub(super) fn percent(slo: &Slo) -> String {
    promql::number(100.0 * slo.objective)
}

impl Subject<'_> {
    /// The selector of its series.
    pub(super) fn selector(&self) -> String {
        let mut pairs = vec![("target", self.target)];
        pairs.extend(self.model.map(|model| ("model", model)));
        pairs.extend([("probe", &*self.judged.probe.name), ("slo", &*self.judged.slo.name)]);
        promql::selector(&pairs)
    }

    /// Its name, as objects may be named; `part` where it is of a part of it.
    pub(super) fn name(&self, part: Option<&str>) -> String {
        let parts = [
            Some(self.target),
            self.model,
            Some(&self.judged.probe.name),
            Some(&self.judged.slo.name),
            part,
        ];
        object_name(&parts.into_iter().flatten().collect::<Vec<_>>())
    }
}

/// A name for an object: small letters, digits and single dashes, at most 63 of them.
fn object_name(parts: &[&str]) -> String {
    let mut name = String::new();
    for letter in parts.join("-").chars() {
        let letter = letter.to_ascii_lowercase();
        if letter.is_ascii_alphanumeric() {
            name.push(letter);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    if name.len() > 63 {
        // What is cut off is told apart by its hash.
        let hash = name
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        name.truncate(54);
        name = format!("{}-{hash:08x}", name.trim_end_matches('-'));
    }
    name.trim_end_matches('-').to_owned()
}

/// A duration in milliseconds, or in seconds where it is whole.
fn period(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", promql::number(duration.as_secs_f64() * 1e3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_name_is_one_of_kubernetes() {
        assert_eq!(
            object_name(&["llama-prod", "meta/Llama 3.1", "b_c"]),
            "llama-prod-meta-llama-3-1-b-c"
        );
        let long = ["a".repeat(40), "b".repeat(40)];
        let name = object_name(&[&long[0], &long[1]]);
        let other = object_name(&[&long[0], &format!("{}c", long[1])]);
        assert!(name.len() <= 63 && other.len() <= 63 && name != other, "{name} {other}");
    }

    #[test]
    fn a_period_reads_as_it_was_meant() {
        assert_eq!(period(Duration::from_secs(2)), "2 s");
        assert_eq!(period(Duration::from_millis(4_500)), "4500 ms");
    }
}
