//! HTTP: metrics, health, lifecycle, one probe on demand, JSON, and the page.
//!
//! Owns what is served and how it is guarded. Starts nothing itself: what changes the daemon is a
//! [`Command`] sent to it, what is shown comes from [`crate::sinks::recent`],
//! [`crate::sinks::sweeps`], [`crate::sinks::traces`], [`History`], [`Beside`] and [`DaemonStatus`].
//! Must not know the client, the schedule or the load. Everything shown that came from a target
//! or a configuration is escaped.

mod api;
mod assets;
mod command;
mod crowd;
mod failures;
mod filter;
mod format;
mod gauges;
mod guard;
mod lifecycle;
mod metrics;
mod options;
mod page;
mod probe;
mod reply;
mod router;
mod runs;
mod server;
mod sparkline;
mod state;
mod subject;
mod summary;
mod sweeps;
mod sweeps_view;
mod telemetry;
mod trace;
mod traces;
mod view;

pub use command::{CancelRefused, Command, ProbeRefused, ProbeReply, SweepAsked, SweepReply};
pub use metrics::MetricsSource;
pub use options::{Content, Gate, RoutePrefix, RoutePrefixError, WebOptions};
pub use router::router;
pub use server::{BindError, bind, serve};
pub use state::{Beside, DaemonStatus, History, Readiness, Shown, WebState};
