//! The form of made-up prompts.

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    expect::{ExpectSpec, Judged},
    fault::{MOST_TURNS, WorkloadError, WorkloadFault},
    length::LengthSpec,
    think::ThinkSpec,
};
use crate::workload::{Length, PrefixRole, Reuse, Synthetic, UserPrefix, Workload};

const KIND: &str = "synthetic";

/// Made-up prompts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SyntheticSpec {
    /// Length of the prompt in tokens, the prefixes included: a number, `{mean, stddev}`,
    /// `{uniform: [low, high]}`, `{lognormal: {mean, stddev}}` or `{empirical: [10, 50, 100]}`. Of
    /// a later turn the length of the new message alone. Default 64.
    pub input_tokens: LengthSpec,
    /// Length of the answer in tokens, written likewise. Default 16.
    pub output_tokens: LengthSpec,
    /// Tokens at the head of every prompt that are the same in all of them, for prefix caches.
    pub shared_prefix_tokens: u32,
    /// Whether the shared prefix is sent as a system prompt; else it is the head of the user's
    /// first message. Default false.
    pub system_prompt: bool,
    /// Tokens behind the shared prefix that are the same in all prompts of one user.
    pub user_prefix_tokens: u32,
    /// How many users there are. Default: as many as the load has, which in an open loop is one a
    /// request.
    pub users: Option<NonZeroU32>,
    /// Whether a few random words behind the prefixes keep the engine's prefix cache from answering
    /// more than these. Default true, but for a pool.
    pub cache_bust: Option<bool>,
    /// Prompts are one of so many, the same in every run: warm ones, for prefix caches.
    pub pool: Option<NonZeroU32>,
    /// Turns of a session, written like a length: each later one carries the earlier ones and their
    /// answers. Default 1.
    pub turns: LengthSpec,
    /// How long a user thinks before a later turn: a duration, or `{mean, stddev}`. Default 0s.
    pub think_time: Option<ThinkSpec>,
    /// Sampling temperature.
    #[schemars(range(min = 0, max = 2))]
    pub temperature: f64,
    /// What the answer must be.
    pub expect: ExpectSpec,
}

impl Default for SyntheticSpec {
    fn default() -> Self {
        Self {
            input_tokens: LengthSpec::Constant(64),
            output_tokens: LengthSpec::Constant(16),
            shared_prefix_tokens: 0,
            system_prompt: false,
            user_prefix_tokens: 0,
            users: None,
            cache_bust: None,
            pool: None,
            turns: LengthSpec::Constant(1),
            think_time: None,
            temperature: 0.0,
            expect: ExpectSpec::default(),
        }
    }
}

impl SyntheticSpec {
    /// The checked workload.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub(crate) fn build(&self) -> Result<Workload, Vec<WorkloadFault>> {
        let mut faults = Vec::new();
        let mut length = |key: &'static str, spec: &LengthSpec| {
            spec.build().map_err(|error| faults.push((vec![KIND, key], error))).ok()
        };
        let input_tokens = length("input_tokens", &self.input_tokens);
        let output_tokens = length("output_tokens", &self.output_tokens);
        let turns = length("turns", &self.turns);
        self.check_prefixes(input_tokens.as_ref(), &mut faults);
        self.check_turns(turns.as_ref(), &mut faults);
        let reuse = self.reuse(&mut faults);
        let most = output_tokens.as_ref().map_or(u32::MAX, Length::max);
        let expect = self
            .expect
            .build(&Judged { kind: KIND, most, temperature: self.temperature }, &mut faults);
        match (input_tokens, output_tokens, turns) {
            (Some(input_tokens), Some(output_tokens), Some(turns)) if faults.is_empty() => {
                Ok(Workload::Synthetic(Synthetic {
                    input_tokens,
                    output_tokens,
                    shared_prefix_tokens: self.shared_prefix_tokens,
                    prefix_role: match self.system_prompt {
                        true => PrefixRole::System,
                        false => PrefixRole::User,
                    },
                    user_prefix: UserPrefix { tokens: self.user_prefix_tokens, users: self.users },
                    reuse,
                    turns,
                    think: self.think_time.map(ThinkSpec::build).unwrap_or_default(),
                    temperature: self.temperature,
                    expect,
                }))
            }
            _ => Err(faults),
        }
    }

    fn check_prefixes(&self, input_tokens: Option<&Length>, faults: &mut Vec<WorkloadFault>) {
        let mut fault = |key, error| faults.push((vec![KIND, key], error));
        let (shared, own) = (self.shared_prefix_tokens, self.user_prefix_tokens);
        let shortest = input_tokens.map_or(u32::MAX, Length::fewest);
        let too_long = |which, prefix| WorkloadError::Prefix { which, prefix, input: shortest };
        if shared > shortest {
            fault("shared_prefix_tokens", too_long("shared prefix", shared));
        } else if own > shortest {
            fault("user_prefix_tokens", too_long("user prefix", own));
        } else if shared.saturating_add(own) > shortest {
            let both = shared.saturating_add(own);
            fault("user_prefix_tokens", too_long("shared and user prefix", both));
        }
        if self.system_prompt && shared == 0 {
            fault("system_prompt", WorkloadError::SystemPrompt);
        }
        if self.users.is_some() && own == 0 {
            fault("users", WorkloadError::Users);
        }
        if self.pool.is_some() && own > 0 {
            fault("pool", WorkloadError::PoolOfUser);
        }
    }

    fn check_turns(&self, turns: Option<&Length>, faults: &mut Vec<WorkloadFault>) {
        let most = turns.map_or(2, Length::max);
        if most > MOST_TURNS {
            let error = WorkloadError::Turns { most, limit: MOST_TURNS };
            faults.push((vec![KIND, "turns"], error));
        }
        if most == 1 && self.think_time.is_some() {
            faults.push((vec![KIND, "think_time"], WorkloadError::Think("`turns`")));
        }
    }

    fn reuse(&self, faults: &mut Vec<WorkloadFault>) -> Reuse {
        match (self.pool, self.cache_bust) {
            (Some(_), Some(true)) => {
                faults.push((vec![KIND, "cache_bust"], WorkloadError::PoolWithSalt));
                Reuse::Never
            }
            (Some(prompts), _) => Reuse::Pool(prompts),
            (None, Some(false)) => Reuse::Chance,
            (None, None | Some(true)) => Reuse::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::workload::Think;

    fn synthetic(spec: Value) -> Result<Workload, Vec<WorkloadFault>> {
        SyntheticSpec::deserialize(spec).expect("the form").build()
    }

    fn built(spec: Value) -> Synthetic {
        let Ok(Workload::Synthetic(built)) = synthetic(spec) else { panic!("a workload") };
        built
    }

    #[test]
    fn what_is_not_written_is_plain() {
        let built = built(json!({}));
        assert_eq!(built.input_tokens, Length::Constant(64));
        assert_eq!(built.output_tokens, Length::Constant(16));
        assert_eq!((built.turns, built.think), (Length::Constant(1), Think::default()));
        assert_eq!((built.reuse, built.prefix_role), (Reuse::Never, PrefixRole::User));
    }

    #[test]
    fn sessions_prefixes_and_pools_are_built() {
        let built = built(json!({
            "input_tokens": 300, "shared_prefix_tokens": 100, "system_prompt": true,
            "user_prefix_tokens": 50, "users": 10, "cache_bust": false,
            "turns": {"uniform": [2, 4]}, "think_time": "2s",
        }));
        assert_eq!((built.prefix_role, built.reuse), (PrefixRole::System, Reuse::Chance));
        assert_eq!(built.user_prefix, UserPrefix { tokens: 50, users: NonZeroU32::new(10) });
        assert_eq!(built.turns, Length::Uniform { low: 2, high: 4 });
        assert_eq!(built.think.mean, Duration::from_secs(2));
        let Ok(Workload::Synthetic(pool)) = synthetic(json!({"pool": 5})) else {
            panic!("a workload")
        };
        assert!(matches!(pool.reuse, Reuse::Pool(prompts) if prompts.get() == 5));
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        for (spec, places) in [
            (
                json!({
                    "input_tokens": 10, "output_tokens": {"uniform": [8, 4]},
                    "shared_prefix_tokens": 11, "expect": {"regex": "("},
                }),
                &["output_tokens", "shared_prefix_tokens", "expect.regex"][..],
            ),
            (json!({"turns": 1001, "think_time": "1s"}), &["turns"]),
            (json!({"think_time": "1s", "system_prompt": true}), &["system_prompt", "think_time"]),
            (
                json!({"pool": 3, "cache_bust": true, "user_prefix_tokens": 8}),
                &["pool", "cache_bust"],
            ),
            (json!({"users": 3}), &["users"]),
            (
                json!({"input_tokens": 20, "shared_prefix_tokens": 12, "user_prefix_tokens": 12}),
                &["user_prefix_tokens"],
            ),
            (json!({"user_prefix_tokens": 65}), &["user_prefix_tokens"]),
        ] {
            let faults = synthetic(spec).expect_err("faulty");
            let found: Vec<_> = faults.iter().map(|(path, _)| path[1..].join(".")).collect();
            assert_eq!(found, places);
            assert!(faults.iter().all(|(path, _)| path[0] == KIND));
        }
    }

    #[test]
    fn the_fewest_output_tokens_are_those_asked_for_on_purpose() {
        let fewest = |spec| synthetic(spec).expect("a workload").fewest_output_tokens();
        assert_eq!(fewest(json!({"output_tokens": 7})), 7);
        assert_eq!(fewest(json!({"output_tokens": {"uniform": [1, 9]}})), 1);
        assert_eq!(fewest(json!({"output_tokens": {"mean": 30, "stddev": 30}})), 30);
    }
}
