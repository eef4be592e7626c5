//! Listening and connections.
//!
//! Owns the accept loop, one task a connection, and the engine on a thread of its own for tests.
//! Must not know what is answered.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::handle::SimHandle;
use super::http::{Answer, ReadError, read_request};
use super::routes;
use super::shape::After;
use super::spec::SimSpec;
use super::state::State;
use super::tls;
use super::wire::Wire;
use crate::clock::kernel;

/// A client that has not finished its TLS handshake by then is dropped.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a connection that is to break on reuse waits for that.
const REUSE: Duration = Duration::from_secs(60);
/// Pause after a failed accept: descriptors that ran out come back.
const ACCEPT_RETRY: Duration = Duration::from_millis(10);

/// A simulated engine, bound to its address.
pub struct Sim {
    listener: TcpListener,
    addr: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    state: Arc<State>,
}

impl Sim {
    /// Binds `addr`. Fails if the spec is unsound (`InvalidInput`) or the address is taken.
    pub async fn bind(spec: SimSpec, addr: SocketAddr) -> io::Result<Self> {
        let unsound = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
        spec.check().map_err(unsound)?;
        let acceptor = spec.tls.as_ref().map(tls::acceptor).transpose().map_err(unsound)?;
        if spec.stamps {
            // Before the first request can come.
            kernel::keep_on();
        }
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        Ok(Self { listener, addr, acceptor, state: Arc::new(State::new(spec)) })
    }

    /// The address that it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://ADDRESS` or `https://ADDRESS`, without a slash at the end.
    pub fn base_url(&self) -> String {
        let scheme = if self.acceptor.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.addr)
    }

    /// A view on the engine.
    pub fn handle(&self) -> SimHandle {
        SimHandle(Arc::clone(&self.state))
    }

    /// Serves until `shutdown`; open connections are then dropped.
    pub async fn run(self, shutdown: CancellationToken) {
        let tasks = TaskTracker::new();
        while let Some(accepted) = shutdown.run_until_cancelled(self.listener.accept()).await {
            let Ok((tcp, _)) = accepted else {
                sleep(ACCEPT_RETRY).await;
                continue;
            };
            self.state.connections.fetch_add(1, Ordering::Relaxed);
            let (state, acceptor) = (Arc::clone(&self.state), self.acceptor.clone());
            let shutdown = shutdown.clone();
            tasks.spawn(async move {
                // How a client left is its own affair.
                let _ = shutdown.run_until_cancelled(connection(state, tcp, acceptor)).await;
            });
        }
        tasks.close();
        tasks.wait().await;
    }

    /// Serves `spec` on a free loopback port, on a thread of its own, until the result is dropped.
    pub fn spawn(spec: SimSpec) -> io::Result<SpawnedSim> {
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let (bound, bind) = mpsc::sync_channel(1);
        // The runtime lives and dies on its thread, so that async tests can do this, too.
        let serve = move || {
            let served = Builder::new_current_thread().enable_all().build().and_then(|runtime| {
                let sim = runtime.block_on(Self::bind(spec, (Ipv4Addr::LOCALHOST, 0).into()))?;
                Ok((runtime, sim))
            });
            match served {
                Ok((runtime, sim)) => {
                    // Nobody waits any more if the receiver is gone; `stop` then tells us so.
                    let _ = bound.send(Ok((sim.addr(), sim.base_url(), sim.handle())));
                    runtime.block_on(sim.run(stop));
                }
                Err(error) => {
                    let _ = bound.send(Err(error));
                }
            }
        };
        let thread = thread::Builder::new().name("sim".to_owned()).spawn(serve)?;
        let (addr, base_url, handle) = bind.recv().map_err(io::Error::other)??;
        Ok(SpawnedSim { addr, base_url, handle, shutdown, thread: Some(thread) })
    }
}

/// An engine on its own thread; dropping it stops it.
pub struct SpawnedSim {
    addr: SocketAddr,
    base_url: String,
    handle: SimHandle,
    shutdown: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl SpawnedSim {
    /// The address that it listens on.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `http://ADDRESS` or `https://ADDRESS`, without a slash at the end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A view on the engine.
    pub const fn handle(&self) -> &SimHandle {
        &self.handle
    }
}

impl Drop for SpawnedSim {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            // A panic of the engine's thread has been printed; there is nobody to hand it to.
            let _ = thread.join();
        }
    }
}

async fn connection(
    state: Arc<State>,
    tcp: TcpStream,
    acceptor: Option<TlsAcceptor>,
) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    sleep(Duration::from_millis(state.spec.accept_delay_ms)).await;
    let wire = match acceptor {
        None if state.spec.stamps => Wire::stamped(tcp),
        None => Wire::plain(tcp),
        Some(acceptor) => Wire::tls(timeout(HANDSHAKE, acceptor.accept(tcp)).await??),
    };
    converse(&state, wire).await
}

/// Requests and answers in turn, until one side has enough.
async fn converse(state: &Arc<State>, mut wire: Wire) -> io::Result<()> {
    loop {
        let request = match read_request(&mut wire).await {
            Ok(request) => request,
            Err(ReadError::Over(error)) => return Err(error),
            Err(ReadError::Bad(what)) => {
                let answer = Answer::new(400, "text/plain; charset=utf-8", what);
                wire.send(&answer.encode(None, true)).await?;
                wire.close().await;
                return Ok(());
            }
        };
        let arrived = wire.read_at();
        state.saw(&request);
        match routes::answer(state, &mut wire, &request, arrived).await? {
            After::Keep if !request.close => {}
            After::Keep | After::Close => {
                wire.close().await;
                return Ok(());
            }
            After::Reset => return wire.reset(),
            After::CloseOnReuse => {
                timeout(REUSE, wire.fill()).await??;
                wire.close().await;
                return Ok(());
            }
        }
    }
}
