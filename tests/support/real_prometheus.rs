//! A real Prometheus, for as long as the value lives.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::loopback;

/// How often, and how many times, something is asked for before it is given up.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: u32 = 300;

/// A job of the scrape configuration.
pub struct Job {
    /// Its name.
    pub name: &'static str,
    /// Its `scrape_protocols`.
    pub protocol: &'static str,
    /// Whether it takes native histograms; classic ones it takes always.
    pub native: bool,
}

/// A running server; killed when it is dropped.
pub struct RealPrometheus {
    child: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl RealPrometheus {
    /// Starts `program` with a configuration that scrapes `target` with every job, each second.
    pub fn start(program: &Path, target: SocketAddr, jobs: &[Job]) -> Self {
        Self::configured(program, |field| configuration(target, jobs, field))
    }

    /// Starts `program` with a configuration that is told whether native histograms are a field of a
    /// job; else they are on for all of them.
    pub fn configured(program: &Path, configuration: impl FnOnce(bool) -> String) -> Self {
        let field = has_native_field(program);
        let directory = tempfile::tempdir().expect("a directory");
        let config = directory.path().join("prometheus.yml");
        fs::write(&config, configuration(field)).expect("written");
        // The port is free when it is chosen; should another take it before the server does, the
        // server ends and the next wait says so.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
        let address = port.expect("a free port");
        let log = fs::File::create(log(directory.path())).expect("a log");
        let mut command = Command::new(program);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        if !field {
            command.arg("--enable-feature=native-histograms");
        }
        let child = command.spawn().expect("prometheus starts");
        Self { child, address, directory }
    }

    /// Asks until `answer` makes something of the result of an instant query, and returns that.
    ///
    /// # Panics
    /// If the server ends, or there is no such answer in time.
    pub fn wait_for<T>(&mut self, query: &str, answer: impl Fn(&[Value]) -> Option<T>) -> T {
        let encoded: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let mut last = String::new();
        for _ in 0..TRIES {
            match loopback::get(self.address, &format!("/api/v1/query?query={encoded}")) {
                Ok(body) => {
                    let value: Value = serde_json::from_str(&body).expect("JSON");
                    let result = value["data"]["result"].as_array().expect("a vector");
                    if let Some(answer) = answer(result) {
                        return answer;
                    }
                    last = body;
                }
                Err(error) => last = error.to_string(),
            }
            let ended = self.child.try_wait().expect("asked");
            assert!(ended.is_none(), "prometheus ended: {ended:?}\n{}", self.log());
            std::thread::sleep(PAUSE);
        }
        panic!("no answer to {query}; the last was {last}\n{}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(log(self.directory.path())).unwrap_or_default()
    }
}

impl Drop for RealPrometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn log(directory: &Path) -> PathBuf {
    directory.join("prometheus.log")
}

/// Whether `scrape_native_histograms` is a field of the configuration (from 3.8 on); before, there
/// is a flag for all jobs.
fn has_native_field(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").output().expect("prometheus runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let version = said.split("version ").nth(1).expect("a version");
    let mut numbers = version.split(['.', '+', '-', ' ']).map(|number| number.parse::<u32>());
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        panic!("no version in {said}");
    };
    assert!((major, minor) >= (3, 5), "Prometheus 3.5 or later is needed, this is {version}");
    (major, minor) >= (3, 8)
}

fn configuration(target: SocketAddr, jobs: &[Job], native_field: bool) -> String {
    let mut config =
        String::from("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n");
    for Job { name, protocol, native } in jobs {
        config.push_str(&format!(
            "  - job_name: {name}\n    scrape_protocols: [{protocol}]\n    \
             always_scrape_classic_histograms: true\n    \
             static_configs: [{{targets: ['{target}']}}]\n"
        ));
        if native_field {
            config.push_str(&format!("    scrape_native_histograms: {native}\n"));
        }
    }
    config
}
