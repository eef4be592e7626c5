//! A server that gives away what it is sent: each answer repeats the request's credentials in
//! another place.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

/// How many ways of giving away there are.
pub const WAYS: usize = 13;

/// The server; its threads end with their connections and with the process.
pub struct Echo {
    address: SocketAddr,
    answered: Arc<AtomicUsize>,
}

impl Echo {
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answered = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&answered);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                // A connection that breaks is the client's affair.
                thread::spawn(move || drop(answer(client, &count)));
            }
        });
        Self { address, answered }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests answered so far.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

fn answer(mut client: TcpStream, count: &AtomicUsize) -> io::Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header = |wanted: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines
            .filter(|(name, _)| *name == wanted)
            .map(|(_, value)| value)
            .next_back()
            .unwrap_or_default()
    };
    let length = header("content-length").parse().unwrap_or(0);
    io::copy(&mut (&client).take(length), &mut io::sink())?;
    let bearer = header("authorization").trim_start_matches("Bearer ");
    let secrets = format!("{bearer} {}", header("x-api-key"));
    let way = count.fetch_add(1, Ordering::SeqCst) % WAYS;
    client.write_all(given_away(way, bearer, &secrets).as_bytes())
}

/// An answer with the secrets in it.
fn given_away(way: usize, bearer: &str, secrets: &str) -> String {
    let json = |status: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nx-echo: {secrets}\r\n\
                 connection: close\r\n\r\n{body}"
        )
    };
    let stream = |events: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-echo: {secrets}\r\n\
                 connection: close\r\n\r\n{events}"
        )
    };
    let token = |text: &str, model: &str| {
        format!(
            "data: {{\"model\":\"{model}\",\"choices\":[{{\"index\":0,\
                 \"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":\"stop\"}}]}}\n\n"
        )
    };
    let error = format!(r#"{{"error":{{"message":"wrong key {secrets}","type":"{secrets}"}}}}"#);
    // Of this nothing is found that words the error, so all of it is shown, encoded anew.
    let unworded = serde_json::json!({ "error": { "info": format!("wrong key {secrets}") } });
    match way {
        0 => json("500 Internal Server Error", &error),
        1 => json(&format!("401 Not {bearer}"), &error),
        2 => json("422 Unprocessable", &format!(r#"{{"detail":"ignore_eos and {secrets}"}}"#)),
        3 => json("302 Found", "").replace("x-echo: ", "location: https://elsewhere.invalid/?"),
        4 => json("200 OK", &error),
        // A message that is cut where the secret stands.
        5 => json("503 Service Unavailable", &format!("{}{secrets}", "x".repeat(280))),
        6 => stream(&format!("{}data: [DONE]\n\n", token(&format!("You are {secrets}"), "sim-8b"))),
        7 => stream(&format!("{}data: [DONE]\n\n", token(" hello", bearer))),
        8 => stream(&format!("data: {error}\n\n")),
        9 => stream(&format!("data: {secrets}\n\n")),
        11 => json("400 Bad Request", &unworded.to_string()),
        10 => stream(&format!("event: error\ndata: {secrets}\n\n")),
        _ => format!("{secrets}\r\n\r\n"),
    }
}
