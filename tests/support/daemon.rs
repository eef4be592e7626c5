//! The real binary, on free ports, with bounded waits, killed at the end of its test.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::exposition::{self, Samples};

/// The longest that any test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// The binary with `arguments` and without settings of the environment.
pub fn tokenbeat(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tokenbeat"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TOKENBEAT_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Asks until there is an answer.
///
/// # Panics
/// If there is none in time.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let polls = PATIENCE.as_millis() / POLL.as_millis();
    for _ in 0..polls {
        if let Some(answer) = ask() {
            return answer;
        }
        thread::sleep(POLL);
    }
    panic!("{what}: not within {PATIENCE:?}")
}

/// A daemon that runs.
pub struct Daemon {
    child: Child,
    output: Arc<Mutex<String>>,
    readers: Vec<thread::JoinHandle<()>>,
    /// Where it listens.
    address: SocketAddr,
}

/// What was answered.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Daemon {
    /// `tokenbeat serve` on a free port of 127.0.0.1.
    pub fn serve(config: &std::path::Path, more: &[&str]) -> Self {
        let config = config.to_str().expect("UTF-8");
        let fixed = ["serve", "--config.file", config, "--web.listen-address", "127.0.0.1:0"];
        Self::start(&mut tokenbeat(&[&fixed, more].concat()))
    }

    /// Starts a command that listens on 127.0.0.1, and waits until it does.
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.expect("the binary starts");
        let output = Arc::new(Mutex::new(String::new()));
        let readers = vec![
            keep(child.stdout.take().expect("piped"), &output),
            keep(child.stderr.take().expect("piped"), &output),
        ];
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut daemon = Self { child, output, readers, address };
        let address = until("an address in the log", || {
            if let Some(status) = daemon.child.try_wait().expect("a child") {
                panic!("it ended with {status}:\n{}", daemon.output());
            }
            let output = daemon.output();
            // As logfmt or as JSON.
            let rest = output.split_once("address")?.1.trim_start_matches(['"', '=', ':']);
            rest.split_once(['\n', ' ', '"'])?.0.parse().ok()
        });
        daemon.address = address;
        daemon
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything that was written so far.
    pub fn output(&self) -> String {
        self.output.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until the output has `words`.
    pub fn wait_for(&self, words: &str) {
        until(words, || self.output().contains(words).then_some(()));
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").expect("an answer")
    }

    /// One request with `headers`, each ended by a line break; absent if nobody answers.
    pub fn ask(&self, method: &str, path: &str, headers: &str) -> Option<Answer> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let request =
            format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    pub fn scrape(&self) -> Samples {
        exposition::text(&self.get("/metrics").body)
    }

    /// The value of a series; absent if there is none.
    pub fn value(&self, name: &str, target: &str) -> Option<f64> {
        let samples = self.scrape();
        let is_it = |labels: &std::collections::BTreeMap<String, String>| {
            labels.get("target").is_some_and(|found| found == target)
        };
        let found = samples.values.iter().find(|((found, of), _)| found == name && is_it(of));
        found.map(|(_, value)| *value)
    }

    /// Waits until a probe of `target` has been attempted so many times.
    pub fn attempts(&self, target: &str, least: f64) -> f64 {
        until(&format!("{least} attempts at {target}"), || {
            self.value("tokenbeat_probe_attempts_total", target).filter(|count| *count >= least)
        })
    }

    pub fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        kill(Pid::from_raw(id), signal).expect("the process is there");
    }

    /// Waits for the end.
    pub fn ended(&mut self) -> ExitStatus {
        let status = until("the end", || self.child.try_wait().expect("a child"));
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader");
        }
        status
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            // For whoever reads why the test failed.
            let _ = write!(std::io::stderr(), "{}", self.output());
        }
    }
}

fn keep(from: impl Read + Send + 'static, output: &Arc<Mutex<String>>) -> thread::JoinHandle<()> {
    let output = Arc::clone(output);
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
            output.push_str(&line);
            output.push('\n');
        }
    })
}

/// A configuration of probes, one a target, that beat five times a second.
pub fn config(targets: &[(&str, &str)], global: &str) -> String {
    let mut text = format!("global: {{timeout: 20s{global}}}\ntargets:\n");
    for (name, url) in targets {
        text.push_str(&format!("  - {{name: {name}, url: \"{url}\", models: [sim-8b]}}\n"));
    }
    text + "workloads:\n  w: {synthetic: {input_tokens: 16, output_tokens: 4}}\n\
            probes:\n  - {name: canary, targets: all, workload: w, interval: 200ms}\n"
}
