//! The form of a fixed prompt.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    expect::{ExpectSpec, Judged},
    fault::WorkloadFault,
};
use crate::workload::{Fixed, MOST_TOKENS, Workload};

/// One prompt.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FixedSpec {
    /// The prompt, sent as it is: it can hit the engine's prefix cache.
    #[schemars(length(min = 1))]
    pub prompt: String,
    /// Most tokens of the answer.
    #[serde(default = "max_tokens")]
    #[schemars(range(min = 1, max = MOST_TOKENS))]
    pub max_tokens: u32,
    /// Sampling temperature.
    #[serde(default)]
    #[schemars(range(min = 0, max = 2))]
    pub temperature: f64,
    /// What the answer must be.
    #[serde(default)]
    pub expect: ExpectSpec,
}

fn max_tokens() -> u32 {
    16
}

impl FixedSpec {
    /// The checked workload.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn build(&self) -> Result<Workload, Vec<WorkloadFault>> {
        let mut faults = Vec::new();
        let expect = self.expect.build(
            &Judged { kind: "fixed", most: self.max_tokens, temperature: self.temperature },
            &mut faults,
        );
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Workload::Fixed(Fixed {
            prompt: self.prompt.clone(),
            max_tokens: self.max_tokens,
            temperature: self.temperature,
            expect,
        }))
    }
}
