//! Assembly: sinks, the measuring thread, the web side, the supervisor.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    listeners::Listeners,
    measuring::Measuring,
    signals::Signals,
    supervisor::{Ended, Supervisor},
    sweeps::{Desk, History},
    telemetry::{Collectors, Windows},
};
use crate::{
    client::EndpointError,
    clock::Wall,
    config::Config,
    sinks::{
        otlp::Otlp,
        prometheus::{BuildInfo, Prometheus},
        recent::Recent,
        sweeps::Sweeps,
    },
    store,
    telemetry::{self, LogCounter},
    web::{self, BindError, DaemonStatus, WebOptions, WebState},
};

/// Commands of the web side that may wait; more are refused there.
const WAITING: usize = 64;

/// How long answers in progress may take to end once the beats have.
const WEB_GRACE: Duration = Duration::from_secs(3);

/// How the daemon runs, besides its configuration.
#[derive(Debug)]
pub struct Options {
    /// The file to read again on a reload; without one (in `demo`) there is no reload.
    pub config_file: Option<PathBuf>,
    /// How often the files are looked at for changes; zero for never.
    pub auto_reload: Duration,
    /// How long beats in flight may take to end.
    pub drain: Duration,
    /// Where the records of runs are kept; nothing is, unless a sweep is configured.
    pub storage: store::Settings,
    /// The web side.
    pub web: WebOptions,
}

/// What keeps the daemon from running.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The system gives no thread, runtime or signal handler.
    #[error("the system refuses a thread, a runtime or a signal handler: {0}")]
    System(#[from] io::Error),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A target cannot be gone to.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
}

/// The daemon, listening but not yet beating.
pub struct Daemon {
    options: Options,
    listeners: Vec<TcpListener>,
    log_counter: LogCounter,
    runtime: tokio::runtime::Runtime,
}

impl Daemon {
    /// Binds the addresses. Fails before anything beats.
    ///
    /// # Errors
    /// If an address cannot be bound, or the system refuses a runtime.
    pub fn new(options: Options, log_counter: LogCounter) -> Result<Self, DaemonError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("serve")
            .enable_all()
            .build()?;
        let mut listeners = Vec::new();
        for address in &options.web.listen {
            listeners.push(runtime.block_on(web::bind(*address))?);
        }
        Ok(Self { options, listeners, log_counter, runtime })
    }

    /// The addresses that are listened on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Runs until a signal ends it.
    ///
    /// # Errors
    /// If a target of `config` cannot be gone to, or the system refuses a thread.
    pub fn run(self, config: Config) -> Result<Ended, DaemonError> {
        let Self { options, listeners, log_counter, runtime } = self;
        let result = runtime.block_on(serve(options, listeners, log_counter, config));
        // Blocking calls, such as a name resolution, are not waited for.
        runtime.shutdown_background();
        result
    }
}

async fn serve(
    options: Options,
    listeners: Vec<TcpListener>,
    log_counter: LogCounter,
    config: Config,
) -> Result<Ended, DaemonError> {
    let signals = Signals::catch()?;
    let wall = Wall::anchor();
    let prometheus = Arc::new(Prometheus::new(BuildInfo::current()));
    prometheus.add_source(telemetry::process_readings);
    let cgroup = telemetry::Cgroup::of_this_process();
    prometheus.add_source(move || cgroup.readings());
    prometheus.add_source(move || log_counter.readings());
    let board = Arc::new(telemetry::Board::default());
    let recent = Arc::new(Recent::new());
    let driver = telemetry::Nvml::default();
    let collectors = Collectors::new(Arc::clone(&board), driver.clone());
    let windows = Arc::new(Windows::new(Arc::clone(&recent), Arc::clone(&board)));
    prometheus.add_source(move || board.readings());
    let joined = Arc::clone(&windows);
    prometheus.add_source(move || joined.readings());
    let otlp = Otlp::new(Arc::clone(&prometheus), wall);
    let (sweeps, history) = (Arc::new(Sweeps::default()), Arc::new(History::default()));
    let sinks = Listeners::new(Arc::clone(&prometheus), Arc::clone(&recent), Arc::clone(&sweeps));
    let sinks = Arc::new(sinks);
    let measuring = Measuring::start(wall, Arc::clone(&sinks) as _)?;

    let (status, status_seen) = watch::channel(DaemonStatus::default());
    let (commands, orders) = mpsc::channel(WAITING);
    let exposition = Arc::new(move |accept: Option<&str>, encoding: Option<&str>| {
        prometheus.render(accept, encoding)
    });
    let (traces, history_shown) = (Arc::clone(&sinks.traces), Arc::clone(&history) as _);
    let shown = web::Shown { recent, sweeps, traces, history: history_shown, beside: windows };
    let state = WebState::new(options.web.clone(), shown, exposition, commands, status_seen);
    let stop_serving = CancellationToken::new();
    let mut serving = JoinSet::new();
    let mut open = false;
    for listener in &listeners {
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, version = env!("CARGO_PKG_VERSION"), "listening");
            open |= !address.ip().is_loopback();
        }
    }
    if open {
        tracing::warn!(
            "whoever reaches this address reads the page and the metrics: it asks for no password"
        );
    }
    serving.spawn(web::serve(listeners, web::router(state), stop_serving.clone()));

    let desk = Desk::new(Arc::clone(&sinks), history, options.storage.clone(), driver);
    let mut supervisor = Supervisor::new(options, sinks, measuring, desk, collectors, otlp, status);
    supervisor.apply(&config)?;
    let ended = supervisor.run(config, signals, orders).await;
    stop_serving.cancel();
    // A second signal asks for the end at once: no answer is waited for.
    let grace = if ended == Ended::Drained { WEB_GRACE } else { Duration::ZERO };
    if tokio::time::timeout(grace, serving.join_next()).await.is_err() {
        tracing::warn!("answers were still in progress");
    }
    tracing::info!("stopped");
    Ok(ended)
}
