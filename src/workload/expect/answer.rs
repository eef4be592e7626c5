//! What a complete answer says of itself, and in what it contradicts itself.

use crate::timeline::{Finish, Usage};

/// By how many tokens two counts of one answer may differ in any case: the token that ends a text
/// is counted by some and shown by none.
const FEW: u64 = 2;

/// What a complete answer says of itself, as far as the checks look at it.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The model that was asked for.
    pub asked_model: &'a str,
    /// The model that says it answered.
    pub answered_model: Option<&'a str>,
    /// The most tokens that were asked for.
    pub max_tokens: u32,
    /// The last usage reported.
    pub usage: Option<Usage>,
    /// Number of token-bearing events.
    pub token_events: usize,
    /// Tokens of the whole text, where the model's tokenizer has counted them.
    pub counted: Option<u64>,
    /// Why the model stopped, if it says.
    pub finish: Option<Finish>,
    /// The text, if it was kept ([`needs_text`](super::Expect::needs_text)).
    pub text: Option<&'a str>,
}

impl Answer<'_> {
    /// Why another model answered. A dated snapshot of the model (`NAME-2024-08-06`) is the model
    /// itself; an answer that names none says nothing.
    pub(super) fn other_model(&self) -> Option<String> {
        let answered = self.answered_model?;
        let suffix = answered.strip_prefix(self.asked_model);
        let same = suffix.is_some_and(|suffix| suffix.is_empty() || is_date(suffix));
        (!same).then(|| format!("asked for model {:?}, got {answered:?}", self.asked_model))
    }

    /// Why the reported tokens cannot be those that were streamed. Events may each carry several
    /// tokens, so more tokens than events prove nothing; more events than tokens do, but for one
    /// (a final event of what the detokenizer had held back) or 5 %, whichever is more.
    pub(super) fn miscount(&self) -> Option<String> {
        let reported = self.usage?.completion_tokens?;
        let events = self.token_events as u64;
        let unexplained = events.saturating_sub(reported);
        if reported == 0 && events > 0 || unexplained > 1 && unexplained * 20 > events {
            Some(format!("usage reports {reported} output tokens, {events} events carried some"))
        } else if reported > u64::from(self.max_tokens) {
            let asked = self.max_tokens;
            Some(format!("usage reports {reported} output tokens, at most {asked} were asked for"))
        } else {
            self.other_count(reported)
        }
    }

    /// Why the tokenizer's count is another one. Reasoning that is reported and not shown is no
    /// part of it. A text can be made of other tokens than those that a tokenizer would take, so
    /// [`FEW`] or a tenth of them are let pass, whichever is more.
    fn other_count(&self, reported: u64) -> Option<String> {
        let counted = self.counted?;
        let hidden = self.usage.and_then(|usage| usage.reasoning_tokens).unwrap_or(0);
        let shown = reported.saturating_sub(hidden);
        let off = shown.abs_diff(counted);
        (off > FEW && off * 10 > shown.max(counted)).then(|| {
            format!("usage reports {shown} tokens of text, the model's tokenizer counts {counted}")
        })
    }

    /// Why the answer is too short, by its usage or else by its events.
    pub(super) fn short_of(&self, min: u32) -> Option<String> {
        let reported = self.usage.and_then(|usage| usage.completion_tokens);
        let tokens = reported.unwrap_or(self.token_events as u64);
        (tokens < u64::from(min))
            .then(|| format!("{tokens} output tokens, at least {min} expected"))
    }

    /// Why it should not have stopped as it did; `allowed` is not empty.
    pub(super) fn stopped_otherwise(&self, allowed: &[Finish]) -> Option<String> {
        let stopped = self.finish.map_or("for no reason told", Finish::as_str);
        let wanted: Vec<_> = allowed.iter().map(|finish| finish.as_str()).collect();
        (!self.finish.is_some_and(|finish| allowed.contains(&finish)))
            .then(|| format!("the answer ended as {stopped}, not as {}", wanted.join(" or ")))
    }
}

/// Whether `suffix` is a dash and a date of eight digits, with or without dashes between them.
fn is_date(suffix: &str) -> bool {
    suffix.strip_prefix('-').is_some_and(|date| {
        let digits = date.bytes().filter(u8::is_ascii_digit).count();
        digits == 8 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}
