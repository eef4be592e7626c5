//! What the stamped stream tells the exchange about its last read and write.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use crate::{client::answer::Arrival, clock::Stamp, timeline::StampSource};

/// Absent, in the atomics below.
const NONE: u64 = u64::MAX;

/// The last read and the last write of one connection, and whether TLS broke. Written by the
/// stream, read by the exchange in the same task right after a frame: relaxed atomics only make it
/// `Sync`.
#[derive(Debug)]
pub(crate) struct Marks {
    read_at: AtomicU64,
    read_delay: AtomicU64,
    from_kernel: AtomicBool,
    reads: AtomicU32,
    /// Bytes that HTTP has been handed, above TLS.
    plain: AtomicU64,
    write_began: AtomicU64,
    write_ended: AtomicU64,
    tls_error: OnceLock<String>,
}

impl Marks {
    pub(crate) const fn new() -> Self {
        Self {
            read_at: AtomicU64::new(NONE),
            read_delay: AtomicU64::new(NONE),
            from_kernel: AtomicBool::new(false),
            reads: AtomicU32::new(0),
            plain: AtomicU64::new(0),
            write_began: AtomicU64::new(NONE),
            write_ended: AtomicU64::new(NONE),
            tls_error: OnceLock::new(),
        }
    }

    /// A read ended at `read`; the kernel had received its bytes at `kernel`, if it says so.
    pub(crate) fn mark_read(&self, read: Stamp, kernel: Option<Stamp>) {
        let at = kernel.unwrap_or(read);
        self.read_at.store(at.as_nanos(), Relaxed);
        let delay = kernel.map_or(NONE, |kernel| read.as_nanos().saturating_sub(kernel.as_nanos()));
        self.read_delay.store(delay, Relaxed);
        self.from_kernel.store(kernel.is_some(), Relaxed);
        self.reads.fetch_add(1, Relaxed);
    }

    /// HTTP was handed so many bytes.
    pub(crate) fn mark_plain(&self, bytes: usize) {
        self.plain.fetch_add(bytes as u64, Relaxed);
    }

    /// How many bytes HTTP has been handed so far. A close of TLS is a read that hands it none.
    pub(crate) fn plain(&self) -> u64 {
        self.plain.load(Relaxed)
    }

    /// A write that took bytes began and ended.
    pub(crate) fn mark_write(&self, began: Stamp, ended: Stamp) {
        self.write_began.store(began.as_nanos(), Relaxed);
        self.write_ended.store(ended.as_nanos(), Relaxed);
    }

    /// TLS itself failed after its handshake.
    pub(crate) fn mark_tls_error(&self, error: &rustls::Error) {
        self.tls_error.get_or_init(|| error.to_string());
    }

    /// How TLS failed after its handshake, if it did. With TLS 1.3 a server refuses a client
    /// certificate only then; and over HTTP/2 hyper keeps the error of the connection to itself.
    pub(crate) fn tls_error(&self) -> Option<&str> {
        self.tls_error.get().map(String::as_str)
    }

    /// The last write: just before and just after its system call.
    pub(crate) fn last_write(&self) -> (Option<Stamp>, Option<Stamp>) {
        (stamp(&self.write_began), stamp(&self.write_ended))
    }

    /// The arrival of the bytes of the last read.
    pub(crate) fn last_read(&self) -> Option<Arrival> {
        let at = stamp(&self.read_at)?;
        let delay = self.read_delay.load(Relaxed);
        Some(Arrival {
            at,
            source: if self.from_kernel.load(Relaxed) {
                StampSource::Kernel
            } else {
                StampSource::Read
            },
            read_delay: (delay != NONE).then(|| Duration::from_nanos(delay)),
            read: self.reads.load(Relaxed),
        })
    }
}

fn stamp(nanos: &AtomicU64) -> Option<Stamp> {
    match nanos.load(Relaxed) {
        NONE => None,
        nanos => Some(Stamp::from_nanos(nanos)),
    }
}
