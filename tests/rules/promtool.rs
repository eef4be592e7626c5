//! `promtool`, run on rules.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::externals;

pub struct Promtool(PathBuf);

impl Promtool {
    /// The program, or `None` if the test is to be skipped.
    pub fn find(test: &str) -> Option<Self> {
        externals::external(test, "promtool").map(Self)
    }

    /// Checks a file of rules, every lint an error.
    ///
    /// # Panics
    /// If there is anything to find.
    pub fn check(&self, file: &Path) {
        self.run(&["check", "rules", "--lint=all", "--lint-fatal"], file);
    }

    /// Runs a file of cases.
    ///
    /// # Panics
    /// If one fails.
    pub fn test(&self, file: &Path) {
        self.run(&["test", "rules"], file);
    }

    fn run(&self, arguments: &[&str], file: &Path) {
        let output =
            Command::new(&self.0).args(arguments).arg(file).output().expect("promtool runs");
        assert!(
            output.status.success(),
            "promtool {arguments:?} {}:\n{}{}",
            file.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
