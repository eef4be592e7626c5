//! An HTTP proxy of a few lines: absolute-form requests and `CONNECT`.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// No wait of the proxy is longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the proxy does with `CONNECT`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tunnels {
    Opened,
    Refused,
}

/// A proxy on a thread of its own; the threads end with their connections.
pub struct Proxy {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub fn start(tunnels: Tunnels) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                // A connection that breaks is the affair of its ends.
                thread::spawn(move || drop(pass_on(client, tunnels, &seen)));
            }
        });
        Self { address, heads }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The request heads that were addressed to the proxy.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn pass_on(mut client: TcpStream, tunnels: Tunnels, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
    let (line, rest) = head.split_once("\r\n").unwrap_or_default();
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut server;
    if method == "CONNECT" {
        if tunnels == Tunnels::Refused {
            return client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
        }
        server = TcpStream::connect(target)?;
        client.write_all(b"HTTP/1.1 200 Connection established\r\nvia: 1.1 test\r\n\r\n")?;
    } else {
        let (host, path) = target
            .strip_prefix("http://")
            .and_then(|target| target.split_once('/'))
            .ok_or(io::ErrorKind::InvalidData)?;
        server = TcpStream::connect(host)?;
        server.write_all(format!("{method} /{path} HTTP/1.1\r\n{rest}").as_bytes())?;
    }
    server.set_read_timeout(Some(PATIENCE))?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let up = thread::spawn(move || {
        let copied = io::copy(&mut from_client, &mut to_server);
        to_server.shutdown(Shutdown::Write).and(copied.map(drop))
    });
    let copied = io::copy(&mut server, &mut client);
    client.shutdown(Shutdown::Both)?;
    // The other direction ends with the first.
    drop(up.join());
    copied.map(drop)
}
