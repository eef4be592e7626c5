//! What the engine did, one set a model, in the names of vLLM's V1 metrics.
//!
//! Owns the counters and their text. Must not know who counts.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::histogram::Histogram;

/// Bounds of the request phases, as vLLM has them.
const PHASE: &[f64] = &[
    0.3, 0.5, 0.8, 1.0, 1.5, 2.0, 2.5, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, 120.0, 240.0,
    480.0, 960.0, 1920.0, 7680.0,
];
const FIRST_TOKEN: &[f64] = &[
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    20.0, 40.0, 80.0, 160.0, 640.0, 2560.0,
];
const GAP: &[f64] = &[
    0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0,
    40.0, 80.0,
];

/// Tokens in a block of the KV cache.
const BLOCK: u64 = 16;

/// How the engine's work on a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    /// A natural end.
    Stop,
    /// The limit of tokens.
    Length,
    /// The client left, or the stream was cut.
    Abort,
    /// An error was reported in the stream.
    Error,
}

impl Finish {
    const ALL: [Self; 4] = [Self::Stop, Self::Length, Self::Abort, Self::Error];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Abort => "abort",
            Self::Error => "error",
        }
    }
}

/// The metrics of one model.
pub(super) struct Metrics {
    labels: String,
    kv_capacity: u64,
    pub(super) running: AtomicU64,
    pub(super) waiting: AtomicU64,
    pub(super) kv_tokens: AtomicU64,
    pub(super) prefix_queries: AtomicU64,
    pub(super) prefix_hits: AtomicU64,
    pub(super) prompt_tokens: AtomicU64,
    pub(super) generation_tokens: AtomicU64,
    pub(super) preemptions: AtomicU64,
    finished: [AtomicU64; Finish::ALL.len()],
    pub(super) first_token: Histogram,
    pub(super) gap: Histogram,
    pub(super) queue: Histogram,
    pub(super) prefill: Histogram,
    pub(super) decode: Histogram,
    pub(super) e2e: Histogram,
}

type Scalar = (&'static str, &'static str, &'static str, fn(&Metrics) -> f64);
type Distribution = (&'static str, &'static str, fn(&Metrics) -> &Histogram);

fn load(value: &AtomicU64) -> f64 {
    value.load(Ordering::Relaxed) as f64
}

#[rustfmt::skip]
const SCALARS: &[Scalar] = &[
    ("vllm:num_requests_running", "gauge", "Requests being worked on.", |m| load(&m.running)),
    ("vllm:num_requests_waiting", "gauge", "Requests in the queue.", |m| load(&m.waiting)),
    ("vllm:kv_cache_usage_perc", "gauge", "Share of the KV cache in use, 0 to 1.", Metrics::kv_usage),
    ("vllm:prefix_cache_queries_total", "counter", "Prompt tokens looked up in the prefix cache.", |m| load(&m.prefix_queries)),
    ("vllm:prefix_cache_hits_total", "counter", "Prompt tokens found in the prefix cache.", |m| load(&m.prefix_hits)),
    ("vllm:num_preemptions_total", "counter", "Requests that were put back.", |m| load(&m.preemptions)),
    ("vllm:prompt_tokens_total", "counter", "Prompt tokens taken in.", |m| load(&m.prompt_tokens)),
    ("vllm:generation_tokens_total", "counter", "Tokens generated.", |m| load(&m.generation_tokens)),
];

#[rustfmt::skip]
const DISTRIBUTIONS: &[Distribution] = &[
    ("vllm:time_to_first_token_seconds", "From arrival to the first token.", |m| &m.first_token),
    ("vllm:inter_token_latency_seconds", "Gaps between events with tokens.", |m| &m.gap),
    ("vllm:e2e_request_latency_seconds", "From arrival to the last token.", |m| &m.e2e),
    ("vllm:request_queue_time_seconds", "From arrival to the start of work.", |m| &m.queue),
    ("vllm:request_prefill_time_seconds", "From the start of work to the first token.", |m| &m.prefill),
    ("vllm:request_decode_time_seconds", "From the first token to the last.", |m| &m.decode),
];

impl Metrics {
    pub(super) fn new(model: &str, kv_capacity: u64) -> Self {
        let model = model.replace('\\', r"\\").replace('"', "\\\"").replace('\n', "\\n");
        Self {
            labels: format!("engine=\"0\",model_name=\"{model}\""),
            kv_capacity,
            running: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            kv_tokens: AtomicU64::new(0),
            prefix_queries: AtomicU64::new(0),
            prefix_hits: AtomicU64::new(0),
            prompt_tokens: AtomicU64::new(0),
            generation_tokens: AtomicU64::new(0),
            preemptions: AtomicU64::new(0),
            finished: Default::default(),
            first_token: Histogram::new(FIRST_TOKEN),
            gap: Histogram::new(GAP),
            queue: Histogram::new(PHASE),
            prefill: Histogram::new(PHASE),
            decode: Histogram::new(PHASE),
            e2e: Histogram::new(PHASE),
        }
    }

    /// Share of the KV cache in use.
    pub(super) fn kv_usage(&self) -> f64 {
        (load(&self.kv_tokens) / self.kv_capacity as f64).min(1.0)
    }

    pub(super) fn finished(&self, how: Finish) {
        self.finished[how as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// The exposition of all models, in the text format 0.0.4.
pub(super) fn render(models: &[Arc<Metrics>]) -> String {
    let mut out = String::new();
    for (name, kind, help, value) in SCALARS {
        head(&mut out, name, kind, help);
        for model in models {
            let _ = writeln!(out, "{name}{{{}}} {:?}", model.labels, value(model));
        }
    }
    let name = "vllm:cache_config_info";
    head(&mut out, name, "gauge", "The KV cache: its blocks, and the tokens of one.");
    for model in models {
        let (labels, blocks) = (&model.labels, model.kv_capacity / BLOCK);
        let size = format!("block_size=\"{BLOCK}\",num_gpu_blocks=\"{blocks}\"");
        let _ = writeln!(out, "{name}{{{labels},{size}}} 1.0");
    }
    let name = "vllm:request_success_total";
    head(&mut out, name, "counter", "Requests whose work ended, by how it did.");
    for model in models {
        for how in Finish::ALL {
            let count = load(&model.finished[how as usize]);
            let (labels, reason) = (&model.labels, how.as_str());
            let _ = writeln!(out, "{name}{{{labels},finished_reason=\"{reason}\"}} {count:?}");
        }
    }
    for (name, help, histogram) in DISTRIBUTIONS {
        head(&mut out, name, "histogram", help);
        for model in models {
            histogram(model).render(&mut out, name, &model.labels);
        }
    }
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}
