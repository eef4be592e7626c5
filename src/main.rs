//! The `tokenbeat` binary: parse, build, run, exit code.

use std::{
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use tokenbeat::cli::{self, Exit};

fn main() -> ExitCode {
    // The only cryptography in the process; a second provider cannot be there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match cli::run() {
        Ok(code) => code,
        // `tokenbeat metrics | head` is no error.
        Err(error) if is_broken_pipe(&error) => Exit::Done.into(),
        Err(error) => {
            let _ = writeln!(io::stderr(), "tokenbeat: {error:#}");
            Exit::Error.into()
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
