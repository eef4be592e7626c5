//! The arrows of `docs/architecture.md`, read from the source.
//!
//! Every path in `src/` that leads into another module of the crate, into another crate or into a
//! banned part of the standard library is found by its tokens (comments and strings do not count)
//! and held against the tables below. A change of a table is a change of the architecture: change
//! `docs/architecture.md` with it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "architecture/paths.rs"]
mod paths;

use std::{
    fs,
    path::{Path, PathBuf},
};

use paths::Reference;

/// Which modules a module may use, from the back of the house to the front door. A module may name
/// only modules above its own row, so no cycle can be written down here. `*` is all of those.
const MAY_USE: &[(&str, &[&str])] = &[
    ("clock", &[]),
    ("units", &[]),
    ("fnv", &[]),
    ("calendar", &[]),
    ("sse", &[]),
    ("sim", &["clock"]),
    ("timeline", &["clock"]),
    ("arrival", &["units"]),
    ("workload", &["units", "fnv", "timeline"]),
    ("protocol", &["timeline", "workload"]),
    ("measure", &["clock", "timeline"]),
    ("verdict", &["units", "clock", "timeline", "measure"]),
    ("event", &["clock", "timeline", "measure", "verdict"]),
    ("tally", &["clock", "timeline", "arrival", "measure", "verdict", "event"]),
    ("analysis", &["arrival", "verdict", "event"]),
    ("report", &["units", "verdict", "event"]),
    ("store", &["clock", "fnv", "event"]),
    ("config", &["units", "fnv", "calendar", "arrival", "workload", "protocol", "verdict"]),
    ("rules", &["units", "measure", "verdict", "config"]),
    ("dashboard", &["measure"]),
    ("schedule", &["clock", "fnv", "event", "config", "calendar"]),
    ("client", &["clock", "sse", "timeline", "protocol"]),
    ("telemetry", &["clock", "measure", "event"]),
    ("load", &["*"]),
    ("check", &["*"]),
    (
        "sinks",
        &[
            "clock",
            "timeline",
            "protocol",
            "measure",
            "verdict",
            "event",
            "config",
            "client",
            "telemetry",
        ],
    ),
    (
        "web",
        &["clock", "units", "timeline", "measure", "verdict", "event", "report", "config", "sinks"],
    ),
    ("daemon", &["*"]),
    ("cli", &["*"]),
    ("main", &["cli"]),
];

/// Modules that compute and do nothing else.
const PURE: &[&str] = &[
    "units",
    "fnv",
    "calendar",
    "timeline",
    "arrival",
    "measure",
    "verdict",
    "workload",
    "protocol",
    "sse",
    "event",
    "tally",
    "analysis",
    "report",
    "rules",
    "dashboard",
];

/// What a pure module must not name: runtimes, sockets, files, processes and clocks.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio_util",
    "hyper",
    "reqwest",
    "nix",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

/// Where a third-party crate may be named. A row's second column are module paths; anything below
/// them is home too.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli", "main"]),
    ("askama", &["web", "report"]),
    ("atomic_waker", &["client"]),
    ("axum", &["web"]),
    ("base64", &["measure", "sinks::otlp"]),
    ("clap", &["cli", "main"]),
    ("console", &["cli"]),
    ("croner", &["calendar"]),
    ("csv", &["arrival", "report"]),
    ("flate2", &["sinks::prometheus", "sinks::otlp"]),
    ("glob", &["config"]),
    ("hdrhistogram", &["measure"]),
    ("httparse", &["sim"]),
    // `web` serves axum's router on connections of its own, so that a drain has an end.
    ("hyper", &["client", "web"]),
    ("indicatif", &["cli"]),
    // In `report`, the test of its own schema.
    ("jsonschema", &["workload", "report"]),
    ("memchr", &["sse", "protocol"]),
    ("nix", &["clock", "client", "schedule", "telemetry"]),
    ("nvml_wrapper", &["telemetry::nvml"]),
    ("prometheus_client", &["sinks::prometheus"]),
    ("prost", &["sinks::prometheus", "sinks::otlp"]),
    ("reqwest", &["check"]),
    // `sim` has the server's side of TLS, `check` hands reqwest its roots, `main` picks the provider.
    ("rustls", &["client", "check", "sim", "main"]),
    ("rustls_native_certs", &["client"]),
    ("serde_saphyr", &["config", "rules"]),
    ("strsim", &["config", "check", "cli"]),
    ("tokenizers", &["workload"]),
    ("tokio_rustls", &["client", "sim"]),
    ("tracing_logfmt", &["cli"]),
    // A layer counts log messages by level.
    ("tracing_subscriber", &["cli", "telemetry::log_counter"]),
];

/// Longest source file, in lines.
const LONGEST_FILE: usize = 500;

/// Files that may be longer, each with its reason.
const LONG_FILES: &[(&str, &str)] = &[];

#[test]
fn every_module_has_a_row_and_names_only_modules_above_it() {
    let rows: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    for (at, (module, uses)) in MAY_USE.iter().enumerate() {
        for used in uses.iter().filter(|used| **used != "*") {
            assert!(rows[..at].contains(used), "row `{module}` names `{used}`, not above it");
        }
    }
    for file in sources() {
        let module = file.module.first().map_or("main", String::as_str);
        assert!(
            file.is_root() || rows.contains(&module),
            "{}: module `{module}` has no row in MAY_USE; add it here and in docs/architecture.md",
            file.name
        );
    }
}

#[test]
fn no_arrow_runs_back() {
    let modules: Vec<&str> = MAY_USE.iter().map(|(module, _)| *module).collect();
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| !file.is_root()) {
        let from = file.module[0].as_str();
        let allowed = allowed(from);
        for reference in &file.references {
            let Some(to) = reference.crate_module(&modules) else { continue };
            if to != from && !allowed.contains(&to) {
                wrong.push(format!("{}:{}: {from} → {to}", file.name, reference.line));
            }
        }
    }
    assert!(wrong.is_empty(), "arrows that run back:\n{}", wrong.join("\n"));
}

#[test]
fn pure_modules_stay_pure() {
    let mut wrong = Vec::new();
    for file in sources().iter().filter(|file| file.is_below(PURE)) {
        for reference in &file.references {
            if let Some(banned) = IMPURE.iter().find(|banned| reference.is_below(banned)) {
                wrong.push(format!("{}:{}: {banned}", file.name, reference.line));
            }
        }
    }
    assert!(wrong.is_empty(), "effects in pure modules:\n{}", wrong.join("\n"));
}

#[test]
fn third_party_crates_stay_at_home() {
    let mut wrong = Vec::new();
    for file in sources() {
        for reference in &file.references {
            let Some((name, homes)) = HOMES.iter().find(|(name, _)| reference.is_below(name))
            else {
                continue;
            };
            if !file.is_below(homes) {
                wrong.push(format!(
                    "{}:{}: {name}, at home in {homes:?}",
                    file.name, reference.line
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "crates away from home:\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    for file in sources() {
        let excused = LONG_FILES.iter().any(|(name, _)| *name == file.name);
        if excused {
            assert!(file.lines > LONGEST_FILE, "{} is short again: unlist it", file.name);
        } else {
            assert!(
                file.lines <= LONGEST_FILE,
                "{} has {} lines: split it, or list it with a reason",
                file.name,
                file.lines
            );
        }
    }
}

/// The modules that `module` may name; none for a module without a row.
fn allowed(module: &str) -> Vec<&'static str> {
    let Some(at) = MAY_USE.iter().position(|(row, _)| *row == module) else { return Vec::new() };
    match MAY_USE[at].1 {
        ["*"] => MAY_USE[..at].iter().map(|(row, _)| *row).collect(),
        uses => uses.to_vec(),
    }
}

/// One file of `src/`.
struct Source {
    /// Path below `src/`, with `/`.
    name: String,
    /// Module path; empty for `lib.rs`.
    module: Vec<String>,
    lines: usize,
    references: Vec<Reference>,
}

impl Source {
    /// Whether it is `lib.rs`, which only declares.
    fn is_root(&self) -> bool {
        self.module.is_empty()
    }

    /// Whether its module is one of `modules` or below one.
    fn is_below(&self, modules: &[&str]) -> bool {
        let own = format!("{}::", self.module.join("::"));
        modules.iter().any(|module| own.starts_with(&format!("{module}::")))
    }
}

/// Every file of `src/`, read.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(files.len() > 20, "src/ was not found");
    files.iter().map(|path| read(path, &root)).collect()
}

fn read(path: &Path, root: &Path) -> Source {
    let text = fs::read_to_string(path).expect("source is readable");
    let below = path.strip_prefix(root).expect("source is below src/");
    let name = below.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    let module = module_of(&name);
    let references = paths::references(&text, module.len())
        .unwrap_or_else(|error| panic!("{name} is not Rust: {error}"));
    Source { lines: text.lines().count(), name, module, references }
}

/// The module path of a file below `src/`.
fn module_of(name: &str) -> Vec<String> {
    match name.trim_end_matches(".rs").trim_end_matches("/mod") {
        "lib" => Vec::new(),
        stem => stem.split('/').map(str::to_owned).collect(),
    }
}

/// Every Rust file below `root`, sorted.
fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut open = vec![root.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        let entries = fs::read_dir(&folder).expect("folder is readable");
        for path in entries.map(|entry| entry.expect("entry is readable").path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
