//! The quick test: the checks, one after the other.

use std::{sync::Arc, time::Duration};

use super::{
    completion,
    control::{CheckError, Control},
    engine::{self, Recognised},
    engine_metrics, models, reach,
    report::{Check, Name, Report, Status},
};
use crate::{client::Limits, load::Link};

/// Longest control request. Health and lists come in milliseconds where all is well.
const CONTROL: Duration = Duration::from_secs(10);

/// What is asked of a target.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The model, if named; else the first that is listed.
    pub model: Option<String>,
    /// The prompt.
    pub prompt: String,
    /// Most tokens of the answer.
    pub max_tokens: u32,
    /// Limits of the completion; a control request has at most 10 s of them.
    pub limits: Limits,
}

/// Tests the target behind `link`. One completion and at most ten control requests are sent, and one
/// more for each configured exposition of its engine beyond the first, each with a deadline; a field
/// that the server refuses is left out and the completion repeated.
///
/// # Errors
/// If nothing can be sent at all: credentials or TLS material that cannot be read. Whatever the
/// target does is in the report.
pub async fn quick_test(link: &Arc<Link>, ask: &Ask) -> Result<Report, CheckError> {
    let target = link.target();
    let mut control = Control::new(link, ask.limits.total.min(CONTROL)).await?;
    let mut report = Report {
        target: target.name.to_string(),
        url: target.url.to_string(),
        api: target.api.as_str(),
        model: ask.model.clone(),
        checks: reach::check(&mut control).await,
        engine: None,
        engine_metrics: None,
        numbers: None,
        sample: None,
    };
    if report.passed_reachable() {
        let (checks, model) = models::check(&mut control, ask.model.as_deref()).await;
        report.checks.extend(checks);
        report.model = model;
        report.engine = engine::recognise(&mut control).await;
        report.checks.push(known(report.engine.as_ref()));
        if let Some(model) = report.model.clone()
            && let Some(completed) = completion::complete(link, ask, &model).await
        {
            report.checks.extend(completed.checks);
            report.numbers = Some(completed.numbers);
            report.sample = completed.sample;
        }
        // After the completion: some engines show a series once it has a value.
        let limit = ask.limits.total.min(CONTROL);
        let (check, metrics) = engine_metrics::check(link, report.engine.as_ref(), limit).await;
        report.checks.push(check);
        report.engine_metrics = metrics;
    }
    report.complete();
    report.scrub(|text| control.scrub(text));
    Ok(report)
}

fn known(engine: Option<&Recognised>) -> Check {
    let Some(Recognised { name, version, evidence, .. }) = engine else {
        return Check::new(Name::Engine, Status::Skipped, "not recognised");
    };
    let named = match version {
        Some(version) => format!("{name} {version} ({evidence})"),
        None => format!("{name} ({evidence})"),
    };
    Check::new(Name::Engine, Status::Passed, named)
}

impl Report {
    fn passed_reachable(&self) -> bool {
        let reachable = |check: &Check| check.name == Name::Reachable;
        self.checks.iter().any(|check| reachable(check) && check.status == Status::Passed)
    }
}
