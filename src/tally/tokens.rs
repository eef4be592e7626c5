//! The tokens of a step, wanted and had.

use std::collections::BTreeMap;

use super::{latencies::latency, warnings::Advice};
use crate::{
    event::Tokens,
    measure::{CountSource, Measurement, Moments, Summary, Unit},
};

/// By how much a mean length may miss what was wanted.
const OFF: f64 = 0.10;

/// By how much two counts of the same tokens may differ.
const DIFFER: f64 = 0.05;

/// The tokens of a step's judged exchanges.
#[derive(Clone, Debug)]
pub(super) struct TokenTally {
    input: Side,
    output: Side,
    cached_input: u64,
    reasoning: u64,
    sources: BTreeMap<&'static str, u64>,
    /// Of exchanges whose tokens somebody counted: how many, and the events that came.
    counted: u64,
    events: u64,
    /// Of exchanges that the server and the tokenizer counted: what each says.
    usage: u64,
    tokenizer: u64,
}

/// Prompts, or answers.
#[derive(Clone, Debug)]
struct Side {
    total: u64,
    length: Summary,
    wanted: Moments,
    /// Sums over the exchanges of which both are known.
    both: (f64, f64),
}

impl Side {
    fn new() -> Self {
        Self {
            total: 0,
            length: Summary::new(Unit::Count),
            wanted: Moments::default(),
            both: (0.0, 0.0),
        }
    }

    fn ok(&mut self, wanted: Option<u32>, had: Option<u64>) {
        if let Some(wanted) = wanted {
            self.wanted.push(f64::from(wanted));
        }
        if let Some(had) = had {
            self.length.record_count(had);
        }
        if let (Some(wanted), Some(had)) = (wanted, had) {
            self.both.0 += f64::from(wanted);
            self.both.1 += had as f64;
        }
    }

    /// Had ÷ wanted, where that is off.
    fn off(&self) -> Option<f64> {
        let (wanted, had) = self.both;
        (wanted > 0.0 && (had - wanted).abs() > OFF * wanted).then(|| had / wanted)
    }
}

impl TokenTally {
    /// Without exchanges.
    pub(super) fn new() -> Self {
        Self {
            input: Side::new(),
            output: Side::new(),
            cached_input: 0,
            reasoning: 0,
            sources: BTreeMap::new(),
            counted: 0,
            events: 0,
            usage: 0,
            tokenizer: 0,
        }
    }

    /// Takes in the counts of any judged exchange.
    pub(super) fn measured(&mut self, measurement: &Measurement) {
        self.input.total += measurement.input_tokens.unwrap_or(0);
        self.cached_input += measurement.cached_input_tokens.unwrap_or(0);
        self.output.total += measurement.output_tokens.unwrap_or(0);
        self.reasoning += measurement.reasoning_tokens.unwrap_or(0);
    }

    /// Takes in the lengths of one that was ok, with its number of token-bearing events.
    pub(super) fn ok(
        &mut self,
        measurement: &Measurement,
        wanted_input: Option<u32>,
        wanted_output: Option<u32>,
        events: usize,
    ) {
        self.input.ok(wanted_input, measurement.input_tokens);
        self.output.ok(wanted_output, measurement.output_tokens);
        if let Some(source) = measurement.count_source {
            *self.sources.entry(source.as_str()).or_default() += 1;
        }
        let counted = measurement.count_source.filter(|source| *source != CountSource::Events);
        if counted.is_some() && events > 0 {
            self.counted += measurement.output_tokens.unwrap_or(0);
            self.events += events as u64;
        }
        if let (Some(CountSource::Usage), Some(tokens)) = (counted, measurement.tokenizer_tokens) {
            self.usage += measurement.output_tokens.unwrap_or(0);
            self.tokenizer += tokens;
        }
    }

    /// Output tokens of the judged exchanges.
    pub(super) fn output(&self) -> u64 {
        self.output.total
    }

    /// What a reader must know of the counts; `tpot_is_judged` if an SLO bounds the time a token.
    pub(super) fn advice(&self, tpot_is_judged: bool) -> Vec<Advice> {
        let mut advice = Vec::new();
        advice.extend(self.input.off().map(Advice::InputLength));
        advice.extend(self.output.off().map(Advice::OutputLength));
        let Self { counted, events, usage, tokenizer, .. } = *self;
        let differ = |one: u64, other: u64| one.abs_diff(other) as f64 > DIFFER * one as f64;
        if differ(counted, events) {
            advice.push(Advice::CountsDiffer { counted, events });
        }
        if differ(usage, tokenizer) {
            advice.push(Advice::TokenizerDiffers { usage, tokenizer });
        }
        if tpot_is_judged && self.sources.contains_key(CountSource::Events.as_str()) {
            advice.push(Advice::TpotFromEvents);
        }
        advice
    }

    /// The form of the record.
    pub(super) fn record(&self) -> Tokens {
        Tokens {
            input: self.input.total,
            cached_input: self.cached_input,
            output: self.output.total,
            reasoning: self.reasoning,
            input_wanted_mean: self.input.wanted.mean(),
            input_length: latency(&self.input.length),
            output_wanted_mean: self.output.wanted.mean(),
            output_length: latency(&self.output.length),
            count_sources: self
                .sources
                .iter()
                .map(|(source, exchanges)| ((*source).to_owned(), *exchanges))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(input: u64, output: u64, source: CountSource) -> Measurement {
        Measurement {
            input_tokens: Some(input),
            output_tokens: Some(output),
            count_source: Some(source),
            ..Measurement::default()
        }
    }

    #[test]
    fn lengths_are_held_against_what_was_wanted() {
        for (wanted, had, advice) in [
            ((200, 100), (200, 100), vec![]),
            ((200, 100), (220, 90), vec![]),
            ((200, 100), (221, 100), vec![Advice::InputLength(1.105)]),
            ((200, 100), (200, 89), vec![Advice::OutputLength(0.89)]),
        ] {
            let mut tokens = TokenTally::new();
            for _ in 0..3 {
                let exchange = counted(had.0, had.1, CountSource::Usage);
                tokens.measured(&exchange);
                tokens.ok(&exchange, Some(wanted.0), Some(wanted.1), had.1 as usize);
            }
            assert_eq!(tokens.advice(true), advice, "{wanted:?} {had:?}");
            let record = tokens.record();
            assert_eq!(record.input_wanted_mean, Some(f64::from(wanted.0)));
            assert_eq!(record.output_length.p50, Some(had.1 as f64));
            assert_eq!((record.output, record.output_length.n), (3 * had.1, 3));
        }
    }

    #[test]
    fn two_counts_that_differ_are_told() {
        for (usage, events, differ) in [(100, 95, false), (100, 94, true), (100, 106, true)] {
            let mut tokens = TokenTally::new();
            tokens.ok(&counted(1, usage, CountSource::Usage), None, None, events);
            assert_eq!(!tokens.advice(true).is_empty(), differ, "{usage} and {events}");
        }
    }

    #[test]
    fn a_tokenizer_that_counts_otherwise_than_the_server_is_told() {
        for (usage, tokenizer, differ) in [(100, 95, false), (100, 94, true), (100, 106, true)] {
            let mut tokens = TokenTally::new();
            let counted = counted(1, usage, CountSource::Usage);
            let counted = Measurement { tokenizer_tokens: Some(tokenizer), ..counted };
            tokens.ok(&counted, None, None, usage as usize);
            let told =
                if differ { vec![Advice::TokenizerDiffers { usage, tokenizer }] } else { vec![] };
            assert_eq!(tokens.advice(true), told);
        }
        let mut tokens = TokenTally::new();
        let alone = counted(1, 80, CountSource::Tokenizer);
        tokens.ok(&Measurement { tokenizer_tokens: Some(80), ..alone }, None, None, 10);
        assert_eq!(tokens.advice(true), [Advice::CountsDiffer { counted: 80, events: 10 }]);
        assert_eq!(tokens.record().count_sources["tokenizer"], 1);
    }

    #[test]
    fn a_judged_time_per_token_from_events_is_told() {
        let mut tokens = TokenTally::new();
        tokens.ok(&counted(1, 50, CountSource::Events), None, None, 50);
        assert_eq!(tokens.advice(false), []);
        assert_eq!(tokens.advice(true), [Advice::TpotFromEvents]);
        assert_eq!(tokens.record().count_sources["events"], 1);
    }
}
