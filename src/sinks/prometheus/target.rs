//! `tokenbeat_target_info`: the one series that carries the user's labels.

use std::{collections::BTreeMap, sync::Arc};

use super::group::{Builder, Group, Label};
use crate::measure::catalogue::Id;

/// Labels that mean something of their own to Prometheus or to us.
const RESERVED: [&str; 7] = ["target", "model", "api", "instance", "job", "le", "quantile"];

/// The info series of a subject. The user's labels keep their names as far as Prometheus knows
/// such names: what it does not becomes `_`, and a name that is reserved or taken is led by
/// `label_`.
pub(super) fn info(
    target: &Arc<str>,
    model: &Arc<str>,
    api: &'static str,
    user: &BTreeMap<String, String>,
) -> Group {
    let mut labels: Vec<Label> = vec![
        ("target".into(), Arc::clone(target)),
        ("model".into(), Arc::clone(model)),
        ("api".into(), api.into()),
    ];
    for (name, value) in user {
        let mut name = sanitise(name);
        if RESERVED.contains(&name.as_str()) || name.starts_with("__") {
            name.insert_str(0, "label_");
        }
        while labels.iter().any(|(taken, _)| *taken == name) {
            name.insert_str(0, "label_");
        }
        labels.push((name.into(), value.as_str().into()));
    }
    let mut series = Builder::new(labels, None);
    series.gauge(Id::TargetInfo, None).set(1.0);
    series.build()
}

fn sanitise(name: &str) -> String {
    let valid = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    let mut clean: String = name.chars().map(valid).collect();
    if clean.chars().next().is_none_or(|first| first.is_ascii_digit()) {
        clean.insert(0, '_');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_names_are_made_valid() {
        for (name, clean) in [("gpu.kind", "gpu_kind"), ("8x", "_8x"), ("", "_"), ("ü", "_")] {
            assert_eq!(sanitise(name), clean);
        }
    }
}
