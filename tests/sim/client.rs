//! A bare HTTP/1.1 client over a blocking socket: it shows every byte and chunk.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tokenbeat::sim::SpawnedSim;

/// Nothing in these tests is silent for longer, so a read that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a body, or the wait for one, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As its framing says.
    Complete,
    /// The connection was closed before.
    Closed,
    /// The connection was reset.
    Reset,
    /// Nothing came for the time that the client waits.
    Silent,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
    /// The chunks, for a chunked body.
    pub chunks: Vec<String>,
    pub end: End,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The JSON of the events, `[DONE]`, comments and others that are no JSON left out.
    pub fn events(&self) -> Vec<Value> {
        let text = self.text().replace("\r\n", "\n");
        let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter_map(|data| serde_json::from_str(data).ok()).collect()
    }

    /// The pieces of text, one an event.
    pub fn words(&self) -> Vec<String> {
        self.deltas("content", "text")
    }

    /// The pieces that a chat delta calls `field`, or a completion `plain`, if not empty.
    pub fn deltas(&self, field: &str, plain: &str) -> Vec<String> {
        let pieces = self.events().into_iter().filter_map(|event| {
            let choice = &event["choices"][0];
            let piece = choice["delta"][field].as_str().or_else(|| choice[plain].as_str());
            piece.map(str::to_owned)
        });
        pieces.filter(|piece| !piece.is_empty()).collect()
    }

    pub fn finish_reason(&self) -> Option<String> {
        self.events()
            .iter()
            .find_map(|event| event["choices"][0]["finish_reason"].as_str().map(str::to_owned))
    }

    pub fn is_done(&self) -> bool {
        self.text().contains("data: [DONE]")
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    pub fn new(sim: &SpawnedSim) -> Self {
        let stream = TcpStream::connect(sim.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// How long this client waits for the next byte.
    pub fn patience(&self, patience: Duration) {
        self.stream.set_read_timeout(Some(patience)).unwrap();
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).unwrap();
    }

    pub fn send(&mut self, method: &str, path: &str, headers: &[&str], body: &str) {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let length = body.len();
        self.raw(&format!(
            "{method} {path} HTTP/1.1\r\nhost: sim\r\n{headers}content-length: {length}\r\n\r\n{body}"
        ));
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "");
        self.answer()
    }

    pub fn post(&mut self, path: &str, headers: &[&str], body: &Value) -> Answer {
        self.send("POST", path, headers, &body.to_string());
        self.answer()
    }

    /// Reads one answer that must have a head.
    pub fn answer(&mut self) -> Answer {
        self.try_answer().unwrap_or_else(|end| panic!("no head: {end:?}"))
    }

    /// Reads one answer; the error says what came in place of a head.
    pub fn try_answer(&mut self) -> Result<Answer, End> {
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break String::from_utf8(self.take(end + 4)).unwrap();
            }
            self.more()?;
        };
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut answer =
            Answer { status, head, body: Vec::new(), chunks: Vec::new(), end: End::Complete };
        let lower = answer.head.to_ascii_lowercase();
        let read = if lower.contains("transfer-encoding: chunked") {
            self.chunked(&mut answer)
        } else {
            let length = lower
                .split("content-length: ")
                .nth(1)
                .map_or(0, |rest| rest.split("\r\n").next().unwrap().parse().unwrap());
            self.plain(&mut answer, length)
        };
        answer.end = read.err().unwrap_or(End::Complete);
        Ok(answer)
    }

    /// What comes next on a connection that should have nothing more to say.
    pub fn next_end(&mut self) -> End {
        self.more().err().unwrap_or(End::Complete)
    }

    /// Reads bytes until the connection ends, at most `most`.
    pub fn drain(&mut self, most: usize) -> (Vec<u8>, End) {
        while self.buffer.len() < most {
            if let Err(end) = self.more() {
                return (std::mem::take(&mut self.buffer), end);
            }
        }
        (std::mem::take(&mut self.buffer), End::Complete)
    }

    /// Reads until the end of a chunked body whose beginning was drained.
    pub fn rest(&mut self) -> End {
        while !self.buffer.ends_with(b"\r\n0\r\n\r\n") {
            if let Err(end) = self.more() {
                return end;
            }
        }
        self.buffer.clear();
        End::Complete
    }

    fn plain(&mut self, answer: &mut Answer, length: usize) -> Result<(), End> {
        while self.buffer.len() < length {
            if let Err(end) = self.more() {
                answer.body = std::mem::take(&mut self.buffer);
                return Err(end);
            }
        }
        answer.body = self.take(length);
        Ok(())
    }

    fn chunked(&mut self, answer: &mut Answer) -> Result<(), End> {
        loop {
            let line = loop {
                if let Some(end) = find(&self.buffer, b"\r\n") {
                    break String::from_utf8(self.take(end + 2)).unwrap();
                }
                self.more()?;
            };
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            while self.buffer.len() < size + 2 {
                self.more()?;
            }
            let chunk = self.take(size);
            assert_eq!(self.take(2), b"\r\n");
            if size == 0 {
                return Ok(());
            }
            answer.body.extend_from_slice(&chunk);
            answer.chunks.push(String::from_utf8(chunk).unwrap());
        }
    }

    fn take(&mut self, size: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(size);
        std::mem::replace(&mut self.buffer, rest)
    }

    fn more(&mut self) -> Result<(), End> {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => Err(End::Closed),
            Ok(read) => {
                self.buffer.extend_from_slice(&bytes[..read]);
                Ok(())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(End::Silent),
                ErrorKind::ConnectionReset => Err(End::Reset),
                other => panic!("{other}: {error}"),
            },
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
