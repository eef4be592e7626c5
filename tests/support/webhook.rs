//! A receiver of Alertmanager's notifications, for as long as the value lives.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::Value;

/// Longest wait for one read or write.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest notification that is read.
const LARGEST: u64 = 4 << 20;

/// One alert of a notification.
#[derive(Clone, Debug)]
pub struct Notice {
    /// Whether it fires; else it is resolved.
    pub fires: bool,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Notice {
    /// Whether it has all these labels.
    pub fn is(&self, labels: &[(&str, &str)]) -> bool {
        labels
            .iter()
            .all(|(name, value)| self.labels.get(*name).is_some_and(|found| found == value))
    }
}

/// The receiver.
pub struct Webhook {
    address: SocketAddr,
    notices: Arc<Mutex<Vec<Notice>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Webhook {
    /// Binds a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let (notices, stop) = (Arc::<Mutex<Vec<Notice>>>::default(), Arc::<AtomicBool>::default());
        let thread = std::thread::spawn({
            let (notices, stop) = (Arc::clone(&notices), Arc::clone(&stop));
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    // What cannot be read is sent again, and counted as missing if it is not.
                    if let Ok(received) = receive(stream) {
                        notices.lock().unwrap_or_else(PoisonError::into_inner).extend(received);
                    }
                }
            }
        });
        Self { address, notices, stop, thread: Some(thread) }
    }

    /// Where notifications go.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Everything received so far, in its order.
    pub fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The latest word on the alerts with these labels.
    pub fn latest(&self, labels: &[(&str, &str)]) -> Option<Notice> {
        self.notices().into_iter().rev().find(|notice| notice.is(labels))
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the thread out of `accept`.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads one request and answers it.
fn receive(stream: TcpStream) -> io::Result<Vec<Notice>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
    }
    if length > LARGEST {
        return Err(io::Error::other("too large"));
    }
    let mut body = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut body)?;
    let body: Value = serde_json::from_slice(&body)?;
    let mut stream = reader.into_inner();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let alerts = body["alerts"].as_array().ok_or_else(|| io::Error::other("no alerts"))?;
    Ok(alerts.iter().map(notice).collect())
}

fn notice(alert: &Value) -> Notice {
    let texts = |key: &str| {
        let pairs = alert[key].as_object().into_iter().flatten();
        pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
    };
    Notice {
        fires: alert["status"] == "firing",
        labels: texts("labels"),
        annotations: texts("annotations"),
    }
}
