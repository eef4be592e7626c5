//! What a server's own counts say of how many tokens our words make.

use std::collections::VecDeque;

use super::Sizing;

/// Prompts that are remembered: enough for a steady ratio, few enough to follow a new model.
const REMEMBERED: usize = 64;

/// Tokens a word before anything is known; see [`Sizing::default`].
const USUAL_RATIO: f64 = 1.0;

/// How far the ratio may lie from the usual one, as a standard deviation.
const RATIO_SPREAD: f64 = 0.5;

/// How many tokens a server may add to every prompt (a chat template, a hidden system prompt), as
/// a standard deviation around none.
const FIXED_SPREAD: f64 = 100.0;

/// Variance of the tokens of one word around the ratio. Counts of longer prompts spread more: in
/// proportion to their words.
const WORD_VARIANCE: f64 = 0.05;

/// Rounds of re-weighting. The weights settle in a few.
const ROUNDS: usize = 8;

/// The line is drawn anew when one in so many of the remembered prompts is new to it: each of the
/// first ones, later every sixteenth. Learning then costs next to nothing at any rate. A prompt of
/// a length that none had before does not wait for that.
const ONE_IN: usize = 4;

/// A count so many typical deviations away from the line begins to lose weight.
const TYPICAL: f64 = 2.0;

/// No deviation below so many tokens is held against a count.
const HARMLESS: f64 = 1.0;

/// No vocabulary splits one of our short words, its space included, into more tokens than this, its
/// bytes.
const MOST_RATIO: f64 = 12.0;

/// No vocabulary has one token for more than two of our words in the mean. A server that reports
/// fewer means something else, and must not make prompts ever longer.
const LEAST_RATIO: f64 = 0.5;

/// Most tokens that a server is believed to add to every prompt.
const MOST_ADDED: f64 = 100_000.0;

/// Prompts whose lengths differ by no more than this share have one length here: an error of the
/// slope, which is smaller than the slope itself, is then a few per cent of the prompt at most.
const NEAR: f64 = 0.1;

/// Learns the line `tokens = fixed + tokens_per_word × words` from what a server reports.
///
/// Weighted least squares over the last prompts, pulled towards the usual ratio while little is
/// known, so that prompts of one length, which cannot tell the slope from the intercept, give a
/// line that is right at that length. A count that lies far from the others (a gateway's guess, a
/// cached answer) loses its weight, so a few wrong ones move the line little.
#[derive(Clone, Debug, Default)]
pub struct Calibrator {
    seen: VecDeque<(f64, f64)>,
    line: Option<Line>,
    /// Prompts since the line was drawn.
    new: usize,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    fixed: f64,
    slope: f64,
}

impl Calibrator {
    /// Learns that a prompt of `words` ([`super::RequestPlan::words`]) had `prompt_tokens` tokens.
    /// Nothing is learnt from a prompt without words of ours, or from a count that cannot be.
    pub fn observe(&mut self, words: u32, prompt_tokens: u64) {
        let (x, y) = (f64::from(words), prompt_tokens as f64);
        if words == 0 || y < LEAST_RATIO * x || y > MOST_ADDED + MOST_RATIO * x {
            return;
        }
        let strange = !self.knows(words);
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back((x, y));
        self.new += 1;
        if strange || self.new * ONE_IN >= self.seen.len() {
            self.line = Some(self.fit());
            self.new = 0;
        }
    }

    /// How the next prompts are sized. Whoever needs prompts that stay the same keeps the value.
    pub fn sizing(&self) -> Sizing {
        self.line.map_or_else(Sizing::default, |Line { fixed, slope }| Sizing::Ratio {
            fixed,
            tokens_per_word: slope,
        })
    }

    /// Whether a prompt of about so many words was observed: the line is right there, however far
    /// from the usual one it is.
    pub fn knows(&self, words: u32) -> bool {
        let words = f64::from(words);
        self.seen.iter().any(|(x, _)| (x - words).abs() <= NEAR * words)
    }

    /// Tokens that the server adds to every prompt, where the words observed are tokens that a
    /// tokenizer counted: the median of the differences, never less than none.
    pub fn added(&self) -> u32 {
        let mut added: Vec<f64> = self.seen.iter().map(|(x, y)| y - x).collect();
        added.sort_by(f64::total_cmp);
        added.get(added.len() / 2).map_or(0, |added| added.max(0.0) as u32)
    }

    /// Huber's M-estimate, by re-weighting from the usual line onwards.
    fn fit(&self) -> Line {
        let mut line = Line { fixed: 0.0, slope: USUAL_RATIO };
        for _ in 0..ROUNDS {
            let scale = TYPICAL * self.typical(line).max(HARMLESS);
            line = self.weighted(|x, y| {
                let deviation = line.deviation(x, y);
                if deviation <= scale { 1.0 } else { scale / deviation }
            });
        }
        line
    }

    /// The median deviation.
    fn typical(&self, line: Line) -> f64 {
        let mut deviations: Vec<f64> =
            self.seen.iter().map(|(x, y)| line.deviation(*x, *y)).collect();
        deviations.sort_by(f64::total_cmp);
        deviations.get(deviations.len() / 2).copied().unwrap_or(0.0)
    }

    /// Least squares with the prior, each count weighted by `trust` and by one over its variance.
    fn weighted(&self, trust: impl Fn(f64, f64) -> f64) -> Line {
        // The prior is one count of the slope and one of the intercept.
        let (mut n, mut sx, mut sxx) = (FIXED_SPREAD.powi(-2), 0.0, RATIO_SPREAD.powi(-2));
        let (mut sy, mut sxy) = (0.0, USUAL_RATIO * sxx);
        for (x, y) in &self.seen {
            let weight = trust(*x, *y) / (WORD_VARIANCE * x);
            n += weight;
            sx += weight * x;
            sxx += weight * x * x;
            sy += weight * y;
            sxy += weight * x * y;
        }
        // The prior keeps the determinant above zero.
        let determinant = n * sxx - sx * sx;
        let slope = (n * sxy - sx * sy) / determinant;
        let fixed = (sy - slope * sx) / n;
        // A server adds to a prompt and takes nothing away.
        if fixed < 0.0 {
            return Line { fixed: 0.0, slope: (sxy / sxx).clamp(LEAST_RATIO, MOST_RATIO) };
        }
        Line { fixed, slope: slope.clamp(LEAST_RATIO, MOST_RATIO) }
    }
}

impl Line {
    fn deviation(self, x: f64, y: f64) -> f64 {
        (y - self.fixed - self.slope * x).abs()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(calibrator: &Calibrator) -> (f64, f64) {
        match calibrator.sizing() {
            Sizing::Ratio { fixed, tokens_per_word } => (fixed, tokens_per_word),
            Sizing::Exact { .. } => panic!("a ratio is learnt"),
        }
    }

    #[test]
    fn nothing_known_is_a_token_a_word() {
        assert_eq!(line(&Calibrator::default()), (0.0, 1.0));
    }

    #[test]
    fn one_prompt_is_enough_for_prompts_like_it() {
        let mut calibrator = Calibrator::default();
        calibrator.observe(200, 236);
        let (fixed, slope) = line(&calibrator);
        let tokens = fixed + slope * 200.0;
        assert!((tokens - 236.0).abs() < 1.0, "{tokens}");
    }

    #[test]
    fn what_cannot_be_is_not_learnt_from() {
        let mut calibrator = Calibrator::default();
        for (words, tokens) in [(0, 40), (100, 0), (100, 1), (100, u64::MAX)] {
            calibrator.observe(words, tokens);
        }
        assert_eq!(line(&calibrator), (0.0, 1.0));
    }

    #[test]
    fn a_few_wild_counts_move_little() {
        let mut calibrator = Calibrator::default();
        for step in 0..60_u32 {
            let words = 100 + step * 10;
            let wild = step % 10 == 3;
            let tokens = if wild { 5 * u64::from(words) } else { u64::from(words) + 30 };
            calibrator.observe(words, tokens);
        }
        let (fixed, slope) = line(&calibrator);
        let tokens = fixed + slope * 400.0;
        assert!((tokens - 430.0).abs() < 0.03 * 430.0, "{tokens}: {fixed} + {slope} x");
    }

    #[test]
    fn what_lies_far_from_every_prompt_is_not_known() {
        let mut calibrator = Calibrator::default();
        assert!(!calibrator.knows(200) && !calibrator.knows(0));
        calibrator.observe(200, 236);
        for (words, known) in [(200, true), (185, true), (220, true), (170, false), (2000, false)] {
            assert_eq!(calibrator.knows(words), known, "{words}");
        }
        // What cannot be teaches nothing.
        calibrator.observe(1000, 1);
        assert!(!calibrator.knows(1000));
    }

    #[test]
    fn a_single_long_prompt_is_believed_beside_many_short_ones() {
        // The beats of a day, and then one prompt of a run.
        let tokens = |words: u32| (31.0 + 1.18 * f64::from(words)).round() as u64;
        for beats in [5, 22, 63, 64, 70_u32] {
            let mut calibrator = Calibrator::default();
            for beat in 0..beats {
                let words = 48 + beat % 5;
                calibrator.observe(words, tokens(words) + u64::from(beat % 3));
            }
            calibrator.observe(2000, tokens(2000));
            let (fixed, slope) = line(&calibrator);
            for words in [50, 1000, 2000] {
                let (learnt, right) = (fixed + slope * f64::from(words), tokens(words) as f64);
                assert!((learnt - right).abs() <= 0.03 * right, "{beats}: {learnt} for {right}");
            }
        }
    }

    #[test]
    fn a_new_model_is_followed() {
        let mut calibrator = Calibrator::default();
        for words in 100..200 {
            calibrator.observe(words, u64::from(words));
        }
        // Until the old ones are forgotten and the line is drawn again.
        for words in 100..100 + (REMEMBERED + REMEMBERED / ONE_IN) as u32 {
            calibrator.observe(words, 2 * u64::from(words));
        }
        let (fixed, slope) = line(&calibrator);
        let tokens = fixed + slope * 150.0;
        assert!((tokens - 300.0).abs() < 3.0, "{tokens}");
    }

    #[test]
    fn what_is_added_to_counted_tokens_is_the_median() {
        let mut calibrator = Calibrator::default();
        assert_eq!(calibrator.added(), 0);
        for (tokens, reported) in [(100, 136), (200, 236), (300, 301), (250, 286), (50, 86)] {
            calibrator.observe(tokens, reported);
        }
        assert_eq!(calibrator.added(), 36);
    }

    proptest! {
        #[test]
        fn any_line_is_learnt_where_the_prompts_lie(
            fixed in 0_u32..200, percent in 80_u32..250, words in prop::collection::vec(20_u32..2000, 20..64),
        ) {
            let tokens = |words: u32| f64::from(fixed) + f64::from(percent) / 100.0 * f64::from(words);
            let mut calibrator = Calibrator::default();
            for words in &words {
                calibrator.observe(*words, tokens(*words).round() as u64);
            }
            let (learnt_fixed, slope) = line(&calibrator);
            for words in words {
                let (learnt, right) = (learnt_fixed + slope * f64::from(words), tokens(words));
                prop_assert!((learnt - right).abs() <= 2.0 + 0.02 * right, "{learnt} for {right}");
            }
        }

        #[test]
        fn no_count_breaks_it(counts in prop::collection::vec((any::<u32>(), any::<u64>()), 0..100)) {
            let mut calibrator = Calibrator::default();
            for (words, tokens) in counts {
                calibrator.observe(words, tokens);
            }
            let (fixed, slope) = line(&calibrator);
            prop_assert!(fixed.is_finite() && fixed >= 0.0, "{fixed}");
            prop_assert!((LEAST_RATIO..=MOST_RATIO).contains(&slope), "{slope}");
        }
    }
}
