//! A real Alertmanager, for as long as the value lives.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::loopback;

/// How often, and how many times, it is asked whether it is ready.
const PAUSE: Duration = Duration::from_millis(200);
const TRIES: u32 = 300;
/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; killed when it is dropped.
pub struct RealAlertmanager {
    child: Child,
    address: SocketAddr,
    directory: tempfile::TempDir,
}

impl RealAlertmanager {
    /// Starts `program` with `config`, and waits until it is ready.
    ///
    /// # Panics
    /// If it ends, or is not ready in time.
    pub fn start(program: &Path, config: &Value) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let file = directory.path().join("alertmanager.yml");
        // JSON is YAML.
        fs::write(&file, config.to_string()).expect("written");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
        let address = port.expect("a free port");
        let log = fs::File::create(directory.path().join("log")).expect("a log");
        let child = Command::new(program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--cluster.listen-address=")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let mut alertmanager = Self { child: child.expect("it starts"), address, directory };
        for _ in 0..TRIES {
            if loopback::get(address, "/-/ready").is_ok() {
                return alertmanager;
            }
            let ended = alertmanager.child.try_wait().expect("asked");
            assert!(ended.is_none(), "alertmanager ended: {ended:?}\n{}", alertmanager.log());
            std::thread::sleep(PAUSE);
        }
        panic!("alertmanager is not ready\n{}", alertmanager.log());
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The alerts that it holds, suppressed ones included.
    pub fn alerts(&self) -> Vec<Value> {
        let body = loopback::get(self.address, "/api/v2/alerts").expect("an answer");
        let alerts: Value = serde_json::from_str(&body).expect("JSON");
        alerts.as_array().expect("a list").clone()
    }

    /// Tells it of alerts, as Prometheus does.
    pub fn tell(&self, alerts: &Value) {
        let body = alerts.to_string();
        let mut stream = TcpStream::connect(self.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(
            stream,
            "POST /api/v2/alerts HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer.split(' ').nth(1), Some("200"), "{answer}");
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for RealAlertmanager {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
