//! HTTP on loopback, no more than a test of the exposition needs: one server, one GET.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokenbeat::sinks::prometheus::{Coding, Exposition};

/// Longest wait for one read or write.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a scraper says that it takes.
pub struct Asked {
    pub accept: Option<String>,
    pub encoding: Option<String>,
}

/// Serves an exposition at every path until it is dropped.
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds a free port. Each scrape is answered with what `scrape` makes of it.
    pub fn start(scrape: impl Fn(&Asked) -> io::Result<Exposition> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || {
                while let Ok((stream, _)) = listener.accept() {
                    if stop.load(Ordering::Acquire) {
                        return;
                    }
                    // A scraper that went away is its own affair: what it lacks fails the test.
                    let _ = answer(stream, &scrape);
                }
            }
        });
        Self { address, stop, thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Wakes the thread out of `accept`.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(stream: TcpStream, scrape: impl Fn(&Asked) -> io::Result<Exposition>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut asked = Asked { accept: None, encoding: None };
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim_end().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            match name.to_ascii_lowercase().as_str() {
                "accept" => asked.accept = Some(value.trim().to_owned()),
                "accept-encoding" => asked.encoding = Some(value.trim().to_owned()),
                _ => {}
            }
        }
    }
    let scrape = scrape(&asked)?;
    let coding = match scrape.coding {
        Coding::Identity => "",
        Coding::Gzip => "Content-Encoding: gzip\r\n",
    };
    let mut stream = reader.into_inner();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\n{coding}Content-Length: {}\r\nConnection: close\r\n\r\n",
        scrape.content_type,
        scrape.body.len()
    )?;
    stream.write_all(&scrape.body)
}

/// The body of a GET, if it is answered with 200 in time.
pub fn get(address: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // HTTP/1.0: the answer is not chunked and ends with the connection.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.split(' ').nth(1) == Some("200") => Ok(body.to_owned()),
        _ => Err(io::Error::other(answer)),
    }
}
