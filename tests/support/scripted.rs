//! A scripted HTTP server on loopback: every path has its answer, and what was asked is on record.
//!
//! One request a connection; requests and waits are bounded. Knows nothing of what it plays.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// Longest life of a connection.
const LIFE: Duration = Duration::from_secs(20);

/// Most of a request that is read.
const MAX_REQUEST: usize = 64 * 1024;

/// What a path is answered with.
#[derive(Clone)]
pub enum Reply {
    /// This answer.
    Whole(Answer),
    /// Nothing, and the connection stays open.
    Silence,
    /// Status 401 and an error that quotes the `Authorization` header, as OpenAI's does.
    QuotesKey,
}

/// An answer: status line and headers, and a body whose length the server adds.
#[derive(Clone)]
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: &str, kind: &str, body: &str) -> Self {
        let head = format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\n");
        Self { head, body: body.into() }
    }

    /// The answer in the files `path.headers` and `path.body`, without their framing.
    pub fn read(path: &Path) -> Self {
        let headers = path.with_extension("headers");
        let text = std::fs::read_to_string(&headers)
            .unwrap_or_else(|error| panic!("{}: {error}", headers.display()));
        let framing = ["content-length", "transfer-encoding", "connection", "keep-alive"];
        let kept = text.lines().filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_lowercase();
            !line.is_empty() && !framing.contains(&name.as_str())
        });
        let head = kept.map(|line| format!("{line}\r\n")).collect();
        Self { head, body: std::fs::read(path.with_extension("body")).expect("a body") }
    }
}

/// What a server plays.
#[derive(Clone)]
pub struct Script {
    pub paths: HashMap<String, Reply>,
    pub otherwise: Reply,
}

/// The server. Ends when dropped.
pub struct Server {
    pub address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

impl Server {
    pub async fn play(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let address = listener.local_addr().expect("bound");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (record, script) = (Arc::clone(&asked), Arc::new(script));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (script, record) = (Arc::clone(&script), Arc::clone(&record));
                connections.spawn(async move {
                    // A client that goes away early is no matter of the server's.
                    let _ = timeout(LIFE, serve(stream, &script, &record)).await;
                });
            }
        });
        Self { address, asked, _tasks: tasks }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, heads and bodies, in order.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    script: &Script,
    record: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let request = request(&mut stream).await?;
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    record.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
    let answer = match script.paths.get(&path).unwrap_or(&script.otherwise) {
        Reply::Whole(answer) => answer.clone(),
        Reply::Silence => {
            tokio::time::sleep(LIFE).await;
            return Ok(());
        }
        Reply::QuotesKey => {
            let key = request.lines().find(|line| line.to_lowercase().starts_with("authorization"));
            let body =
                format!(r#"{{"error":{{"message":"wrong key: {}"}}}}"#, key.unwrap_or("none"));
            Answer::new("401 Unauthorized", "application/json", &body)
        }
    };
    let length = answer.body.len();
    let head = format!("{}content-length: {length}\r\nconnection: close\r\n\r\n", answer.head);
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(&answer.body).await?;
    stream.shutdown().await
}

/// The head and the body of a request.
async fn request(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            });
            if body.len() >= length.unwrap_or(0) {
                return Ok(text.into_owned());
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 || bytes.len() > MAX_REQUEST {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}
