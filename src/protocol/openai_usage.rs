//! The `usage` object that the OpenAI APIs share.
//!
//! Owns its keys of counts and the dialects of them. Where several keys say the same thing, the last
//! one counts. A count that no answer can have is taken as not reported. Times that stand among the
//! counts have their names in `told`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

use serde_json::value::RawValue;

use super::{
    fold::{Fold, Object, skip},
    told::{self, InUsage},
};
use crate::timeline::Usage;

/// A key of `usage`.
pub(super) enum UsageKey {
    Prompt,
    Completion,
    Details,
    Reasoning,
    Cached,
    /// A value of the table in `told`, at this place.
    Told(usize),
    Other,
}

impl<'a> Deserialize<'a> for UsageKey {
    fn deserialize<D: Deserializer<'a>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

struct KeyVisitor;

impl Visitor<'_> for KeyVisitor {
    type Value = UsageKey;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key of usage")
    }

    fn visit_str<E>(self, key: &str) -> Result<UsageKey, E> {
        Ok(match key {
            "prompt_tokens" => UsageKey::Prompt,
            "completion_tokens" => UsageKey::Completion,
            "prompt_tokens_details" | "completion_tokens_details" => UsageKey::Details,
            // SGLang counts reasoning beside the other tokens.
            "reasoning_tokens" => UsageKey::Reasoning,
            // DeepSeek's name for the tokens found in the prefix cache.
            "prompt_cache_hit_tokens" => UsageKey::Cached,
            other => told::place_in_usage(other).map_or(UsageKey::Other, UsageKey::Told),
        })
    }
}

/// `usage`: the counts, and what else the engine tells among them.
pub(super) struct Counted<'u, 'a> {
    pub(super) usage: &'u mut Usage,
    pub(super) told: &'u mut InUsage<'a>,
}

impl<'a> Fold<'a> for Counted<'_, 'a> {
    type Key = UsageKey;

    const WHAT: &'static str = "usage";

    fn field<M: MapAccess<'a>>(&mut self, key: UsageKey, map: &mut M) -> Result<(), M::Error> {
        let slot = match key {
            UsageKey::Prompt => &mut self.usage.prompt_tokens,
            UsageKey::Completion => &mut self.usage.completion_tokens,
            UsageKey::Reasoning => &mut self.usage.reasoning_tokens,
            UsageKey::Cached => &mut self.usage.cached_tokens,
            UsageKey::Details => return map.next_value_seed(Object(&mut Details(self.usage))),
            UsageKey::Told(place) => {
                let raw = map.next_value::<&'a RawValue>()?;
                if let Some(slot) = self.told.get_mut(place) {
                    *slot = Some(raw);
                }
                return Ok(());
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

/// `value` as a number of tokens, if it can be one.
pub(super) fn believed(value: f64) -> Option<u64> {
    // A whole number up to `MOST` is exact; what is more saturates, and is not believed.
    (value.fract() == 0.0 && value >= 0.0).then_some(value as u64).filter(|count| *count <= MOST)
}

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
            return Ok(Count(believed(count)));
        }
        Err(E::invalid_value(serde::de::Unexpected::Float(count), &self))
    }
}
