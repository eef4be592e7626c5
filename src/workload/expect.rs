//! What an answer must be, beyond having come.

use regex::Regex;

use super::degenerate;
use crate::timeline::{Outcome, Usage};

/// Checks of an answer's content. All are opt-in: a benchmark on random weights, a gateway that
/// renames models or an engine that miscounts is measured none the less. A check that fails makes
/// an outcome of its own and never touches a latency.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// The text contains this.
    pub contains: Option<String>,
    /// The text matches this.
    pub regex: Option<Regex>,
    /// At least so many output tokens.
    pub min_output_tokens: Option<u32>,
    /// The answer names the model that was asked for.
    pub same_model: bool,
    /// The reported output tokens agree with what was streamed.
    pub consistent_usage: bool,
    /// The text is not degenerate.
    pub no_garbage: bool,
}

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
    /// The text, if it was kept ([`Expect::needs_text`]).
    pub text: Option<&'a str>,
}

impl Expect {
    /// Anything will do.
    pub(super) const NOTHING: Self = Self {
        contains: None,
        regex: None,
        min_output_tokens: None,
        same_model: false,
        consistent_usage: false,
        no_garbage: false,
    };

    /// Whether the text of the answer has to be kept to judge it.
    pub fn needs_text(&self) -> bool {
        self.contains.is_some() || self.regex.is_some() || self.no_garbage
    }

    /// The first expectation, in the order of [`Outcome`], that the answer does not meet, with one
    /// line for a person. The line never quotes the answer's text.
    pub fn check(&self, answer: &Answer<'_>) -> Option<(Outcome, String)> {
        let text = answer.text.unwrap_or_default();
        let checks = [
            (Outcome::ModelMismatch, self.same_model.then(|| answer.other_model()).flatten()),
            (Outcome::UsageMismatch, self.consistent_usage.then(|| answer.miscount()).flatten()),
            (Outcome::LengthMismatch, self.min_output_tokens.and_then(|min| answer.short_of(min))),
            (Outcome::Garbage, self.no_garbage.then(|| degenerate::why(text)).flatten()),
            (Outcome::ContentMismatch, self.unexpected(text)),
        ];
        checks.into_iter().find_map(|(outcome, why)| Some((outcome, why?)))
    }

    /// Why the text is not what is expected.
    fn unexpected(&self, text: &str) -> Option<String> {
        if let Some(wanted) = self.contains.as_ref().filter(|wanted| !text.contains(*wanted)) {
            return Some(format!("the answer does not contain {wanted:?}"));
        }
        let regex = self.regex.as_ref().filter(|regex| !regex.is_match(text))?;
        Some(format!("the answer does not match {:?}", regex.as_str()))
    }
}

impl Answer<'_> {
    /// Why another model answered. A dated snapshot of the model (`NAME-2024-08-06`) is the model
    /// itself; an answer that names none says nothing.
    fn other_model(&self) -> Option<String> {
        let answered = self.answered_model?;
        let suffix = answered.strip_prefix(self.asked_model);
        let same = suffix.is_some_and(|suffix| suffix.is_empty() || is_date(suffix));
        (!same).then(|| format!("asked for model {:?}, got {answered:?}", self.asked_model))
    }

    /// Why the reported tokens cannot be those that were streamed. Events may each carry several
    /// tokens, so more tokens than events prove nothing; more events than tokens do, but for one
    /// (a final event of what the detokenizer had held back) or 5 %, whichever is more.
    fn miscount(&self) -> Option<String> {
        let reported = self.usage?.completion_tokens?;
        let events = self.token_events as u64;
        let unexplained = events.saturating_sub(reported);
        if reported == 0 && events > 0 || unexplained > 1 && unexplained * 20 > events {
            Some(format!("usage reports {reported} output tokens, {events} events carried some"))
        } else if reported > u64::from(self.max_tokens) {
            let asked = self.max_tokens;
            Some(format!("usage reports {reported} output tokens, at most {asked} were asked for"))
        } else {
            None
        }
    }

    /// Why the answer is too short, by its usage or else by its events.
    fn short_of(&self, min: u32) -> Option<String> {
        let reported = self.usage.and_then(|usage| usage.completion_tokens);
        let tokens = reported.unwrap_or(self.token_events as u64);
        (tokens < u64::from(min))
            .then(|| format!("{tokens} output tokens, at least {min} expected"))
    }
}

/// Whether `suffix` is a dash and a date of eight digits, with or without dashes between them.
fn is_date(suffix: &str) -> bool {
    suffix.strip_prefix('-').is_some_and(|date| {
        let digits = date.bytes().filter(u8::is_ascii_digit).count();
        digits == 8 && date.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Expect {
        Expect {
            contains: Some("Paris".into()),
            regex: Some(Regex::new("(?i)city").expect("valid")),
            min_output_tokens: Some(4),
            same_model: true,
            consistent_usage: true,
            no_garbage: true,
        }
    }

    fn answer() -> Answer<'static> {
        Answer {
            asked_model: "llama",
            answered_model: Some("llama"),
            max_tokens: 16,
            usage: usage(8),
            token_events: 8,
            text: Some("Paris is a city."),
        }
    }

    fn usage(tokens: u64) -> Option<Usage> {
        Some(Usage { completion_tokens: Some(tokens), ..Usage::default() })
    }

    fn outcome(expect: &Expect, answer: &Answer<'_>) -> Option<Outcome> {
        expect.check(answer).map(|(outcome, _)| outcome)
    }

    #[test]
    fn an_answer_as_expected_passes() {
        assert_eq!(everything().check(&answer()), None);
    }

    #[test]
    fn each_check_has_its_outcome() {
        use Outcome::{ContentMismatch, Garbage, LengthMismatch, ModelMismatch, UsageMismatch};
        let repeated = " the".repeat(30);
        for (wrong, expected) in [
            (Answer { answered_model: Some("phi"), ..answer() }, ModelMismatch),
            (Answer { usage: usage(0), ..answer() }, UsageMismatch),
            (Answer { usage: usage(17), ..answer() }, UsageMismatch),
            (Answer { usage: usage(6), ..answer() }, UsageMismatch),
            (Answer { usage: usage(3), token_events: 3, ..answer() }, LengthMismatch),
            (Answer { usage: None, token_events: 3, ..answer() }, LengthMismatch),
            (Answer { text: Some(&repeated), ..answer() }, Garbage),
            (Answer { text: Some("Rome is a city."), ..answer() }, ContentMismatch),
            (Answer { text: Some("Paris is a town."), ..answer() }, ContentMismatch),
            (Answer { text: None, ..answer() }, ContentMismatch),
        ] {
            assert_eq!(outcome(&everything(), &wrong), Some(expected), "{wrong:?}");
            assert_eq!(outcome(&Expect::default(), &wrong), None, "checks are opt-in");
        }
    }

    #[test]
    fn of_several_the_first_by_precedence_is_told() {
        let wrong = Answer { answered_model: Some("phi"), usage: usage(0), text: None, ..answer() };
        assert_eq!(outcome(&everything(), &wrong), Some(Outcome::ModelMismatch));
        let wrong = Answer { usage: usage(0), text: None, ..answer() };
        assert_eq!(outcome(&everything(), &wrong), Some(Outcome::UsageMismatch));
    }

    #[test]
    fn names_of_one_model() {
        let expect = Expect { same_model: true, ..Expect::default() };
        for (answered, same) in [
            (None, true),
            (Some("llama"), true),
            (Some("llama-2024-08-06"), true),
            (Some("llama-20240806"), true),
            (Some("llama-2"), false),
            (Some("llama-70b-20240806"), false),
            (Some("org/llama"), false),
            (Some(""), false),
        ] {
            let answer = Answer { answered_model: answered, ..answer() };
            assert_eq!(expect.check(&answer).is_none(), same, "{answered:?}");
        }
    }

    #[test]
    fn counts_that_a_tokenization_can_explain() {
        let expect = Expect { consistent_usage: true, ..Expect::default() };
        for (reported, events, consistent) in [
            (16, 4, true),
            (15, 16, true),
            (14, 16, false),
            (96, 100, true),
            (95, 100, true),
            (94, 100, false),
            (0, 0, true),
            (0, 1, false),
        ] {
            let answer = Answer {
                max_tokens: 100,
                usage: usage(reported),
                token_events: events,
                ..answer()
            };
            assert_eq!(expect.check(&answer).is_none(), consistent, "{reported} of {events}");
        }
        let silent = Answer { usage: Some(Usage::default()), ..answer() };
        assert_eq!(expect.check(&silent), None);
    }

    #[test]
    fn a_detail_does_not_quote_the_text() {
        let secret = Answer { text: Some("hunter2"), ..answer() };
        let (_, detail) = everything().check(&secret).expect("it does not contain Paris");
        assert!(!detail.contains("hunter2"), "{detail}");
    }
}
