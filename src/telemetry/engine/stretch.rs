//! What an engine did over a stretch of time, from several readings of its metrics.
//!
//! Owns what its counters rose by, process by process and through restarts, and how high its gauges
//! were seen. All of its models count: they share the engine.

use std::collections::BTreeMap;

use super::{
    account::MOST_SERIES,
    quantity::{Counter, Gauge, Stage},
    told::Told,
};
use crate::telemetry::{lately, rising::Followed, seen::Seen};

/// A series of a counter: what it counts, the place of its exposition, and the series there.
type Series = (Counter, usize, String);

/// A stretch of time of the engine behind one target.
#[derive(Clone, Debug)]
pub struct Stretch {
    counters: BTreeMap<Series, Followed>,
    gauges: BTreeMap<Gauge, Seen>,
    /// Requests that waited, over the readings between the first and the last: at both ends of a
    /// stretch the engine may rest, which says nothing of the time between.
    waited: Seen,
    restarts: u32,
    readings: u32,
}

/// What happened in a stretch. What the engine does not tell is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stretched {
    /// Time to first token, as the engine sees it.
    pub ttft: Span,
    /// Time in its queue.
    pub queue: Span,
    /// Time from the queue to the first token.
    pub prefill: Span,
    /// Time from the first token to the last.
    pub decode: Span,
    /// Prompt tokens looked up in the prefix cache.
    pub prefix_queries: Option<f64>,
    /// Those found there.
    pub prefix_hits: Option<f64>,
    /// Requests put back for want of cache.
    pub preemptions: Option<f64>,
    /// Prompt tokens.
    pub prompt_tokens: Option<f64>,
    /// Tokens generated.
    pub generation_tokens: Option<f64>,
    /// Most requests worked on at a reading.
    pub running_max: Option<f64>,
    /// Most requests in the queue at a reading.
    pub waiting_max: Option<f64>,
    /// Requests in the queue, on average over the readings between the first and the last.
    pub waiting_mean: Option<f64>,
    /// The fullest that the KV cache was at a reading.
    pub kv_usage_max: Option<f64>,
    /// How full it was, mean over readings.
    pub kv_usage_mean: Option<f64>,
    /// Readings at which a process had begun anew.
    pub restarts: u32,
    /// Whether the engine had generated nothing yet when the stretch began.
    pub was_fresh: bool,
    /// Readings, the first included.
    pub readings: u32,
}

/// The requests of a stage, and their seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    /// Seconds, over all requests.
    pub seconds: Option<f64>,
    /// Requests.
    pub requests: Option<f64>,
}

impl Span {
    /// Seconds a request; absent without one.
    pub fn mean(self) -> Option<f64> {
        let requests = self.requests.filter(|requests| *requests > 0.0)?;
        Some(self.seconds? / requests)
    }
}

impl Stretch {
    /// Takes in what they tell at the end.
    pub fn end(&mut self, told: &[Told]) {
        self.take(told);
    }

    /// Takes in a reading. Returns what its gauges say, of all processes together.
    fn take(&mut self, told: &[Told]) -> BTreeMap<Gauge, f64> {
        let mut anew = false;
        for (place, one) in told.iter().enumerate() {
            for said in &one.counters {
                let key = (said.what, place, said.series.clone());
                if self.counters.len() < MOST_SERIES || self.counters.contains_key(&key) {
                    anew |= self.counters.entry(key).or_default().observe(said.value);
                }
            }
        }
        let mut now: BTreeMap<Gauge, f64> = BTreeMap::new();
        for said in told.iter().flat_map(|one| &one.gauges) {
            let held = now.entry(said.what);
            held.and_modify(|held| *held = said.what.together(*held, said.value))
                .or_insert(said.value);
        }
        for (gauge, value) in &now {
            self.gauges.entry(*gauge).or_default().take(*value);
        }
        self.restarts += u32::from(anew);
        self.readings += 1;
        now
    }

    /// What happened.
    pub fn stretched(&self) -> Stretched {
        let span = |stage| Span {
            seconds: self.rose(Counter::Seconds(stage)),
            requests: self.rose(Counter::Requests(stage)),
        };
        let most = |gauge| self.gauges.get(&gauge).map(|seen| seen.most);
        let mean = |gauge| self.gauges.get(&gauge).and_then(|seen| seen.mean());
        Stretched {
            ttft: span(Stage::Ttft),
            queue: span(Stage::Queue),
            prefill: span(Stage::Prefill),
            decode: span(Stage::Decode),
            prefix_queries: self.rose(Counter::PrefixQueries),
            prefix_hits: self.rose(Counter::PrefixHits),
            preemptions: self.rose(Counter::Preemptions),
            prompt_tokens: self.rose(Counter::PromptTokens),
            generation_tokens: self.rose(Counter::GenerationTokens),
            running_max: most(Gauge::Running),
            waiting_max: most(Gauge::Waiting),
            waiting_mean: self.waited.mean(),
            kv_usage_max: most(Gauge::KvUsage),
            kv_usage_mean: mean(Gauge::KvUsage),
            restarts: self.restarts,
            was_fresh: self.sum(Counter::GenerationTokens, Followed::base) == Some(0.0),
            readings: self.readings,
        }
    }

    fn rose(&self, counter: Counter) -> Option<f64> {
        self.sum(counter, Followed::rose)
    }

    /// Over all series of `counter`; absent if there is none.
    fn sum(&self, counter: Counter, of: impl Fn(&Followed) -> f64) -> Option<f64> {
        let series = self.counters.iter().filter(|((what, ..), _)| *what == counter);
        series.map(|(_, followed)| of(followed)).reduce(|one, other| one + other)
    }
}

impl lately::Stretch for Stretch {
    type Told = Told;

    /// Begins with what every process of the engine tells, in the order of their places.
    fn begin(first: &[Told]) -> Self {
        let (counters, gauges) = (BTreeMap::new(), BTreeMap::new());
        let waited = Seen::default();
        let mut stretch = Self { counters, gauges, waited, restarts: 0, readings: 0 };
        stretch.take(first);
        stretch.counters.values_mut().for_each(Followed::begin);
        stretch
    }

    /// A series that was not there before has risen from 0.
    fn told(&mut self, told: &[Told]) {
        if let Some(waiting) = self.take(told).get(&Gauge::Waiting) {
            self.waited.take(*waiting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::lately::Stretch as _;

    fn told(tokens: f64, seconds: f64, requests: f64, waiting: f64) -> Told {
        let text = format!(
            "vllm:generation_tokens_total{{model_name=\"m\"}} {tokens}\n\
             vllm:request_queue_time_seconds_sum{{model_name=\"m\"}} {seconds}\n\
             vllm:request_queue_time_seconds_count{{model_name=\"m\"}} {requests}\n\
             vllm:num_requests_waiting{{model_name=\"m\"}} {waiting}\n"
        );
        Told::read(&text).expect("vLLM")
    }

    #[test]
    fn counters_count_from_the_begin_and_gauges_by_their_most() {
        let mut stretch = Stretch::begin(&[told(100.0, 5.0, 10.0, 0.0)]);
        stretch.told(&[told(150.0, 7.0, 12.0, 9.0)]);
        stretch.told(&[told(160.0, 8.0, 13.0, 2.0)]);
        stretch.end(&[told(180.0, 9.0, 14.0, 1.0)]);
        let stretched = stretch.stretched();
        assert_eq!(stretched.waiting_mean, Some(5.5), "of what is between the ends");
        assert_eq!(stretched.generation_tokens, Some(80.0));
        assert_eq!(stretched.queue.mean(), Some(1.0));
        assert_eq!((stretched.waiting_max, stretched.readings), (Some(9.0), 4));
        assert_eq!((stretched.ttft.mean(), stretched.preemptions), (None, None));
        assert_eq!((stretched.restarts, stretched.was_fresh), (0, false));
    }

    #[test]
    fn each_process_is_followed_through_its_own_restart() {
        let one = |tokens| told(tokens, 0.0, 0.0, 2.0);
        let mut stretch = Stretch::begin(&[one(100.0), one(0.0)]);
        stretch.told(&[one(120.0), one(5.0)]);
        stretch.told(&[one(7.0), one(9.0)]);
        let stretched = stretch.stretched();
        assert_eq!(stretched.generation_tokens, Some(20.0 + 7.0 + 9.0));
        assert_eq!((stretched.restarts, stretched.waiting_max), (1, Some(4.0)));
    }

    #[test]
    fn a_series_that_comes_later_has_risen_from_nothing() {
        let fresh = Told::read("vllm:num_requests_running 0\n").expect("vLLM");
        let mut stretch = Stretch::begin(&[fresh]);
        stretch.told(&[told(30.0, 1.0, 2.0, 0.0)]);
        assert_eq!(stretch.stretched().generation_tokens, Some(30.0));
        assert!(Stretch::begin(&[told(0.0, 0.0, 0.0, 0.0)]).stretched().was_fresh);
    }
}
