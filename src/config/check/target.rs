//! `targets`.

use std::{collections::BTreeSet, sync::Arc};

use super::{Coverage, Known, headers, telemetry, tls, url};
use crate::config::{
    model::{Budget, Models, Retry, Target},
    problem::{Problem, Problems},
    sections::Item,
    spec::{BackoffSpec, ModelsSpec, TargetSpec},
};

/// The targets, by name and in the order of the files.
pub(super) struct Targets {
    pub(super) known: Known<Target>,
    pub(super) in_order: Vec<Arc<Target>>,
}

pub(super) fn check(
    items: &[Item<'_, TargetSpec>],
    coverage: Coverage,
    problems: &mut Problems,
) -> Targets {
    let mut targets = Targets { known: Known::new(coverage), in_order: Vec::new() };
    for item in items {
        let target = item.spec.as_ref().and_then(|spec| target(item, spec, problems)).map(Arc::new);
        targets.in_order.extend(target.clone());
        targets.known.add(item, "target", target, problems);
    }
    targets
}

fn target(
    item: &Item<'_, TargetSpec>,
    spec: &TargetSpec,
    problems: &mut Problems,
) -> Option<Target> {
    let folder = item.folder();
    let url = url::target(&spec.url)
        .map_err(|error| problems.push(item.problem(&["url"], error.to_string())))
        .ok();
    let proxy_url = spec.proxy_url.as_ref().and_then(|proxy| {
        url::proxy(proxy)
            .map_err(|error| problems.push(item.problem(&["proxy_url"], error.to_string())))
            .ok()
    });
    let engine_metrics = (spec.engine_metrics.as_ref())
        .and_then(|spec| telemetry::engine(item, spec, folder, problems));
    let gpu = spec.gpu.as_ref().and_then(|spec| telemetry::gpu(item, spec, folder, problems));
    let authorization = spec
        .authorization
        .as_ref()
        .and_then(|spec| headers::authorization(item, &[], spec, folder, problems));
    Some(Target {
        name: spec.name.as_str().into(),
        url: url?,
        api: spec.api,
        models: models(item, spec, problems),
        authorization,
        http_headers: headers::of_target(item, spec, problems),
        tls: tls::check(item, &[], &spec.url, &spec.tls_config, problems),
        proxy_url,
        retry: spec.retry.map(|retry| Retry {
            attempts: retry.attempts,
            delay: retry.delay.0,
            exponential: retry.backoff == BackoffSpec::Exponential,
        }),
        labels: spec.labels.clone(),
        cost_per_hour: spec.cost_per_hour,
        budget: Budget {
            requests_per_hour: spec.budget.requests_per_hour,
            output_tokens_per_hour: spec.budget.output_tokens_per_hour,
        },
        exclusive_group: spec.exclusive_group.as_deref().map(Into::into),
        engine_metrics,
        gpu,
        tokenizer: spec.tokenizer.as_ref().map(|tokenizer| folder.join(&tokenizer.file)),
    })
}

fn models(item: &Item<'_, TargetSpec>, spec: &TargetSpec, problems: &mut Problems) -> Models {
    match &spec.models {
        ModelsSpec::All(_) => Models::All { limit: spec.models_limit as usize },
        ModelsSpec::List(names) => {
            if item.node.get("models_limit").is_some() {
                let message = "`models_limit` means something with `models: all` only";
                problems.push(item.problem(&["models_limit"], message));
            }
            let mut seen = BTreeSet::new();
            let nodes = item.node.get("models").map_or(&[][..], |models| models.node.items());
            for (name, node) in names.iter().zip(nodes) {
                if !seen.insert(name) {
                    let message = format!("the model `{name}` stands here twice");
                    problems.push(Problem::at(&item.file.source, node.span, message));
                }
            }
            Models::List(names.iter().map(|name| name.as_str().into()).collect())
        }
    }
}
