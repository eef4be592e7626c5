//! tokenbeat: the heartbeat of every model server.
//!
//! A Prometheus-native continuous benchmarking daemon for LLM inference endpoints. The house is
//! read from the front door to the back, in the order in which data flows:
//!
//! | module | owns |
//! |---|---|
//! | [`clock`] | monotonic stamps and the wall-clock anchor; the only reader of clocks |
//! | [`config`] | files become a checked, immutable `Config`, or problems with their source |
//! | [`schedule`] | when a beat or a sweep is due: phases, the pacer thread, the plan, guards |
//! | [`calendar`] | cron expressions and maintenance windows in a time zone |
//! | [`arrival`] | when requests of a load are due: closed loops and seeded open schedules |
//! | [`workload`] | what is asked: seeded request plans |
//! | [`protocol`] | one file an API: a plan becomes a request, an event a `Delta` |
//! | [`sse`] | bytes become server-sent events |
//! | [`client`] | connections, stamped reads, deadlines: one attempt of an exchange |
//! | [`units`] | durations, ratios and sizes as people write them |
//! | [`fnv`] | the hash by which seeds, phases and ids never change |
//! | [`timeline`] | what happened: raw anchors, the closed `Outcome` |
//! | [`load`] | plan × client → exchanges: retries, content checks, beats |
//! | [`measure`] | the numbers: formulas, and the metric catalogue |
//! | [`verdict`] | the judgement: SLOs, and what can be certified |
//! | [`event`] | the values that cross to the sinks: a beat, a run's record |
//! | [`tally`] | the exchanges of one step become its record |
//! | [`analysis`] | what follows from steps: knee, saturation, the search for max goodput |
//! | [`report`] | a run's record as table, JSON, CSV, Markdown, HTML |
//! | [`rules`] | Prometheus rules: the shipped ones, and those of a configuration |
//! | [`dashboard`] | the Grafana dashboards, from one typed description |
//! | [`store`] | the records of runs on disk |
//! | [`sinks`] | Prometheus exposition; OTLP export; recent beats; where sweeps stand |
//! | [`telemetry`] | our own process: CPU throttling and pressure; what engines and GPUs tell |
//! | [`web`] | HTTP: metrics, health, pages; starts nothing itself |
//! | [`daemon`] | assembly, supervision, signals, drain |
//! | [`check`] | the quick test of one target, and the engine behind it |
//! | [`cli`] | one file a command |
//! | [`sim`] | the simulated engine of `demo`, `sim` and the tests |
//!
//! The arrows run one way (`docs/architecture.md`); `tests/architecture.rs` checks them.

pub mod analysis;
pub mod arrival;
pub mod calendar;
pub mod check;
pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod dashboard;
pub mod event;
pub mod fnv;
pub mod load;
pub mod measure;
pub mod protocol;
pub mod report;
pub mod rules;
pub mod schedule;
pub mod sim;
pub mod sinks;
pub mod sse;
pub mod store;
pub mod tally;
pub mod telemetry;
pub mod timeline;
pub mod units;
pub mod verdict;
pub mod web;
pub mod workload;
