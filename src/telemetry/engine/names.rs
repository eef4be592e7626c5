//! What engines call their metrics: the table of names.
//!
//! Owns every name, old and new, of every engine that we know, one row a meaning. A new engine or
//! name is a row here and nothing else. Pure data, and how a name is compared.

use super::quantity::{Counter, Gauge, Stage};
use crate::telemetry::scale::Scale;
use Counter::{
    GenerationTokens, Preemptions, PrefixHits, PrefixQueries, PromptTokens, Requests, Seconds,
};
use Gauge::{KvUsage, Running, Waiting};
use Stage::{Decode, Prefill, Queue, Ttft};

/// What a row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// The value of a gauge.
    Gauge(Gauge),
    /// The value of a counter.
    Counter(Counter),
    /// A histogram or summary of a stage: its sum and its count.
    Span(Stage),
}

/// One meaning. Rows of one meaning are added; the names of one row are alternatives, of which the
/// first that is there counts.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) says: Says,
    /// Names without the engine's prefix and without `_total`; `{label=value}` picks series.
    pub(super) names: &'static [&'static str],
    /// The unit that its values come in.
    pub(super) scale: Scale,
}

/// An engine.
#[derive(Debug)]
pub(super) struct Engine {
    /// As `tokenbeat_engine_info` calls it.
    pub(super) name: &'static str,
    /// What its names begin with, up to `:` or `_`.
    pub(super) prefix: &'static str,
    /// What may stand before the prefix.
    pub(super) lead: Lead,
    /// The label that has the model's name; absent where there is none, or it means something else.
    pub(super) model: Option<&'static str>,
    /// Labels that tell views of one thing apart: only series without such a label, or with this
    /// value, count. Otherwise they would be added to themselves.
    pub(super) once: &'static [(&'static str, &'static str)],
    pub(super) rows: &'static [Row],
    /// Where the size of its KV cache is: blocks, and the tokens of one.
    pub(super) cache: Option<(Spot, Spot)>,
}

/// Where a number stands that is told beside the metrics proper. Names are those of rows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Spot {
    /// The value of a series.
    Value(&'static str),
    /// A label of a series.
    Label(&'static str, &'static str),
}

/// What may stand before an engine's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lead {
    /// Nothing.
    Nothing,
    /// What somebody else put there, up to a `_`: KServe's `kserve_vllm:`.
    Anything,
}

const fn row(says: Says, names: &'static [&'static str]) -> Row {
    Row { says, names, scale: Scale::Base }
}

const fn gauge(gauge: Gauge, names: &'static [&'static str]) -> Row {
    row(Says::Gauge(gauge), names)
}

const fn counter(counter: Counter, names: &'static [&'static str]) -> Row {
    row(Says::Counter(counter), names)
}

const fn span(stage: Stage, names: &'static [&'static str]) -> Row {
    row(Says::Span(stage), names)
}

/// The engines. Where an exposition has names of several, the one that says most is it: what stands
/// in front of an engine often passes the engine's own metrics on.
pub(super) const ENGINES: &[Engine] = &[
    Engine {
        name: "vllm",
        prefix: "vllm",
        lead: Lead::Anything,
        model: Some("model_name"),
        once: &[],
        rows: &[
            gauge(Running, &["num_requests_running"]),
            gauge(Waiting, &["num_requests_waiting"]),
            // A ratio despite its name.
            gauge(KvUsage, &["kv_cache_usage_perc", "gpu_cache_usage_perc"]),
            counter(PrefixQueries, &["prefix_cache_queries", "gpu_prefix_cache_queries"]),
            counter(PrefixHits, &["prefix_cache_hits", "gpu_prefix_cache_hits"]),
            counter(Preemptions, &["num_preemptions"]),
            counter(PromptTokens, &["prompt_tokens"]),
            counter(GenerationTokens, &["generation_tokens"]),
            span(Ttft, &["time_to_first_token_seconds"]),
            span(Queue, &["request_queue_time_seconds", "time_in_queue_requests"]),
            span(Prefill, &["request_prefill_time_seconds"]),
            span(Decode, &["request_decode_time_seconds"]),
        ],
        cache: Some((
            Spot::Label("cache_config_info", "num_gpu_blocks"),
            Spot::Label("cache_config_info", "block_size"),
        )),
    },
    Engine {
        name: "sglang",
        prefix: "sglang",
        lead: Lead::Nothing,
        model: Some("model_name"),
        // Every rank of a tensor or pipeline group tells of the same requests, and so does every
        // priority beside their sum.
        once: &[("tp_rank", "0"), ("pp_rank", "0"), ("priority", "")],
        rows: &[
            gauge(Running, &["num_running_reqs"]),
            gauge(Waiting, &["num_queue_reqs"]),
            gauge(KvUsage, &["token_usage"]),
            counter(PrefixQueries, &["prompt_tokens"]),
            counter(PrefixHits, &["cached_tokens"]),
            // `num_retracted_reqs` is a gauge of the latest batch.
            counter(Preemptions, &["num_retracted_requests"]),
            counter(PromptTokens, &["prompt_tokens"]),
            counter(GenerationTokens, &["generation_tokens"]),
            span(Ttft, &["time_to_first_token_seconds"]),
            span(Queue, &["queue_time_seconds"]),
        ],
        cache: Some((
            Spot::Label("cache_config_info", "num_pages"),
            Spot::Label("cache_config_info", "page_size"),
        )),
    },
    Engine {
        name: "tgi",
        prefix: "tgi",
        lead: Lead::Nothing,
        model: None,
        once: &[],
        rows: &[
            gauge(Running, &["batch_current_size"]),
            gauge(Waiting, &["queue_size"]),
            counter(PromptTokens, &["request_input_length_sum"]),
            counter(GenerationTokens, &["request_generated_tokens_sum"]),
            span(Queue, &["request_queue_duration"]),
        ],
        cache: None,
    },
    Engine {
        name: "llama.cpp",
        prefix: "llamacpp",
        lead: Lead::Nothing,
        model: None,
        once: &[],
        rows: &[
            gauge(Running, &["requests_processing"]),
            gauge(Waiting, &["requests_deferred"]),
            // Builds of before 2025.
            gauge(KvUsage, &["kv_cache_usage_ratio"]),
            // Its own counter leaves out what came from the cache.
            counter(PrefixQueries, &["prompt_tokens"]),
            counter(PrefixQueries, &["prompt_tokens_cached"]),
            counter(PrefixHits, &["prompt_tokens_cached"]),
            counter(PromptTokens, &["prompt_tokens"]),
            counter(PromptTokens, &["prompt_tokens_cached"]),
            counter(GenerationTokens, &["tokens_predicted"]),
            // It does not count the requests of these.
            counter(Seconds(Prefill), &["prompt_seconds"]),
            counter(Seconds(Decode), &["tokens_predicted_seconds"]),
        ],
        cache: None,
    },
    Engine {
        name: "tensorrt-llm",
        prefix: "trtllm",
        lead: Lead::Nothing,
        model: Some("model_name"),
        once: &[],
        rows: &[
            gauge(Running, &["num_requests_running"]),
            gauge(Waiting, &["num_requests_waiting"]),
            gauge(KvUsage, &["kv_cache_utilization"]),
            counter(PromptTokens, &["prompt_tokens"]),
            counter(GenerationTokens, &["generation_tokens"]),
            span(Ttft, &["time_to_first_token_seconds"]),
            span(Queue, &["request_queue_time_seconds"]),
            span(Prefill, &["request_prefill_time_seconds"]),
            span(Decode, &["request_decode_time_seconds"]),
        ],
        cache: Some((Spot::Value("kv_cache_max_blocks"), Spot::Value("kv_cache_tokens_per_block"))),
    },
    Engine {
        name: "triton",
        prefix: "nv",
        lead: Lead::Nothing,
        // The parts of its ensembles, which are not what users ask for.
        model: None,
        once: &[],
        rows: &[
            gauge(Running, &["trt_llm_request_metrics{request_type=scheduled}"]),
            gauge(
                Waiting,
                &[
                    "trt_llm_request_metrics{request_type=waiting}",
                    "inference_pending_request_count",
                ],
            ),
            gauge(KvUsage, &["trt_llm_kv_cache_block_metrics{kv_cache_block_type=fraction}"]),
            Row {
                says: Says::Counter(Seconds(Queue)),
                names: &["inference_queue_duration_us"],
                scale: Scale::Micro,
            },
            counter(Requests(Queue), &["inference_request_success"]),
        ],
        cache: Some((
            Spot::Value("trt_llm_kv_cache_block_metrics{kv_cache_block_type=max}"),
            Spot::Value("trt_llm_kv_cache_block_metrics{kv_cache_block_type=tokens_per}"),
        )),
    },
    Engine {
        name: "lmdeploy",
        prefix: "lmdeploy",
        lead: Lead::Nothing,
        model: Some("model_name"),
        once: &[],
        rows: &[
            gauge(Running, &["num_requests_running"]),
            gauge(Waiting, &["num_requests_waiting"]),
            gauge(KvUsage, &["gpu_cache_usage_perc"]),
            counter(PromptTokens, &["prompt_tokens"]),
            counter(GenerationTokens, &["generation_tokens"]),
            span(Ttft, &["time_to_first_token_seconds"]),
            span(Queue, &["request_queue_time_seconds"]),
            span(Prefill, &["request_prefill_time_seconds"]),
            span(Decode, &["request_decode_time_seconds"]),
        ],
        cache: None,
    },
    Engine {
        name: "dynamo",
        prefix: "dynamo",
        lead: Lead::Nothing,
        model: Some("model"),
        once: &[],
        rows: &[
            gauge(Running, &["frontend_inflight_requests"]),
            // Up to the first token, so that some of them are among those in flight.
            gauge(Waiting, &["frontend_queued_requests"]),
            counter(PromptTokens, &["frontend_input_sequence_tokens_sum"]),
            counter(
                GenerationTokens,
                &["frontend_output_tokens", "frontend_output_sequence_tokens_sum"],
            ),
            span(Ttft, &["frontend_time_to_first_token_seconds"]),
        ],
        cache: None,
    },
];

impl Engine {
    /// What is left of a metric's name without this engine's prefix and without `_total`.
    pub(super) fn bare<'a>(&self, name: &'a str) -> Option<&'a str> {
        let after = match (self.lead, name.strip_prefix(self.prefix)) {
            (_, Some(after)) => after,
            (Lead::Nothing, None) => return None,
            (Lead::Anything, None) => {
                let (lead, after) = name.split_once(self.prefix)?;
                lead.ends_with('_').then_some(after)?
            }
        };
        let bare = after.strip_prefix([':', '_'])?;
        Some(bare.strip_suffix("_total").unwrap_or(bare))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn engine(name: &str) -> &'static Engine {
        ENGINES.iter().find(|engine| engine.name == name).expect("known")
    }

    #[test]
    fn prefixes_are_found_as_people_change_them() {
        for (engine_name, name, bare) in [
            ("vllm", "vllm:num_preemptions_total", Some("num_preemptions")),
            ("vllm", "kserve_vllm:num_preemptions", Some("num_preemptions")),
            ("vllm", "vllm_num_preemptions", Some("num_preemptions")),
            ("vllm", "xvllm:num_preemptions", None),
            ("vllm", "vllmx:num_preemptions", None),
            ("sglang", "sglang_num_queue_reqs", Some("num_queue_reqs")),
            ("sglang", "a_sglang:num_queue_reqs", None),
            ("llama.cpp", "llamacpp:tokens_predicted_total", Some("tokens_predicted")),
        ] {
            assert_eq!(engine(engine_name).bare(name), bare, "{name}");
        }
    }

    #[test]
    fn no_name_stands_for_two_alternatives_of_a_row() {
        for engine in ENGINES {
            for row in engine.rows {
                let mut names = row.names.to_vec();
                names.sort_unstable();
                names.dedup();
                assert_eq!(names.len(), row.names.len(), "{} {:?}", engine.name, row.says);
                assert!(row.names.iter().all(|name| !name.ends_with("_total")));
            }
            assert!(
                engine.rows.iter().any(|row| row.says == Says::Gauge(Waiting)),
                "{}",
                engine.name
            );
        }
    }
}
