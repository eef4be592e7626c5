//! Programs that a test needs and this crate does not bring.
//!
//! `TOKENBEAT_TEST_EXTERNALS` names the directory that holds them (`make test` sets it). Where it
//! is not set, a test that needs one says so and passes: a plain `cargo test` asks for nothing.
//! Where it is set, a program that is missing fails the test, unless `TOKENBEAT_TEST_SKIP_OK` is
//! set. Every skip adds a line to `target/skipped-tests.txt`, so that they can be counted.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

/// The path of the external `program` for `test`, or `None` if the test is to be skipped.
///
/// # Panics
/// If the program is missing where externals are promised.
pub fn external(test: &str, program: &str) -> Option<PathBuf> {
    let Some(directory) = std::env::var_os("TOKENBEAT_TEST_EXTERNALS") else {
        return skip(test, program, "TOKENBEAT_TEST_EXTERNALS is not set");
    };
    // A relative directory is relative to the crate, wherever the test was started from.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory).join(program);
    if path.is_file() {
        return Some(path);
    }
    assert!(
        std::env::var_os("TOKENBEAT_TEST_SKIP_OK").is_some(),
        "{test} needs {program}, and there is none at {}; a script in tests/tools/ fetches it, \
         TOKENBEAT_TEST_SKIP_OK=1 lets the test be skipped",
        path.display()
    );
    skip(test, program, "it is missing")
}

fn skip(test: &str, program: &str, why: &str) -> Option<PathBuf> {
    let line = format!("{test} skipped: it needs {program}; {why}\n");
    // Past the harness's capture: a skip is to be seen.
    std::io::stderr().write_all(line.as_bytes()).expect("stderr takes it");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    fs::create_dir_all(&target).expect("the target directory");
    let mut list = fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(target.join("skipped-tests.txt"))
        .expect("the list of skipped tests");
    list.write_all(line.as_bytes()).expect("the list takes it");
    None
}
