//! A scrape target with values of a test's own: of what no machine of the tests has, or nothing
//! exposes yet.

use std::{
    io::{self, BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokenbeat::clock::Stamp;

const PATIENCE: Duration = Duration::from_secs(10);

/// Serves an exposition until it is dropped. A value that ends in `/s` is what its series rises by
/// each second.
pub struct Planted {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Planted {
    /// Binds a free port.
    pub fn start(text: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let start = Stamp::now();
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::Acquire) {
                    return;
                }
                // A scraper that went away is its own affair: what it lacks fails the test.
                let _ = answer(stream, &exposition(text, Stamp::now().since(start)));
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the thread out of `accept`.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The exposition as it is after so long. All that rises is of one instant.
fn exposition(text: &str, after: Duration) -> String {
    let mut exposition = String::new();
    for line in text.lines() {
        match line.strip_suffix("/s").and_then(|line| line.rsplit_once(' ')) {
            Some((series, slope)) => {
                let slope: f64 = slope.parse().expect("a number");
                exposition.push_str(&format!("{series} {}\n", slope * after.as_secs_f64()));
            }
            None => exposition.push_str(&format!("{line}\n")),
        }
    }
    exposition
}

fn answer(stream: TcpStream, body: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 && !line.trim_end().is_empty() {
        line.clear();
    }
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}
