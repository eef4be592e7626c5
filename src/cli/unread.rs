//! Output whose reader may go away, as `head` does.

use std::io::{self, ErrorKind, Write};

/// Writes to `W` for as long as somebody reads it. What nobody reads is no error: a command ends
/// with the exit code that it would have had.
pub(super) struct Unread<W>(pub(super) W);

impl<W: Write> Write for Unread<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        forgive(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        forgive(self.0.flush(), ())
    }
}

fn forgive<T>(result: io::Result<T>, otherwise: T) -> io::Result<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(otherwise),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn only_a_reader_that_went_away_is_forgiven() {
        let mut gone = Unread(Failing(ErrorKind::BrokenPipe));
        gone.write_all(b"some text").expect("nobody reads it");
        gone.flush().expect("nobody reads it");
        let mut full = Unread(Failing(ErrorKind::StorageFull));
        assert!(full.write_all(b"some text").is_err() && full.flush().is_err());
    }
}
