//! The form of a workload of recorded prompts.

use std::{path::PathBuf, sync::Arc};

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    expect::{ExpectSpec, Judged},
    fault::{WorkloadError, WorkloadFault},
    length::LengthSpec,
    think::ThinkSpec,
};
use crate::workload::{Dataset, MOST_TOKENS, Recorded, Salted, Turns, Workload};

const KIND: &str = "dataset";

/// Recorded prompts, each as likely as the other, in the order of the seed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DatasetSpec {
    /// A file of JSON lines, at most 256 MiB. Each line has `conversations: [{from, value}]`
    /// (ShareGPT), `messages: [{role, content}]` or `prompt`, and may have `output_tokens` (the
    /// length of the answer) or `max_tokens` (its limit). A relative path is below the directory of
    /// the file that names it.
    pub file: PathBuf,
    /// Length of every answer in tokens: a number, `{mean, stddev}`, `{uniform: [low, high]}`,
    /// `{lognormal: {mean, stddev}}` or `{empirical: [10, 50, 100]}`. Default: as the line says, or
    /// at most as long as the recorded answer, or at most 256.
    pub output_tokens: Option<LengthSpec>,
    /// No answer is asked to be longer. Default: no limit beside the above.
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub max_tokens: Option<u32>,
    /// Whether every message of the user is asked, one after the other, each with the real answers
    /// to those before; else a line is one request. Default false.
    #[serde(default)]
    pub multi_turn: bool,
    /// How long a user thinks before a later turn: a duration, or `{mean, stddev}`. Default 0s.
    pub think_time: Option<ThinkSpec>,
    /// Whether a few random words before the user's first message keep the engine's prefix cache
    /// from answering it. Default true.
    #[serde(default = "cache_bust")]
    pub cache_bust: bool,
    /// Sampling temperature.
    #[serde(default)]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: f64,
    /// What the answer must be.
    #[serde(default)]
    pub expect: ExpectSpec,
}

const fn cache_bust() -> bool {
    true
}

impl DatasetSpec {
    /// The checked workload; `dataset` is what stands in its file.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn build(&self, dataset: Arc<Dataset>) -> Result<Workload, Vec<WorkloadFault>> {
        let mut faults = Vec::new();
        let output_tokens = self.output_tokens.as_ref().and_then(|spec| {
            spec.build().map_err(|error| faults.push((vec![KIND, "output_tokens"], error))).ok()
        });
        if self.think_time.is_some() && !self.multi_turn {
            let error = WorkloadError::Think("`multi_turn: true`");
            faults.push((vec![KIND, "think_time"], error));
        }
        let mut recorded = Recorded {
            output_tokens,
            max_tokens: self.max_tokens,
            turns: if self.multi_turn { Turns::All } else { Turns::One },
            salted: if self.cache_bust { Salted::Yes } else { Salted::No },
            think: self.think_time.map(ThinkSpec::build).unwrap_or_default(),
            temperature: self.temperature,
            ..Recorded::new(dataset)
        };
        recorded.expect = self.expect.build(
            &Judged {
                kind: KIND,
                most: recorded.max_output_tokens(),
                temperature: self.temperature,
            },
            &mut faults,
        );
        if faults.is_empty() { Ok(Workload::Dataset(recorded)) } else { Err(faults) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::workload::Length;

    fn build(spec: Value) -> Result<Workload, Vec<WorkloadFault>> {
        let dataset = Dataset::parse("{\"prompt\": \"p\", \"max_tokens\": 9}").expect("a dataset");
        DatasetSpec::deserialize(spec).expect("the form").build(Arc::new(dataset))
    }

    #[test]
    fn what_is_not_written_is_as_the_record_says() {
        let Ok(Workload::Dataset(built)) = build(json!({"file": "a.jsonl"})) else {
            panic!("a workload")
        };
        assert_eq!(
            (built.turns, built.salted, built.output_tokens),
            (Turns::One, Salted::Yes, None)
        );
        let spec = json!({
            "file": "a.jsonl", "multi_turn": true, "think_time": {"mean": "2s", "stddev": "500ms"},
            "cache_bust": false, "output_tokens": 20,
        });
        let Ok(Workload::Dataset(built)) = build(spec) else { panic!("a workload") };
        assert_eq!((built.turns, built.salted), (Turns::All, Salted::No));
        assert_eq!(built.think.stddev, Duration::from_millis(500));
        assert_eq!(built.output_tokens, Some(Length::Constant(20)));
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let faults = build(json!({
            "file": "a.jsonl", "output_tokens": {"uniform": [8, 4]}, "think_time": "2s",
            "expect": {"min_output_tokens": 10},
        }));
        let paths: Vec<_> =
            faults.expect_err("faulty").into_iter().map(|(path, _)| path.join(".")).collect();
        assert_eq!(
            paths,
            ["dataset.output_tokens", "dataset.think_time", "dataset.expect.min_output_tokens"]
        );
    }
}
