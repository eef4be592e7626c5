//! The flags of `tokenbeat bench`.
//!
//! Owns their names, groups, help and forms. What they mean together is in `scenario`.

use std::{num::NonZeroU32, path::PathBuf, time::Duration};

use clap::{ArgAction, ValueEnum, builder::TypedValueParser};

use super::{
    super::target::{TargetArgs, named},
    engine::{self, EngineMetricsArg},
};
use crate::{
    measure::Compat,
    units::{Period, Ratio, UnitError},
};

/// Longest time that a flag can give.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// What stands below the flags.
const EXAMPLES: &str = "\
Without a flag of load, one user sends ten requests, one after the other.

Examples:
  Ten requests, to see that it works
      tokenbeat bench http://localhost:8000
  Six levels of concurrency, ten requests a user, 30s between them
      tokenbeat bench http://localhost:8000 --concurrency 10,20,40,80,120,200 --requests 10x \\
          --isl 200 --isl-stddev 20 --osl 100 --osl-stddev 10 --settle 30s --html run.html
  Twenty requests a second for a minute, held against an SLO
      tokenbeat bench http://localhost:8000 --request-rate 20 --duration 60s --goodput \"ttft:500ms tpot:30ms\"
  The highest rate that meets it
      tokenbeat bench http://localhost:8000 --find-max-goodput --goodput \"ttft:500ms tpot:30ms\"
  The same beside the GPUs of this machine: joules a token, throttling
      tokenbeat bench http://localhost:8000 --concurrency 10,50 --gpus all
  A shipped scenario, the record as JSON
      tokenbeat bench http://localhost:8000 --scenario latency_benchmark --output run.json

Exit codes: 0 done and within the SLO, 1 usage or I/O error, 2 not measured, 3 the SLO was missed,
4 not enough data or not valid, 130 interrupted, 143 terminated.";

/// Benchmark a target: one load, a sweep over several, or the search for the highest that it bears.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Args {
    /// Base URL of the target, or its name in the configuration
    #[arg(value_name = "URL|NAME")]
    pub(super) target: String,
    #[command(flatten)]
    pub(super) how: TargetArgs,
    #[command(flatten)]
    pub(super) whom: WhomArgs,
    #[command(flatten)]
    pub(super) load: LoadArgs,
    #[command(flatten)]
    pub(super) steps: StepArgs,
    #[command(flatten)]
    pub(super) workload: WorkloadArgs,
    #[command(flatten)]
    pub(super) judging: JudgingArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Whom to ask, and for how long.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Target")]
pub(super) struct WhomArgs {
    /// Model to ask for; by default the target's first, else the first that the server lists
    #[arg(long, short = 'm')]
    pub(super) model: Option<String>,
    /// Benchmark every model of the target, one after the other
    #[arg(long, conflicts_with = "model")]
    pub(super) all_models: bool,
    /// Longest exchange; by default that of the scenario or the configuration, else 60s
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) timeout: Option<Duration>,
    /// Attempts of an exchange, with pauses of 1s, 2s, 4s … between them; its latencies include them
    #[arg(long, value_name = "ATTEMPTS", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(super) retry: Option<u32>,
    /// tokenizer.json of the model, for exact lengths; by default learnt from what the server reports
    #[arg(long, value_name = "FILE")]
    pub(super) tokenizer: Option<PathBuf>,
    /// The engine's own metrics, read beside every step for causes and foreign load: auto (those of
    /// the configuration, else /metrics of the target, if an engine shows them there), off, or URLs,
    /// one a process
    #[arg(long, value_name = "auto|off|URL,…", default_value = "auto", value_parser = engine::parse)]
    pub(super) engine_metrics: EngineMetricsArg,
    /// GPUs of this machine that the target runs on, read beside every step: all, or indices and
    /// UUIDs as nvidia-smi -L lists them
    #[arg(long, value_name = "all|GPU,…", value_delimiter = ',')]
    pub(super) gpus: Vec<String>,
}

/// How requests come.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Load")]
pub(super) struct LoadArgs {
    /// Requests in flight: a number, or a list with a step for each
    #[arg(long, short = 'c', value_name = "N,…", value_delimiter = ',', value_parser = whole)]
    pub(super) concurrency: Vec<NonZeroU32>,
    /// Users that enter in a second at the start of a step; by default all at once
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(super) spawn_rate: Option<f64>,
    /// Requests a second, whatever becomes of them: a number, or a list with a step for each
    #[arg(long, value_name = "RATE,…", value_delimiter = ',', value_parser = rate)]
    pub(super) request_rate: Vec<f64>,
    /// How a rate is spread over time; by default poisson
    #[arg(long, value_enum)]
    pub(super) arrival: Option<ArrivalArg>,
    /// Shape of the gaps of gamma arrivals: 1 is Poisson, less is burstier
    #[arg(long, value_name = "SHAPE", value_parser = rate)]
    pub(super) burstiness: Option<f64>,
    /// Requests at once of burst arrivals
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..))]
    pub(super) burst_size: Option<u32>,
    /// Most requests in flight of a rate: those that are due meanwhile wait, and their latencies
    /// count from when they were due
    #[arg(long, value_name = "N", value_parser = whole)]
    pub(super) max_concurrency: Option<NonZeroU32>,
    /// Repeat a recorded load: JSON lines, or the forms of Mooncake, Azure or BurstGPT
    #[arg(long, value_name = "FILE")]
    pub(super) trace: Option<PathBuf>,
    /// Search for the highest rate, or concurrency, that meets the SLO. --request-rate or
    /// --concurrency then give the first level, and a second value the highest
    #[arg(long, value_name = "OF", value_enum, num_args = 0..=1, default_missing_value = "rate", require_equals = true)]
    pub(super) find_max_goodput: Option<QuantityArg>,
    /// Load, steps and workload of this name, shipped or in --config.file; other flags change it
    #[arg(long, value_name = "NAME")]
    pub(super) scenario: Option<String>,
}

/// What a step is.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Steps")]
pub(super) struct StepArgs {
    /// Requests of a step: a number, or 10x for ten of each user. By default 10x, of a rate 60s
    #[arg(long, short = 'n', value_name = "N|Nx", value_parser = requests)]
    pub(super) requests: Option<RequestsArg>,
    /// How long a step lasts at most
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) duration: Option<Duration>,
    /// Requests before those that are judged; by default the scenario's, else 1, and 0 of a trace
    #[arg(long, value_name = "N")]
    pub(super) warmup: Option<u64>,
    /// Pause between steps
    #[arg(long, value_name = "DURATION", value_parser = duration_or_zero)]
    pub(super) settle: Option<Duration>,
    /// Seed of prompts and arrivals; by default drawn, and written into the record
    #[arg(long)]
    pub(super) seed: Option<u64>,
    /// Measure first what this machine's client costs, in some fifteen seconds
    #[arg(long, action = ArgAction::SetTrue)]
    pub(super) calibrate: bool,
}

/// What is asked.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Workload")]
pub(super) struct WorkloadArgs {
    /// Mean length of the prompts, in tokens; by default 200
    #[arg(long, value_name = "TOKENS", value_parser = whole)]
    pub(super) isl: Option<NonZeroU32>,
    /// Its standard deviation
    #[arg(long, value_name = "TOKENS", value_parser = spread)]
    pub(super) isl_stddev: Option<f64>,
    /// Mean length of the answers, in tokens; by default 100
    #[arg(long, value_name = "TOKENS", value_parser = whole)]
    pub(super) osl: Option<NonZeroU32>,
    /// Its standard deviation
    #[arg(long, value_name = "TOKENS", value_parser = spread)]
    pub(super) osl_stddev: Option<f64>,
    /// Tokens at the head of every prompt that are the same in all of them, for prefix caches
    #[arg(long, value_name = "TOKENS")]
    pub(super) shared_prefix: Option<u32>,
    /// Prompts from a file: JSON lines of ShareGPT, of prompts or of messages
    #[arg(long, value_name = "FILE")]
    pub(super) dataset: Option<PathBuf>,
    /// GET this path in place of completions, such as /health: the rate of requests alone
    #[arg(long, value_name = "PATH")]
    pub(super) http_path: Option<String>,
}

/// What the numbers are held against.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Judging")]
pub(super) struct JudgingArgs {
    /// An SLO, such as "ttft:500ms tpot:30ms"; numbers without a unit are milliseconds
    #[arg(long, value_name = "SLO")]
    pub(super) goodput: Vec<String>,
    /// The share of requests that has to meet --goodput; by default 95%
    #[arg(long, value_name = "RATIO", value_parser = ratio)]
    pub(super) objective: Option<Ratio>,
    /// An SLO by its name, shipped or in --config.file; may repeat
    #[arg(long, value_name = "NAME")]
    pub(super) slo: Vec<String>,
    /// The same requests by the definitions of another tool, beside ours
    #[arg(long, value_name = "TOOL", value_parser = compat())]
    pub(super) compat: Option<Compat>,
}

/// Where the results go.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// What is printed
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(super) format: Format,
    /// Write the record of the run, as JSON
    #[arg(long, short = 'o', value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Write a table with a row for each step
    #[arg(long, value_name = "FILE")]
    pub(super) csv: Option<PathBuf>,
    /// Write a page with charts
    #[arg(long, value_name = "FILE")]
    pub(super) html: Option<PathBuf>,
}

/// How a rate is spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ArrivalArg {
    /// At random, as many independent users do
    Poisson,
    /// At equal gaps
    Constant,
    /// At random, by --burstiness
    Gamma,
    /// --burst-size at once, then nothing until the next
    Burst,
}

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum QuantityArg {
    /// Requests a second
    Rate,
    /// Requests in flight
    Concurrency,
}

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Tables for people
    Table,
    /// The record; of several models a list of records
    Json,
    /// One flat object a step, with the keys ttft_ms, tpot_ms, latency_s …
    FlatJson,
    /// Tables for a pull request
    Markdown,
}

/// How many requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestsArg {
    Count(u64),
    PerUser(u64),
}

impl ArrivalArg {
    /// Its name in the configuration.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Poisson => "poisson",
            Self::Constant => "constant",
            Self::Gamma => "gamma",
            Self::Burst => "burst",
        }
    }
}

impl QuantityArg {
    /// Its name in the configuration.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::Concurrency => "concurrency",
        }
    }
}

fn requests(text: &str) -> Result<RequestsArg, String> {
    let (number, make): (_, fn(u64) -> RequestsArg) = match text.strip_suffix('x') {
        Some(number) => (number, RequestsArg::PerUser),
        None => (text, RequestsArg::Count),
    };
    match number.parse() {
        Ok(number) if number > 0 => Ok(make(number)),
        _ => Err("a number such as 100, or 10x for ten of each user".to_owned()),
    }
}

fn whole(text: &str) -> Result<NonZeroU32, String> {
    text.parse().map_err(|_| "a whole number above 0, such as 10".to_owned())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && rate > 0.0 => Ok(rate),
        Ok(rate) if rate.is_infinite() => {
            Err("to send as fast as answers come, give --concurrency".to_owned())
        }
        _ => Err("a number above 0, such as 5 or 0.5".to_owned()),
    }
}

fn spread(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(spread) if spread.is_finite() && spread >= 0.0 => Ok(spread),
        _ => Err("a number of tokens, 0 or more".to_owned()),
    }
}

fn ratio(text: &str) -> Result<Ratio, String> {
    text.parse().map_err(|error: UnitError| error.to_string())
}

fn compat() -> impl TypedValueParser<Value = Compat> {
    named(Compat::ALL, Compat::as_str)
}

fn duration(text: &str) -> Result<Duration, String> {
    match duration_or_zero(text) {
        Ok(duration) if duration.is_zero() => Err("longer than zero".to_owned()),
        other => other,
    }
}

fn duration_or_zero(text: &str) -> Result<Duration, String> {
    let Period(duration) = text.parse().map_err(|error: UnitError| error.to_string())?;
    if duration <= LONGEST { Ok(duration) } else { Err("at most 7d".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_a_count_or_of_each_user() {
        assert_eq!(requests("100"), Ok(RequestsArg::Count(100)));
        assert_eq!(requests("10x"), Ok(RequestsArg::PerUser(10)));
        for wrong in ["", "x", "0", "0x", "-1", "1.5", "10X"] {
            assert!(requests(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_whole_number_is_asked_for_in_words() {
        assert_eq!(whole("10").map(NonZeroU32::get), Ok(10));
        for wrong in ["", "0", "-1", "1.5", "ten", "4294967296"] {
            assert!(whole(wrong).expect_err(wrong).contains("such as 10"), "{wrong}");
        }
    }

    #[test]
    fn a_rate_without_end_is_a_closed_loop() {
        assert!(rate("inf").expect_err("none").contains("--concurrency"));
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "nan", "five"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
