//! The `usage` object that the OpenAI APIs share.
//!
//! Owns its keys and the dialects of them. Where several keys say the same thing, the last one
//! counts. A count that no answer can have is taken as not reported.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use super::fold::{Fold, Object, skip};
use crate::timeline::Usage;

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
pub(super) enum UsageKey {
    PromptTokens,
    CompletionTokens,
    PromptTokensDetails,
    CompletionTokensDetails,
    /// SGLang counts reasoning beside the other tokens.
    ReasoningTokens,
    /// DeepSeek's name for the tokens found in the prefix cache.
    PromptCacheHitTokens,
    #[serde(other)]
    Other,
}

impl<'a> Fold<'a> for Usage {
    type Key = UsageKey;

    const WHAT: &'static str = "usage";

    fn field<M: MapAccess<'a>>(&mut self, key: UsageKey, map: &mut M) -> Result<(), M::Error> {
        let slot = match key {
            UsageKey::PromptTokens => &mut self.prompt_tokens,
            UsageKey::CompletionTokens => &mut self.completion_tokens,
            UsageKey::ReasoningTokens => &mut self.reasoning_tokens,
            UsageKey::PromptCacheHitTokens => &mut self.cached_tokens,
            UsageKey::PromptTokensDetails | UsageKey::CompletionTokensDetails => {
                return map.next_value_seed(Object(&mut Details(self)));
            }
            UsageKey::Other => return skip(map),
        };
        *slot = map.next_value::<Count>()?.0;
        Ok(())
    }
}

/// `prompt_tokens_details` and `completion_tokens_details`, whose keys differ.
struct Details<'u>(&'u mut Usage);

#[derive(serde::Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum DetailsKey {
    CachedTokens,
    ReasoningTokens,
    #[serde(other)]
    Other,
}

impl<'a> Fold<'a> for Details<'_> {
    type Key = DetailsKey;

    const WHAT: &'static str = "token details";

    fn field<M: MapAccess<'a>>(&mut self, key: DetailsKey, map: &mut M) -> Result<(), M::Error> {
        let slot = match key {
            DetailsKey::CachedTokens => &mut self.0.cached_tokens,
            DetailsKey::ReasoningTokens => &mut self.0.reasoning_tokens,
            DetailsKey::Other => return skip(map),
        };
        *slot = map.next_value::<Count>()?.0;
        Ok(())
    }
}

/// The most tokens that are believed. No context is near it, and counters that added up more would
/// lose what they hold: a lie of one target must not drown the truth about it.
const MOST: u64 = 10_000_000;

/// A number of tokens, or `null`. Gateways written in languages with one number type send `16.0`.
struct Count(Option<u64>);

impl<'a> Deserialize<'a> for Count {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl Visitor<'_> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tokens")
    }

    fn visit_unit<E>(self) -> Result<Count, E> {
        Ok(Count(None))
    }

    fn visit_u64<E>(self, count: u64) -> Result<Count, E> {
        Ok(Count((count <= MOST).then_some(count)))
    }

    fn visit_f64<E: Error>(self, count: f64) -> Result<Count, E> {
        if count.fract() == 0.0 && count >= 0.0 {
            // A whole number up to `MOST` is exact; what is more saturates, and is not believed.
            return self.visit_u64(count as u64);
        }
        Err(E::invalid_value(serde::de::Unexpected::Float(count), &self))
    }
}
