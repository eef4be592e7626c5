//! The plan of one completion, and how a fault bends it.
//!
//! Owns the decisions made before the first token: how many, which words, what ends it. Must not
//! know sockets.

use std::time::Duration;

use rand::RngExt as _;
use rand_pcg::Pcg64Mcg;

use super::ask::{Api, Ask, UsageAsked};
use super::fault::{FaultOrder, Strike, Twist};
use super::metrics::Finish;
use super::misbehave::LONGEST_FAULT;
use super::spec::{SimSpec, UsagePolicy};
use super::text::Words;

/// Tokens that go out before a strike, if the fault does not say.
const BEFORE_STRIKE: u32 = 3;

/// What becomes of the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Keep,
    Close,
    Reset,
    CloseOnReuse,
}

/// How lines of the stream end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnd {
    Lf,
    CrLf,
}

/// When usage is told in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsageTold {
    No,
    AtEnd,
    /// In each event, and at the end.
    Each,
}

/// Small oddities of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    None,
    /// `data: null` before each event.
    NullEvents,
    /// No `[DONE]`.
    NoDone,
    /// The first two events with tokens go out in one write, when the second is due.
    Coalesced,
}

/// Fewest tokens of a model that is caught in a loop: it does not come to an end.
const LOOPED: u32 = 64;

/// The plan.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) api: Api,
    /// The model that the answer names.
    pub(super) model: String,
    pub(super) words: Words,
    pub(super) tokens: u32,
    /// Of `tokens`, those at the start that are reasoning.
    pub(super) reasoning: u32,
    pub(super) finish: Finish,
    pub(super) usage: UsageTold,
    /// Completion tokens that usage claims without their having been sent.
    pub(super) usage_surplus: u32,
    pub(super) strike: Option<(u32, Strike)>,
    /// A fixed gap in place of the drawn ones.
    pub(super) gap: Option<Duration>,
    pub(super) head_delay: Duration,
    /// The token before which it is put back, if it is.
    pub(super) preempted_at: Option<u32>,
    pub(super) line_end: LineEnd,
    pub(super) oddity: Oddity,
    pub(super) after: After,
}

impl Shape {
    /// The plan of a healthy answer to `ask`.
    pub(super) fn healthy(api: Api, ask: &Ask, spec: &SimSpec, rng: &mut Pcg64Mcg) -> Self {
        let words = Words::of(spec.reply.as_deref());
        let natural = match (words.count(), spec.mean_output_tokens) {
            _ if ask.ignore_eos => u32::MAX,
            (Some(count), _) => count.max(ask.min_tokens),
            (None, Some(mean)) => natural_length(mean, rng).max(ask.min_tokens),
            (None, None) => u32::MAX,
        };
        let tokens = natural.min(ask.limit);
        let usage = match (spec.usage, ask.usage) {
            (UsagePolicy::Never, _) | (UsagePolicy::Asked, UsageAsked::No) => UsageTold::No,
            (UsagePolicy::Continuous, _) | (_, UsageAsked::Continuous) => UsageTold::Each,
            (UsagePolicy::Always, _) | (_, UsageAsked::AtEnd) => UsageTold::AtEnd,
        };
        Self {
            api,
            model: spec.answered_model.clone().unwrap_or_else(|| spec.models[ask.model].clone()),
            words,
            tokens,
            reasoning: match api {
                Api::Chat => spec.reasoning_tokens.min(tokens),
                Api::Completions => 0,
            },
            finish: if natural < ask.limit { Finish::Stop } else { Finish::Length },
            usage,
            usage_surplus: 0,
            strike: None,
            gap: None,
            head_delay: Duration::ZERO,
            // Nothing is drawn where nothing is asked, so that other draws stay what they were.
            preempted_at: (spec.preempt_ratio > 0.0 && rng.random::<f64>() < spec.preempt_ratio)
                .then_some(tokens / 2),
            line_end: LineEnd::Lf,
            oddity: Oddity::None,
            after: After::Keep,
        }
    }

    /// Bends the plan.
    pub(super) fn twist(&mut self, twist: Twist, order: FaultOrder) {
        let millis = |default| {
            let ms = Duration::from_millis(u64::from(order.parameter.unwrap_or(default)));
            ms.clamp(Duration::from_millis(1), LONGEST_FAULT)
        };
        match twist {
            Twist::Strike(strike) => {
                self.strike = Some((order.parameter.unwrap_or(BEFORE_STRIKE), strike));
            }
            Twist::LateHead => self.head_delay = millis(1_000),
            Twist::Drip => {
                let gap = millis(500);
                self.gap = Some(gap);
                let fit = LONGEST_FAULT.as_millis() / gap.as_millis().max(1);
                self.tokens = u32::try_from(fit).unwrap_or(u32::MAX).max(2);
            }
            Twist::OtherModel => self.model = format!("not-{}", self.model),
            Twist::FalseUsage => {
                self.usage_surplus = self.tokens.saturating_add(5);
                self.usage = UsageTold::AtEnd;
            }
            Twist::Short => {
                self.tokens = (self.tokens / 2).max(1);
                self.finish = Finish::Stop;
            }
            Twist::Long => self.tokens = self.tokens.saturating_add(5),
            Twist::OneWord => self.words = Words::Same,
            Twist::OneSentence => {
                self.words = Words::Looped;
                self.tokens = self.tokens.max(LOOPED);
            }
            Twist::ReplacementCharacters => self.words = Words::Replacement,
            Twist::NullEvents => self.oddity = Oddity::NullEvents,
            Twist::CrLf => self.line_end = LineEnd::CrLf,
            Twist::Coalesced => self.oddity = Oddity::Coalesced,
            Twist::NoDone => self.oddity = Oddity::NoDone,
            Twist::CloseAfter => self.after = After::Close,
            Twist::CloseOnReuse => self.after = After::CloseOnReuse,
        }
        self.reasoning = self.reasoning.min(self.tokens);
    }
}

/// A length with the given mean, memoryless as the end of a text is to its reader, at least 1.
fn natural_length(mean: f64, rng: &mut Pcg64Mcg) -> u32 {
    if mean <= 1.0 {
        return 1;
    }
    // Inverse of the geometric distribution on 1, 2, 3, …
    let u: f64 = rng.random();
    let length = ((1.0 - u).ln() / (1.0 - 1.0 / mean).ln()).ceil().clamp(1.0, f64::from(u32::MAX));
    length as u32
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn natural_lengths_have_their_mean() {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let total: u64 = (0..20_000).map(|_| u64::from(natural_length(40.0, &mut rng))).sum();
        let mean = total as f64 / 20_000.0;
        assert!((mean - 40.0).abs() < 1.5, "{mean}");
    }

    #[test]
    fn min_tokens_and_ignore_eos_hold_off_the_natural_end() {
        let spec = SimSpec { mean_output_tokens: Some(2.0), ..SimSpec::default() };
        for (extra, least) in [("\"min_tokens\": 20", 20), ("\"ignore_eos\": true", 30)] {
            let body = format!("{{\"prompt\": \"x\", \"max_tokens\": 30, {extra}}}");
            let ask = Ask::read(Api::Completions, body.as_bytes(), &spec);
            let ask = ask.unwrap_or_else(|refusal| panic!("refused: {}", refusal.status));
            for seed in 0..50 {
                let mut rng = Pcg64Mcg::seed_from_u64(seed);
                let shape = Shape::healthy(Api::Completions, &ask, &spec, &mut rng);
                assert!((least..=30).contains(&shape.tokens), "{shape:?}");
            }
        }
    }
}
