//! The web side on a real socket, and a client of a few lines.

#![expect(clippy::expect_used, reason = "a helper of tests: what fails here fails the test")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokenbeat::{
    event::{BeatKey, ProbeWindow, RunRecord, TelemetrySource},
    sinks::{
        prometheus::{Coding, Exposition, Format},
        recent::{ProbeSnapshot, Recent},
        traces::Traces,
    },
    web::{
        Beside, Command, DaemonStatus, History, MetricsSource, Readiness, Shown, WebOptions,
        WebState, bind, router, serve,
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{mpsc, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

/// The longest any test waits for an answer.
const DEADLINE: Duration = Duration::from_secs(30);

pub struct Site {
    pub port: u16,
    pub commands: mpsc::Receiver<Command>,
    pub status: watch::Sender<DaemonStatus>,
    pub traces: Arc<Traces>,
    pub beside: Arc<Told>,
    pub shutdown: CancellationToken,
    pub served: JoinHandle<()>,
}

pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(&prefix))
    }
}

pub async fn site(options: WebOptions, recent: &Arc<Recent>) -> Site {
    let metrics = |accept: Option<&str>, encoding: Option<&str>| {
        Ok(exposition(format!("# {accept:?} {encoding:?}\n")))
    };
    site_with(options, recent, Arc::new(metrics)).await
}

/// An exposition of this text.
pub fn exposition(text: String) -> Exposition {
    Exposition {
        format: Format::Text,
        content_type: "text/plain; version=0.0.4".into(),
        coding: Coding::Identity,
        body: text.into_bytes(),
    }
}

/// A daemon that has run nothing yet.
struct NoHistory;

impl History for NoHistory {
    fn list(&self, _: &str, _: &str, _: usize, _: &mut dyn FnMut(&RunRecord)) {}

    fn get(&self, _: &str) -> Option<Arc<RunRecord>> {
        None
    }
}

/// Engines and GPUs that tell what the test says.
#[derive(Default)]
pub struct Told {
    pub windows: Mutex<BTreeMap<Arc<BeatKey>, ProbeWindow>>,
    pub sources: Mutex<BTreeMap<Arc<str>, Vec<TelemetrySource>>>,
}

impl Beside for Told {
    fn windows(&self, _: &[ProbeSnapshot]) -> BTreeMap<Arc<BeatKey>, ProbeWindow> {
        self.windows.lock().expect("no test panics").clone()
    }

    fn sources(&self) -> BTreeMap<Arc<str>, Vec<TelemetrySource>> {
        self.sources.lock().expect("no test panics").clone()
    }
}

/// A site whose `/metrics` come from `metrics`.
#[expect(clippy::disallowed_methods, reason = "the test owns the server's task")]
pub async fn site_with(options: WebOptions, recent: &Arc<Recent>, metrics: MetricsSource) -> Site {
    let listener = bind(([127, 0, 0, 1], 0).into()).await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let (send, commands) = mpsc::channel(4);
    let ready = DaemonStatus { readiness: Readiness::Ready, ..DaemonStatus::default() };
    let (status, status_of) = watch::channel(ready);
    let traces = Arc::new(Traces::default());
    let beside = Arc::new(Told::default());
    let shown = Shown {
        recent: Arc::clone(recent),
        sweeps: Arc::default(),
        traces: Arc::clone(&traces),
        history: Arc::new(NoHistory),
        beside: Arc::clone(&beside) as _,
    };
    let state = WebState::new(options, shown, metrics, send, status_of);
    let shutdown = CancellationToken::new();
    let served = tokio::spawn(serve(vec![listener], router(state), shutdown.clone()));
    Site { port, commands, status, traces, beside, shutdown, served }
}

impl Site {
    pub async fn get(&self, path: &str) -> Answer {
        ask(self.port, "GET", path, "").await
    }
}

/// One request with `headers`, each ended by a line break.
pub async fn ask(port: u16, method: &str, path: &str, headers: &str) -> Answer {
    let request =
        format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = tokio::time::timeout(DEADLINE, exchange).await;
    let answer = answer.expect("an answer in time").expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head[9..12].parse().expect("a status");
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}
