//! What a check found: the value that both output forms are made of.
//!
//! Owns the JSON form, whose keys are public and stable: `schema_version`, `target`, `url`, `api`,
//! `model`, `passed`, `checks` (every check, each with `name`, `status`, `detail` and `ms`),
//! `engine` (`name`, `version`, `model`, `max_model_tokens`, `evidence`), `engine_metrics` (`engine`,
//! `families`, `missing`), `numbers` (see `numbers`) and `sample`. What is not known is `null`; keys
//! and checks may be added in a minor version.

use std::time::Duration;

use serde_json::{Value, json};

use super::{engine::Recognised, engine_metrics::Metrics, numbers::Numbers, words};

/// Detail of a check that was not made because an earlier one had failed.
const NOT_TRIED: &str = "not tried";

/// Version of the JSON form.
const SCHEMA_VERSION: u32 = 1;

/// The checks, in the order in which they are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// Something answers HTTP.
    Reachable,
    /// It says that it is well.
    Health,
    /// It lists models.
    Models,
    /// The model that is asked for is among them.
    Model,
    /// The engine is recognised.
    Engine,
    /// It shows metrics of its own.
    EngineMetrics,
    /// A streamed completion came to its end.
    Completion,
    /// It had tokens.
    Tokens,
    /// It says why it stopped.
    Finish,
    /// It reports its tokens, and the report can be true.
    Usage,
    /// The model that answered is the one that was asked.
    AnsweredModel,
    /// It is as long as asked.
    Length,
    /// The text is no garbage.
    Text,
    /// The stamps are good: this client spoiled no number.
    Stamps,
}

impl Name {
    /// Every check.
    pub const ALL: [Self; 14] = [
        Self::Reachable,
        Self::Health,
        Self::Models,
        Self::Model,
        Self::Engine,
        Self::EngineMetrics,
        Self::Completion,
        Self::Tokens,
        Self::Finish,
        Self::Usage,
        Self::AnsweredModel,
        Self::Length,
        Self::Text,
        Self::Stamps,
    ];

    /// Its public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Health => "health",
            Self::Models => "models",
            Self::Model => "model",
            Self::Engine => "engine",
            Self::EngineMetrics => "engine_metrics",
            Self::Completion => "completion",
            Self::Tokens => "tokens",
            Self::Finish => "finish_reason",
            Self::Usage => "usage",
            Self::AnsweredModel => "answered_model",
            Self::Length => "length",
            Self::Text => "text",
            Self::Stamps => "stamps",
        }
    }
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// As it should be.
    Passed,
    /// Worth knowing; does not fail the target.
    Warned,
    /// Not as it should be: the target fails.
    Failed,
    /// Not made, or not known.
    Skipped,
}

impl Status {
    /// Its public name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Which.
    pub name: Name,
    /// What came of it.
    pub status: Status,
    /// The fact, in one line.
    pub detail: String,
    /// How long what it looked at took; absent where it took nothing.
    pub took: Option<Duration>,
}

impl Check {
    /// A check that took no time of its own.
    pub(super) fn new(name: Name, status: Status, detail: impl Into<String>) -> Self {
        Self { name, status, detail: detail.into(), took: None }
    }

    /// The check, with what it took.
    pub(super) fn took(self, took: Duration) -> Self {
        Self { took: Some(took), ..self }
    }
}

/// Everything that was found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The target's name.
    pub target: String,
    /// Its URL.
    pub url: String,
    /// The API that was spoken.
    pub api: &'static str,
    /// The model that was asked for.
    pub model: Option<String>,
    /// Every check, in the order of [`Name::ALL`].
    pub checks: Vec<Check>,
    /// The engine, if recognised.
    pub engine: Option<Recognised>,
    /// What its own metrics tell of, if they could be read.
    pub engine_metrics: Option<Metrics>,
    /// The numbers of the completion, if one was asked for.
    pub numbers: Option<Numbers>,
    /// The beginning of its text, control characters made visible.
    pub sample: Option<String>,
}

impl Report {
    /// Whether no check failed.
    pub fn passed(&self) -> bool {
        self.number_of(Status::Failed) == 0
    }

    /// How many checks came out as `status`.
    pub fn number_of(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// The JSON form.
    pub fn json(&self) -> Value {
        let checks: Vec<_> = self.checks.iter().map(Check::json).collect();
        let engine = self.engine.as_ref().map(|engine| {
            json!({
                "name": engine.name,
                "version": engine.version,
                "model": engine.model,
                "max_model_tokens": engine.max_model_tokens,
                "evidence": engine.evidence,
            })
        });
        json!({
            "schema_version": SCHEMA_VERSION,
            "target": self.target,
            "url": self.url,
            "api": self.api,
            "model": self.model,
            "passed": self.passed(),
            "checks": checks,
            "engine": engine,
            "engine_metrics": self.engine_metrics.as_ref().map(Metrics::json),
            "numbers": self.numbers.as_ref().map(Numbers::json),
            "sample": self.sample,
        })
    }

    /// Puts the checks in order, and the ones that were not made among them.
    pub(super) fn complete(&mut self) {
        for name in Name::ALL {
            if !self.checks.iter().any(|check| check.name == name) {
                self.checks.push(Check::new(name, Status::Skipped, NOT_TRIED));
            }
        }
        self.checks.sort_by_key(|check| check.name);
    }

    /// Passes every text that came from the server through `scrub`, whatever its way into here.
    pub(super) fn scrub(&mut self, scrub: impl Fn(String) -> String) {
        let clean = |text: &mut String| *text = scrub(std::mem::take(text));
        self.checks.iter_mut().for_each(|check| clean(&mut check.detail));
        self.model.iter_mut().chain(&mut self.sample).for_each(clean);
    }
}

impl Check {
    /// Whether it was made at all.
    pub(super) fn was_tried(&self) -> bool {
        self.detail != NOT_TRIED
    }

    fn json(&self) -> Value {
        json!({
            "name": self.name.as_str(),
            "status": self.status.as_str(),
            "detail": self.detail,
            "ms": self.took.map(words::millis),
        })
    }
}
