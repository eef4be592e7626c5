//! What went wrong in an attempt: an outcome for the label, a line for the person.

use std::io;

use nix::errno::Errno;

use crate::timeline::Outcome;

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The outcome; becomes the label.
    pub outcome: Outcome,
    /// What a person needs to know; never becomes a label.
    pub detail: String,
}

impl Failure {
    /// A failure with its explanation.
    pub fn new(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self { outcome, detail: detail.into() }
    }

    /// An error of our own sockets while `doing`: `local` if this side ran short, else `outcome`.
    pub(crate) fn of_io(outcome: Outcome, doing: &str, error: &io::Error) -> Self {
        let outcome = if ran_short(error) { Outcome::Local } else { outcome };
        Self::new(outcome, format!("{doing}: {error}"))
    }

    /// An error of the connection before the response head was complete.
    pub(crate) fn of_head(error: &hyper::Error) -> Self {
        let outcome = if error.is_parse_too_large() {
            Outcome::TooLarge
        } else if error.is_parse() || error.is_parse_status() {
            Outcome::HttpMalformed
        } else {
            io_source(error).map_or(Outcome::Reset, |io| {
                if ran_short(io) { Outcome::Local } else { Outcome::Reset }
            })
        };
        Self::new(outcome, format!("before the response head was complete: {}", chain(error)))
    }

    /// An error of the body; `None` if the body was only cut off, which the stream judges.
    pub(crate) fn of_body(error: &hyper::Error) -> Option<Self> {
        let broken_framing = io_source(error).is_some_and(|io| {
            matches!(io.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput)
        });
        broken_framing.then(|| {
            Self::new(Outcome::HttpMalformed, format!("in the response body: {}", chain(error)))
        })
    }
}

/// Whether an error says that this process or machine lacks descriptors, ports or memory.
fn ran_short(error: &io::Error) -> bool {
    error.raw_os_error().map(Errno::from_raw).is_some_and(|errno| {
        matches!(
            errno,
            Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM | Errno::EADDRNOTAVAIL
        )
    })
}

fn io_source(error: &hyper::Error) -> Option<&io::Error> {
    std::iter::successors(std::error::Error::source(error), |error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !line.ends_with(&cause_text) {
            line.push_str(": ");
            line.push_str(&cause_text);
        }
        source = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_shortage_is_not_the_targets_fault() {
        for errno in [Errno::EMFILE, Errno::EADDRNOTAVAIL] {
            let failure = Failure::of_io(Outcome::Connect, "connecting", &io::Error::from(errno));
            assert_eq!(failure.outcome, Outcome::Local);
        }
        let failure = Failure::of_io(Outcome::Connect, "connecting", &Errno::ECONNREFUSED.into());
        assert_eq!(failure.outcome, Outcome::Connect);
    }
}
