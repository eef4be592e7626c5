//! The client's numbers of a step beside those of its engine and GPUs.
//!
//! Owns what follows from both: how much of the load was not ours, the gap between the two views of
//! the first token, energy a token; and whose number stands where several tell one: the engine's
//! counters, then its answers, then what is inferred. Pure.

use super::beside::SeenBeside;
use crate::{
    event::{EngineSource, Mark, StepEngine, StepGpu, StepRecord, Tokens, Warning},
    tally::Answers,
    telemetry::{EngineStretched, GpuStretched},
};

/// The share of generated tokens that may be for others.
const FOREIGN_SHARE: f64 = 0.05;

/// So few tokens of others are never too many: one request of somebody who looks is no load.
const FOREIGN_TOKENS: f64 = 128.0;

/// Name of the warning that something was not read.
const UNTOLD: &str = "telemetry_untold";

/// Name of the warning that what was read is not of the whole engine.
const PARTIAL: &str = "telemetry_partial";

/// What we had of the engine in a whole step, warm-up included: tokens, where nothing else is said.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Own {
    /// Requests that were answered, those of our own beats among them.
    pub(super) requests: u64,
    /// Of the prompts, as the server counted them.
    pub(super) prompt: u64,
    /// Of the answers.
    pub(super) answered: u64,
    /// Those that exchanges had asked for that did not end well.
    pub(super) unanswered: u64,
    /// Of the prompts of our own beats meanwhile.
    pub(super) beat_prompt: u64,
    /// Of their answers, at most.
    pub(super) beat_output: u64,
}

/// Adds to the record of a step what was seen beside it and what its answers told, and the mark if
/// others loaded the engine.
pub(super) fn joined(record: &mut StepRecord, seen: SeenBeside, answers: &Answers, own: Own) {
    record.engine = match (seen.engine, answers.is_empty()) {
        (None, true) => None,
        (told, _) => {
            Some(engine(record, own, answers, (told.unwrap_or_default(), seen.engine_seconds)))
        }
    };
    record.gpu = seen.gpus.as_ref().map(|gpus| gpu(gpus, own));
    let warning = |text| Warning { code: UNTOLD.to_owned(), text };
    record.warnings.extend(seen.untold.into_iter().map(warning));
    if counted(&record.tokens) {
        record.warnings.extend(record.engine.as_ref().and_then(|engine| partial(engine, own)));
    }
    if record.engine.as_ref().is_some_and(is_contaminated) {
        record.validity.marks.push(Mark::Contaminated);
    }
}

/// Whether somebody else loaded the engine.
fn is_contaminated(engine: &StepEngine) -> bool {
    let (Some(share), Some(all)) = (engine.foreign_token_ratio, engine.generation_tokens) else {
        return false;
    };
    share > FOREIGN_SHARE && share * all > FOREIGN_TOKENS
}

/// Whether the server counted all of our tokens. Other counts may be too low, and would make out
/// others that are not there.
fn counted(tokens: &Tokens) -> bool {
    tokens.count_sources.iter().all(|(by, n)| by == "usage" || *n == 0)
}

/// The warning of an engine that knows less than the server counted to us: another process did the
/// rest. One that began anew may have forgotten it.
fn partial(engine: &StepEngine, own: Own) -> Option<Warning> {
    let told = engine.generation_tokens.filter(|_| engine.restarts == 0)?;
    let answered = own.answered as f64;
    (lacks(told, own) && answered - told > FOREIGN_TOKENS).then(|| Warning {
        code: PARTIAL.to_owned(),
        text: format!(
            "the engine's metrics have {told:.0} of our {answered:.0} output tokens: name those of \
             every process behind the target"
        ),
    })
}

/// Whether an engine that counted so many tokens lacks a part of ours.
fn lacks(told: f64, own: Own) -> bool {
    let answered = own.answered as f64;
    answered - told > FOREIGN_SHARE * answered
}

fn engine(
    step: &StepRecord,
    own: Own,
    answers: &Answers,
    ((whole, window), seconds): ((EngineStretched, EngineStretched), f64),
) -> StepEngine {
    let mut told = window.beside();
    answers.fill(&mut told);
    let client = step.latencies.get("ttft").and_then(|ttft| ttft.mean);
    let own_output_tokens = own.answered.saturating_add(own.unanswered);
    let ours = own_output_tokens.saturating_add(own.beat_output) as f64;
    let foreign = |all: f64| ((all - ours) / all).max(0.0);
    let whole_tokens = whole.generation_tokens.filter(|all| counted(&step.tokens) && *all > 0.0);
    let foreign_token_ratio = whole_tokens.map(foreign);
    // What the engine does not count, our own requests do, if it had all of them and no others. They
    // are all of the step's: whose begin of a window falls between two readings cannot be told.
    let no_others = foreign_token_ratio.is_some_and(|share| share <= FOREIGN_SHARE);
    let had_all = whole.generation_tokens.is_some_and(|all| !lacks(all, own));
    if no_others && had_all {
        let inferred = whole.of_requests(own.requests as f64, seconds).beside();
        told.queue_mean = told.queue_mean.or(inferred.queue_mean);
        told.prefill_mean = told.prefill_mean.or(inferred.prefill_mean);
        told.decode_mean = told.decode_mean.or(inferred.decode_mean);
        told.credit(EngineSource::Inferred);
    }
    StepEngine {
        ttft_gap: client.zip(told.ttft_mean).map(|(client, engine)| client - engine),
        prompt_tokens: whole.prompt_tokens,
        generation_tokens: whole.generation_tokens,
        own_prompt_tokens: Some(own.prompt),
        own_output_tokens,
        beat_prompt_tokens: own.beat_prompt,
        beat_output_tokens: own.beat_output,
        foreign_token_ratio,
        restarts: whole.restarts,
        readings: whole.readings,
        ..told
    }
}

fn gpu(seen: &GpuStretched, own: Own) -> StepGpu {
    let tokens = own.answered as f64;
    let joules_per_output_token =
        seen.energy_joules.filter(|_| tokens > 0.0).map(|joules| joules / tokens);
    StepGpu { joules_per_output_token, ..seen.beside() }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        event::EngineSource,
        report::sample,
        telemetry::Span,
        timeline::{EngineTold, Spent},
    };

    fn told(generated: f64) -> EngineStretched {
        let span = |seconds| Span { seconds: Some(seconds), requests: Some(100.0) };
        EngineStretched {
            ttft: span(20.0),
            queue: span(15.0),
            prefix_queries: Some(1000.0),
            prefix_hits: Some(250.0),
            generation_tokens: Some(generated),
            readings: 2,
            ..EngineStretched::default()
        }
    }

    /// The middle step of the sample, beside an engine that generated so many tokens, with so many
    /// of them ours, as `counted` by the server or not.
    fn step(generated: f64, answered: u64, unanswered: u64, counted: &str) -> StepRecord {
        let mut record = sample::sweep().steps.remove(1);
        record.tokens.count_sources = [(counted.to_owned(), 100)].into();
        let engine = Some((told(generated), told(generated)));
        let seen = SeenBeside { engine, ..SeenBeside::default() };
        let own = Own { answered, unanswered, ..Own::default() };
        joined(&mut record, seen, &Answers::default(), own);
        record
    }

    #[test]
    fn more_than_a_twentieth_of_the_tokens_for_others_is_contamination() {
        for (generated, answered, unanswered, counted, contaminated) in [
            (10_000.0, 10_000, 0, "usage", false),
            (10_000.0, 9_500, 0, "usage", false),
            (10_000.0, 9_499, 0, "usage", true),
            // Not while what failed may have had the tokens.
            (10_000.0, 9_000, 600, "usage", false),
            // Not on the word of anybody but the server.
            (10_000.0, 5_000, 0, "events", false),
            // Not by a few beats.
            (200.0, 80, 0, "usage", false),
            (200.0, 60, 0, "usage", true),
            (9_000.0, 10_000, 0, "usage", false),
            (0.0, 0, 0, "usage", false),
        ] {
            let record = step(generated, answered, unanswered, counted);
            let marked = record.validity.marks.contains(&Mark::Contaminated);
            assert_eq!(marked, contaminated, "{generated} {answered} {unanswered} {counted}");
            assert_eq!(record.validity.is_valid(), !contaminated);
        }
    }

    #[test]
    fn our_own_beats_are_no_others() {
        for (beat_output, contaminated) in [(600, false), (100, true)] {
            let mut record = sample::sweep().steps.remove(1);
            record.tokens.count_sources = [("usage".to_owned(), 100)].into();
            let engine = Some((told(10_000.0), told(10_000.0)));
            let own = Own { answered: 9_000, prompt: 70, beat_output, ..Own::default() };
            let seen = SeenBeside { engine, ..SeenBeside::default() };
            joined(&mut record, seen, &Answers::default(), own);
            assert_eq!(record.validity.marks.contains(&Mark::Contaminated), contaminated);
            let engine = record.engine.expect("told");
            assert_eq!((engine.own_output_tokens, engine.beat_output_tokens), (9_000, beat_output));
            assert_eq!(engine.own_prompt_tokens, Some(70));
        }
    }

    #[test]
    fn an_engine_that_knows_a_part_of_our_tokens_is_told() {
        // The last is another engine altogether.
        for (generated, warned) in
            [(10_000.0, false), (9_500.0, false), (5_000.0, true), (0.0, true)]
        {
            let record = step(generated, 10_000, 0, "usage");
            let told = record.warnings.iter().any(|warning| warning.code == PARTIAL);
            assert_eq!(told, warned, "{generated}");
        }
        let guessed = step(5_000.0, 10_000, 0, "events");
        assert!(guessed.warnings.iter().all(|warning| warning.code != PARTIAL), "who knows");
        let mut record = sample::sweep().steps.remove(1);
        record.tokens.count_sources = [("usage".to_owned(), 100)].into();
        let anew = EngineStretched { restarts: 1, ..told(5_000.0) };
        let seen = SeenBeside { engine: Some((anew, anew)), ..SeenBeside::default() };
        let own = Own { answered: 10_000, ..Own::default() };
        joined(&mut record, seen, &Answers::default(), own);
        assert!(record.warnings.iter().all(|warning| warning.code != PARTIAL), "it forgot them");
    }

    #[test]
    fn both_views_stand_side_by_side() {
        let record = step(10_000.0, 10_000, 0, "usage");
        let client = record.latencies["ttft"].mean.expect("a mean");
        let engine = record.engine.expect("told");
        assert_eq!((engine.ttft_mean, engine.queue_mean), (Some(0.2), Some(0.15)));
        assert_eq!(engine.ttft_gap, Some(client - 0.2));
        assert_eq!((engine.prefix_hit_ratio, engine.prefill_mean), (Some(0.25), None));
        assert!((engine.queue_ratio.expect("a share") - 0.75).abs() < 1e-12);
        assert_eq!(engine.foreign_token_ratio, Some(0.0));
    }

    /// So many answers, each of which tells of a queue of 1 s, a prefill of 2 s, and half a prompt
    /// that was cached.
    fn answers(n: u32) -> Answers {
        let mut told = EngineTold::default();
        told.note(Spent::Queue, Duration::from_secs(1));
        told.note(Spent::Prefill, Duration::from_secs(2));
        let mut answers = Answers::default();
        (0..n).for_each(|_| answers.push(Some(&told), Some(5), Some(10)));
        answers
    }

    #[test]
    fn answers_tell_what_the_counters_do_not() {
        let mut record = sample::sweep().steps.remove(1);
        let seen = SeenBeside { engine: Some((told(9.0), told(9.0))), ..SeenBeside::default() };
        joined(&mut record, seen, &answers(3), Own::default());
        let engine = record.engine.expect("told");
        assert_eq!((engine.queue_mean, engine.prefill_mean), (Some(0.15), Some(2.0)));
        assert_eq!((engine.prefix_hit_ratio, engine.decode_mean), (Some(0.25), None));
        let sources: Vec<_> =
            engine.sources.iter().map(|(name, source)| (name.as_str(), *source)).collect();
        let expected = [
            ("prefill_mean", EngineSource::Answers),
            ("prefix_hit_ratio", EngineSource::Counters),
            ("queue_mean", EngineSource::Counters),
            ("ttft_mean", EngineSource::Counters),
        ];
        assert_eq!((sources.as_slice(), engine.answers, engine.readings), (&expected[..], 3, 2));
    }

    #[test]
    fn answers_are_enough_for_a_record() {
        let mut record = sample::sweep().steps.remove(1);
        joined(&mut record, SeenBeside::default(), &answers(2), Own::default());
        let engine = record.engine.expect("told");
        assert_eq!((engine.queue_mean, engine.prefix_hit_ratio), (Some(1.0), Some(0.5)));
        assert_eq!((engine.ttft_mean, engine.readings, engine.answers), (None, 0, 2));
        assert_eq!((engine.foreign_token_ratio, engine.requests), (None, None));
    }

    #[test]
    fn what_the_engine_does_not_count_is_counted_by_ours_while_it_has_them_all_and_no_others() {
        let uncounted = |seconds| Span { seconds: Some(seconds), requests: None };
        let told = EngineStretched {
            prefill: uncounted(5.0),
            decode: uncounted(20.0),
            waiting_mean: Some(4.0),
            readings: 9,
            generation_tokens: Some(10_000.0),
            ..EngineStretched::default()
        };
        let known = [0.8, 0.1, 0.4].map(Some);
        for (answered, means) in [
            (10_000, known),
            (10_500, known),
            (9_000, [None; 3]),
            // A part of the processes is read: its seconds are not those of all of our requests.
            (20_000, [None; 3]),
        ] {
            let mut record = sample::sweep().steps.remove(1);
            record.tokens.count_sources = [("usage".to_owned(), 50)].into();
            let seen =
                SeenBeside { engine: Some((told, told)), engine_seconds: 10.0, ..<_>::default() };
            let own = Own { requests: 50, answered, ..Own::default() };
            joined(&mut record, seen, &Answers::default(), own);
            let engine = record.engine.expect("told");
            assert_eq!([engine.queue_mean, engine.prefill_mean, engine.decode_mean], means);
        }
    }

    #[test]
    fn energy_is_that_of_our_tokens() {
        let seen = GpuStretched {
            gpus: 2,
            energy_joules: Some(3_000.0),
            seconds: 10.0,
            throttle_ratios: [("power", 0.25)].into(),
            ..GpuStretched::default()
        };
        let told = gpu(&seen, Own { answered: 1_000, unanswered: 500, ..Own::default() });
        assert_eq!((told.joules_per_output_token, told.power_watts_mean), (Some(3.0), Some(300.0)));
        assert_eq!(told.throttle_ratios["power"], 0.25);
        assert_eq!(gpu(&seen, Own::default()).joules_per_output_token, None);
    }

    #[test]
    fn what_could_not_be_read_is_said() {
        let mut record = sample::sweep().steps.remove(1);
        let untold = vec!["the engine's own metrics could not be read: refused".to_owned()];
        let seen = SeenBeside { untold, ..SeenBeside::default() };
        joined(&mut record, seen, &Answers::default(), Own::default());
        assert_eq!(record.warnings.last().map(|warning| warning.code.as_str()), Some(UNTOLD));
        assert!(record.validity.is_valid() && record.engine.is_none());
    }
}
