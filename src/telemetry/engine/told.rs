//! What one exposition tells of an engine.
//!
//! Owns which engine it is, and the reading of its series by the table of names. Pure: whoever
//! asks brings the text, and nothing is remembered from one to the next.

use std::fmt::Write as _;

use super::{
    names::{ENGINES, Engine, Row, Says, Spot},
    quantity::{Counter, Gauge},
};
use crate::telemetry::exposition::{self, Malformed, Sample};

/// What one process, or several behind one exposition, tell.
#[derive(Debug)]
pub struct Told {
    /// The engine, as `tokenbeat_engine_info` calls it.
    pub engine: &'static str,
    pub(super) gauges: Vec<Said<Gauge>>,
    pub(super) counters: Vec<Said<Counter>>,
    cache: Cache,
}

/// The size of a KV cache. What is not told is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cache {
    /// Blocks, of all processes.
    pub blocks: Option<u64>,
    /// Tokens in a block, where all blocks are alike.
    pub block_tokens: Option<u64>,
}

impl Cache {
    /// That of several processes.
    pub fn of(told: &[Told]) -> Self {
        let blocks = told.iter().filter_map(|one| one.cache.blocks);
        let mut sizes = told.iter().filter_map(|one| one.cache.block_tokens);
        let size = sizes.next();
        Self {
            blocks: blocks.reduce(u64::saturating_add),
            block_tokens: size.filter(|size| sizes.all(|other| other == *size)),
        }
    }
}

/// One series that means something.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said<T> {
    pub(super) what: T,
    /// The model's name as the engine has it, if it names one.
    pub(super) model: Option<String>,
    /// The series itself, so that each process is followed alone.
    pub(super) series: String,
    pub(super) value: f64,
}

/// Why an exposition tells nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// It cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// It has no name that an engine is known by.
    #[error("no metric in it is one of an engine that we know")]
    Unknown,
}

impl Told {
    /// Reads an exposition.
    ///
    /// # Errors
    /// If it is no exposition, or none of an engine that we know.
    pub fn read(text: &str) -> Result<Self, Untold> {
        let samples = exposition::samples(text)?;
        let told = ENGINES.iter().map(|engine| Self::of(engine, &samples));
        // The first of those that say most: `max_by_key` alone would take the last.
        let most = told.rev().max_by_key(|told| told.gauges.len() + told.counters.len());
        most.filter(|told| !told.gauges.is_empty() || !told.counters.is_empty())
            .ok_or(Untold::Unknown)
    }

    /// Requests that wait in the engine's queue, over all of its processes and models; absent if
    /// it does not tell.
    pub fn requests_waiting(&self) -> Option<f64> {
        let waiting = self.gauges.iter().filter(|said| said.what == Gauge::Waiting);
        waiting.map(|said| said.value).reduce(|one, other| one + other)
    }

    fn of(engine: &'static Engine, samples: &[Sample<'_>]) -> Self {
        let once = |sample: &Sample<'_>| {
            engine
                .once
                .iter()
                .all(|(label, only)| sample.label(label).is_none_or(|value| value == *only))
        };
        let named: Vec<(&str, &Sample<'_>)> = samples
            .iter()
            .filter_map(|sample| Some((engine.bare(&sample.name)?, sample)))
            .filter(|(_, sample)| once(sample) && sample.value.is_finite() && sample.value >= 0.0)
            .collect();
        let cache = engine.cache.map_or(Cache::default(), |(blocks, size)| {
            let sizes: Vec<u64> = numbers(size, &named).collect();
            Cache {
                blocks: numbers(blocks, &named).reduce(u64::saturating_add),
                block_tokens: sizes.first().copied().filter(|one| sizes.iter().all(|of| of == one)),
            }
        });
        let mut told =
            Self { engine: engine.name, gauges: Vec::new(), counters: Vec::new(), cache };
        for row in engine.rows {
            told.row(engine, row, &named);
        }
        told
    }

    fn row(&mut self, engine: &Engine, row: &Row, named: &[(&str, &Sample<'_>)]) {
        match row.says {
            Says::Gauge(gauge) => first(&mut self.gauges, engine, row, named, gauge, ""),
            Says::Counter(counter) => first(&mut self.counters, engine, row, named, counter, ""),
            Says::Span(stage) => {
                let parts =
                    [(Counter::Seconds(stage), "_sum"), (Counter::Requests(stage), "_count")];
                for (counter, ending) in parts {
                    first(&mut self.counters, engine, row, named, counter, ending);
                }
            }
        }
    }
}

/// Adds the series of the first name of `row` that there are any of.
fn first<T: Copy>(
    into: &mut Vec<Said<T>>,
    engine: &Engine,
    row: &Row,
    named: &[(&str, &Sample<'_>)],
    what: T,
    ending: &str,
) {
    for name in row.names {
        let (name, picked) = picked(name);
        let is_it = |(bare, sample): &&(&str, &Sample<'_>)| {
            bare.strip_suffix(ending) == Some(name)
                && picked.is_none_or(|(label, value)| sample.label(label) == Some(value))
        };
        let before = into.len();
        into.extend(named.iter().filter(is_it).map(|(_, sample)| Said {
            what,
            model: engine.model.and_then(|label| sample.label(label)).map(str::to_owned),
            series: series(sample),
            value: row.scale.base(sample.value),
        }));
        if into.len() > before {
            return;
        }
    }
}

/// The whole numbers above 0 that stand at `spot`.
fn numbers(spot: Spot, named: &[(&str, &Sample<'_>)]) -> impl Iterator<Item = u64> {
    let (Spot::Value(name) | Spot::Label(name, _)) = spot;
    let (name, wanted) = picked(name);
    let series = named.iter().filter(move |(bare, sample)| {
        *bare == name && wanted.is_none_or(|(label, value)| sample.label(label) == Some(value))
    });
    let number = move |(_, sample): &(&str, &Sample<'_>)| match spot {
        Spot::Value(_) => (sample.value.fract() == 0.0).then_some(sample.value as u64),
        Spot::Label(_, label) => sample.label(label)?.parse().ok(),
    };
    series.filter_map(number).filter(|number| *number > 0)
}

/// A name of the table and the label that it asks for.
fn picked(name: &'static str) -> (&'static str, Option<(&'static str, &'static str)>) {
    match name.split_once('{') {
        Some((name, label)) => (name, label.trim_end_matches('}').split_once('=')),
        None => (name, None),
    }
}

/// A series as a text: the same at each scrape, since a process does not reorder its labels.
fn series(sample: &Sample<'_>) -> String {
    let mut text = sample.name.to_string();
    for (name, value) in &sample.labels {
        let _ = write!(text, "\u{1}{name}\u{2}{value}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_engine_has_a_name_for_its_queue() {
        for (text, engine, waits) in [
            (
                "vllm:num_requests_waiting{engine=\"0\",model_name=\"a}b\"} 3.0\n\
              vllm:num_requests_waiting{engine=\"1\",model_name=\"a\"} 4.0 1790000000\n",
                "vllm",
                7.0,
            ),
            ("kserve_vllm:num_requests_waiting 2\n", "vllm", 2.0),
            (
                "sglang:num_queue_reqs{model_name=\"m\",tp_rank=\"0\"} 2\n\
              sglang:num_queue_reqs{model_name=\"m\",tp_rank=\"1\"} 2\n\
              sglang:num_queue_reqs{model_name=\"m\",tp_rank=\"0\",priority=\"5\"} 1\n",
                "sglang",
                2.0,
            ),
            ("llamacpp:requests_deferred 1\n", "llama.cpp", 1.0),
            ("tgi_queue_size 0\n", "tgi", 0.0),
            ("trtllm_num_requests_waiting 5\n", "tensorrt-llm", 5.0),
            (
                "nv_inference_pending_request_count{model=\"x\"} 5\n\
              nv_trt_llm_request_metrics{model=\"x\",request_type=\"waiting\"} 3\n\
              nv_trt_llm_request_metrics{model=\"x\",request_type=\"active\"} 9\n",
                "triton",
                3.0,
            ),
            ("lmdeploy:num_requests_waiting 6\n", "lmdeploy", 6.0),
            // A worker of Dynamo passes on what its engine says, and that says more.
            (
                "dynamo_frontend_queued_requests{model=\"m\"} 9\nvllm:num_requests_waiting 2\n\
              vllm:num_requests_running 2\n",
                "vllm",
                2.0,
            ),
        ] {
            let told = Told::read(text).expect(text);
            assert_eq!((told.engine, told.requests_waiting()), (engine, Some(waits)), "{text}");
        }
    }

    #[test]
    fn the_first_of_the_alternatives_counts() {
        let told = Told::read("vllm:gpu_cache_usage_perc 0.5\nvllm:kv_cache_usage_perc 0.25\n");
        let told = told.expect("vLLM");
        assert_eq!(told.gauges.len(), 1);
        assert_eq!(told.gauges[0].value, 0.25);
    }

    #[test]
    fn the_size_of_the_cache_is_read_where_each_engine_has_it() {
        let cache = |texts: &[&str]| {
            let told: Vec<_> = texts.iter().map(|text| Told::read(text).expect(text)).collect();
            let Cache { blocks, block_tokens } = Cache::of(&told);
            (blocks, block_tokens)
        };
        let vllm = |engine: u8, blocks: &str, size: &str| {
            format!(
                "vllm:num_requests_running{{engine=\"{engine}\"}} 0\n\
                 vllm:cache_config_info{{engine=\"{engine}\",block_size=\"{size}\",\
                 num_gpu_blocks=\"{blocks}\"}} 1.0\n"
            )
        };
        assert_eq!(cache(&[&vllm(0, "2048", "128")]), (Some(2_048), Some(128)));
        let ranks = vllm(0, "100", "16") + &vllm(1, "120", "16");
        assert_eq!(cache(&[&ranks]), (Some(220), Some(16)));
        assert_eq!(cache(&[&ranks, &vllm(0, "10", "32")]), (Some(230), None));
        for (blocks, size) in [("None", "None"), ("-1", "0"), ("1e3", "16.5"), ("", "NaN")] {
            assert_eq!(cache(&[&vllm(0, blocks, size)]), (None, None), "{blocks} {size}");
        }
        let sglang = "sglang:num_queue_reqs 0\n\
                      sglang:cache_config_info{page_size=\"1\",num_pages=\"36000\"} 1.0\n";
        assert_eq!(cache(&[sglang]), (Some(36_000), Some(1)));
        let triton = "nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"fraction\"} 0.5\n\
                      nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"max\"} 512\n\
                      nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type=\"tokens_per\"} 64\n";
        assert_eq!(cache(&[triton]), (Some(512), Some(64)));
        assert_eq!(cache(&["llamacpp:requests_deferred 1\n"]), (None, None));
    }

    #[test]
    fn what_says_nothing_is_an_error() {
        for text in [
            "",
            "vllm:num_requests_waiting_by_reason{reason=\"x\"} 3\n",
            "up 1\n",
            "vllm:num_requests_waiting NaN\n",
        ] {
            assert_eq!(Told::read(text).expect_err(text), Untold::Unknown);
        }
        assert!(matches!(Told::read("<html>"), Err(Untold::Malformed(_))));
    }
}
