//! `telemetry.otlp`.

use std::time::Duration;

use super::{headers, tls, url};
use crate::config::{
    model::{Otlp, OtlpProtocol, OtlpTraces},
    problem::Problems,
    sections::Item,
    spec::{OtlpSpec, TelemetrySpec},
};

/// The shortest interval: below it, an export would find the one before under way.
const SHORTEST: Duration = Duration::from_secs(1);

/// The settings; absent without the section, or where it has no endpoint to go to.
pub(super) fn check(
    item: Option<&Item<'_, TelemetrySpec>>,
    problems: &mut Problems,
) -> Option<Otlp> {
    let item = item?;
    let spec = item.spec.as_ref()?.otlp.as_ref()?;
    times(item, spec, problems);
    let endpoint = url::collector(&spec.endpoint, spec.protocol)
        .map_err(|error| problems.push(item.problem(&["otlp", "endpoint"], error.to_string())))
        .ok();
    let headers = headers::check(item, &["otlp", "headers"], &spec.headers, problems);
    let tls = tls::check(item, &["otlp"], &spec.endpoint, &spec.tls_config, problems);
    if spec.protocol == OtlpProtocol::Grpc {
        let reserved = |name: &str| name.starts_with("grpc-") || name.ends_with("-bin");
        for name in spec.headers.keys().filter(|name| reserved(&name.to_ascii_lowercase())) {
            let message = "gRPC keeps names with `grpc-` and `-bin` for itself";
            problems.push(item.problem(&["otlp", "headers", name], message));
        }
    }
    Some(Otlp {
        endpoint: endpoint?,
        protocol: spec.protocol,
        interval: spec.interval.0,
        timeout: spec.timeout.0,
        headers,
        tls,
        compression: spec.compression,
        resource: spec.resource.clone(),
        semconv: spec.semconv,
        traces: spec.traces.map(|traces| OtlpTraces { sample: traces.sample.0 }),
    })
}

fn times(item: &Item<'_, TelemetrySpec>, spec: &OtlpSpec, problems: &mut Problems) {
    if spec.interval.0 < SHORTEST {
        let problem = item.problem(&["otlp", "interval"], "`interval` is too short");
        problems.push(problem.expected("at least 1s"));
    }
    if spec.timeout.0.is_zero() {
        let message = "`timeout` must be longer than zero";
        problems.push(item.problem(&["otlp", "timeout"], message));
    }
}
