//! The kernel's own receive time of what is read (`SO_TIMESTAMPING`, software).
//!
//! Below it lies the reason why our numbers do not depend on our own load: bytes that wait in the
//! socket while this process is busy keep the time at which they came. Linux only; elsewhere, and
//! where the kernel or a sandbox refuses, reads are stamped by our own clock.

use std::{io, net::UdpSocket, os::fd::AsRawFd, sync::OnceLock, time::Duration};

use nix::sys::{
    socket::{
        ControlMessageOwned, MsgFlags, TimestampingFlag, recvmsg, setsockopt, sockopt::Timestamping,
    },
    time::TimeSpec,
};

use super::{Stamp, Wall};

/// A kernel time this far in the future of the read means that the wall clock was stepped between
/// the two; it is then no time at all. Smaller differences are the conversion's own error.
const STEPPED: Duration = Duration::from_micros(50);

/// Asks the kernel to stamp what `socket` receives. Whether it does shows in the reads.
pub(crate) fn enable(socket: &impl std::os::fd::AsFd) -> bool {
    let flags = TimestampingFlag::SOF_TIMESTAMPING_SOFTWARE
        | TimestampingFlag::SOF_TIMESTAMPING_RX_SOFTWARE;
    setsockopt(socket, Timestamping, &flags).is_ok()
}

/// Keeps one stamped socket open for the life of the process, and tells whether the kernel stamps.
/// It switches stamping on with its first user, and not at once: without this the first bytes may
/// carry no stamp.
pub(crate) fn keep_on() -> bool {
    static KEPT: OnceLock<Option<UdpSocket>> = OnceLock::new();
    let open = || {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).ok()?;
        enable(&socket).then_some(socket)
    };
    KEPT.get_or_init(open).is_some()
}

/// Room for the control message of one read.
pub(crate) fn control_buffer() -> Vec<u8> {
    nix::cmsg_space!([TimeSpec; 3])
}

/// Reads what is there into `buffer`. Returns the number of bytes, the time of the read and the
/// kernel's receive time, both on the monotonic clock.
pub(crate) fn receive(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    control: &mut [u8],
) -> io::Result<(usize, Stamp, Option<Stamp>)> {
    let mut parts = [io::IoSliceMut::new(buffer)];
    // Without a sender's address, which a stream does not have.
    let message =
        recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(control), MsgFlags::MSG_DONTWAIT)
            .map_err(io::Error::from)?;
    let kernel = message.cmsgs().ok().into_iter().flatten().find_map(|control| match control {
        ControlMessageOwned::ScmTimestampsns(times) => Some(times.system),
        _ => None,
    });
    let bytes = message.bytes;
    match kernel.filter(|time| time.tv_sec() > 0) {
        Some(time) => {
            let unix_nanos = time.tv_sec() * 1_000_000_000 + time.tv_nsec();
            let wall = Wall::anchor();
            let read = wall.stamp();
            Ok((bytes, read, monotonic(wall.stamp_at(unix_nanos), read)))
        }
        None => Ok((bytes, Stamp::now(), None)),
    }
}

/// The kernel's time, if it is one: not after the read, but for the conversion's error.
fn monotonic(kernel: Stamp, read: Stamp) -> Option<Stamp> {
    if kernel.since(read) > STEPPED { None } else { Some(kernel.min(read)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stepped_clock_yields_no_kernel_time() {
        let read = Stamp::from_nanos(1_000_000_000);
        assert_eq!(
            monotonic(read.before(Duration::from_millis(3)), read),
            Some(read.before(Duration::from_millis(3)))
        );
        assert_eq!(monotonic(read.after(Duration::from_micros(2)), read), Some(read));
        assert_eq!(monotonic(read.after(Duration::from_secs(1)), read), None);
    }
}
