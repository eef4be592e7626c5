//! `global`.

use crate::config::{model::Global, problem::Problems, sections::Item, spec::GlobalSpec};

pub(super) fn check(item: Option<&Item<'_, GlobalSpec>>, problems: &mut Problems) -> Global {
    let spec = item.and_then(|item| item.spec.clone()).unwrap_or_default();
    if let Some(item) = item {
        let zero = [
            ("timeout", spec.timeout),
            ("first_token_timeout", spec.first_token_timeout.unwrap_or(spec.timeout)),
            ("idle_timeout", spec.idle_timeout),
            ("connect_timeout", spec.connect_timeout),
        ];
        let written = |key: &str| item.node.get(key).is_some();
        for (key, _) in zero.into_iter().filter(|(key, at)| at.0.is_zero() && written(key)) {
            problems.push(item.problem(&[key], format!("`{key}` must be longer than zero")));
        }
        // Only what is written can be at fault: a short timeout does not make the defaults wrong.
        for (key, period) in &zero[1..] {
            if period.0 > spec.timeout.0 && written(key) {
                let message = format!(
                    "`{key}` of {period} can never pass: an exchange ends after {}",
                    spec.timeout
                );
                problems.push(item.problem(&[key], message));
            }
        }
        if spec.max_response_bytes.0 < 1024 {
            let message = "`max_response_bytes` is too small for any answer";
            let problem = item.problem(&["max_response_bytes"], message);
            problems.push(problem.expected("at least 1KiB"));
        }
    }
    spec.into()
}

/// What holds where no configuration says otherwise.
impl Default for Global {
    fn default() -> Self {
        GlobalSpec::default().into()
    }
}

impl From<GlobalSpec> for Global {
    fn from(spec: GlobalSpec) -> Self {
        Self {
            timeout: spec.timeout.0,
            first_token_timeout: spec.first_token_timeout.map(|period| period.0),
            idle_timeout: spec.idle_timeout.0,
            connect_timeout: spec.connect_timeout.0,
            max_response_bytes: spec.max_response_bytes.0,
            external_labels: spec.external_labels,
        }
    }
}
