//! Where in their answers engines tell what an answer took them: the table of names.
//!
//! Owns every name and its unit, one row a meaning, and how little is believed: a value that is no
//! number, below zero or beyond all reason is taken as not told, and no such value ever spoils an
//! answer. A new name is a row here and nothing else. Only what has a row is ever kept of a head.

use std::{fmt, time::Duration};

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{openai_event, openai_usage};
use crate::timeline::{EngineTold, Spent};

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// A part of the time, in seconds.
    Seconds(Spent),
    /// The same in milliseconds.
    Millis(Spent),
    /// Tokens of the prompt.
    Prompt,
    /// Tokens of the prompt that were not in the prefix cache.
    Uncached,
    /// Tokens of the prompt that were.
    Cached,
    /// Tokens of the answer.
    Output,
}

use Says::{Cached, Millis, Output, Prompt, Seconds, Uncached};
use Spent::{Decode, Inference, Overhead, Prefill, Processing, Queue, Total, Validation};

/// A name and its meaning.
type Row = (&'static str, Says);

/// Headers: TGI's, of answers in one piece; OpenAI's; LiteLLM's. TGI's `x-time-per-token` says what
/// two others say already.
const HEAD: [Row; 8] = [
    ("x-queue-time", Millis(Queue)),
    ("x-inference-time", Millis(Inference)),
    ("x-validation-time", Millis(Validation)),
    ("x-total-time", Millis(Total)),
    ("x-prompt-tokens", Prompt),
    ("x-generated-tokens", Output),
    ("openai-processing-ms", Millis(Processing)),
    ("x-litellm-overhead-duration-ms", Millis(Overhead)),
];

/// llama.cpp's object `timings`, in the last event of a stream or beside an answer in one piece.
const TIMINGS: [Row; 5] = [
    ("prompt_ms", Millis(Prefill)),
    ("predicted_ms", Millis(Decode)),
    ("prompt_n", Uncached),
    ("cache_n", Cached),
    ("predicted_n", Output),
];

/// Groq's additions to `usage`.
const USAGE: [Row; 3] = [
    ("queue_time", Seconds(Queue)),
    ("prompt_time", Seconds(Prefill)),
    ("completion_time", Seconds(Decode)),
];

/// The longest time that is believed: as long as a histogram of ours goes.
const LONGEST: f64 = 3_600.0;

/// What an event tells, as it stands in its JSON: read only where somebody asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw<'a> {
    /// The object `timings`.
    pub(super) timings: Option<&'a RawValue>,
    /// Values of `usage`, by their place in the table.
    pub(super) usage: InUsage<'a>,
}

/// Values of `usage`, by their place in the table.
pub(super) type InUsage<'a> = [Option<&'a RawValue>; USAGE.len()];

impl Raw<'_> {
    /// What is told; absent if that is nothing.
    pub fn read(&self) -> Option<EngineTold> {
        if self.timings.is_none() && self.usage.iter().all(Option::is_none) {
            return None;
        }
        let mut reading = Reading::default();
        for ((_, says), raw) in USAGE.into_iter().zip(self.usage) {
            reading.take(says, raw.map_or("", RawValue::get));
        }
        if let Some(timings) = self.timings {
            let mut json = serde_json::Deserializer::from_str(timings.get());
            // Whatever else it is, it tells nothing.
            let _ = Timings(&mut reading).deserialize(&mut json);
        }
        reading.told()
    }
}

/// The place of a key of `usage` in the table, if it has one.
pub(super) fn place_in_usage(key: &str) -> Option<usize> {
    USAGE.iter().position(|(name, _)| *name == key)
}

/// What a head tells, whose headers `value` looks up by their names in lower case; absent if that
/// is nothing.
pub fn in_head<'h>(value: impl Fn(&'static str) -> Option<&'h str>) -> Option<EngineTold> {
    let mut reading = Reading::default();
    for (name, says) in HEAD {
        reading.take(says, value(name).unwrap_or_default());
    }
    reading.told()
}

/// What an answer in one piece tells, if it is one of an API or of llama.cpp's own; absent if that
/// is nothing.
pub fn in_body(body: &[u8]) -> Option<EngineTold> {
    openai_event::decode(body).ok()?.told.read()
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    told: EngineTold,
    uncached: Option<u64>,
}

impl Reading {
    /// Takes the value of a row, if it can be one.
    fn take(&mut self, says: Says, text: &str) {
        let Some(value) = text.trim().parse::<f64>().ok().filter(|value| *value >= 0.0) else {
            return;
        };
        let mut time = |of, seconds: f64| {
            if seconds <= LONGEST
                && let Ok(took) = Duration::try_from_secs_f64(seconds)
            {
                self.told.note(of, took);
            }
        };
        let count = openai_usage::believed(value);
        match says {
            Seconds(of) => time(of, value),
            Millis(of) => time(of, value / 1e3),
            Prompt => self.told.prompt_tokens = count,
            Uncached => self.uncached = count,
            Cached => self.told.cached_tokens = count,
            Output => self.told.output_tokens = count,
        }
    }

    fn told(mut self) -> Option<EngineTold> {
        // Builds that do not tell the cached tokens leave the length of the prompt open.
        let whole = self.uncached.zip(self.told.cached_tokens).map(|(one, other)| one + other);
        self.told.prompt_tokens = self.told.prompt_tokens.or(whole);
        (!self.told.is_empty()).then_some(self.told)
    }
}

/// The object `timings`, which is folded into a reading. Allocates nothing: a server may send it
/// with every token.
struct Timings<'r>(&'r mut Reading);

impl<'de> DeserializeSeed<'de> for Timings<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Timings<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object (timings)")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        while let Some(says) = map.next_key_seed(Key)? {
            match says {
                Some(says) => self.0.take(says, map.next_value::<&RawValue>()?.get()),
                None => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        Ok(())
    }
}

/// A key of `timings`.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Option<Says>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Option<Says>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(TIMINGS.iter().find(|(name, _)| *name == key).map(|(_, says)| *says))
    }
}

#[cfg(test)]
mod tests;
