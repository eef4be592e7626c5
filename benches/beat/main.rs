//! What measuring costs and how true it is, side by side with a bare reader of the same streams.
//!
//! `cargo bench` runs every section; `cargo bench -- cost truth --quick` runs some, shortened;
//! `cargo bench -- clean --part=1/2` makes half of the many runs of a section.
//! Tables go to the terminal, the same figures as JSON to `target/bench/`. A missed target is
//! shown, never an error: a busy machine must not turn a bench into a failed build. The method is
//! in `docs/benchmarks.md`.

#![expect(clippy::disallowed_macros, reason = "a bench prints its tables")]

mod bare;
mod control;
mod cost;
mod daemon;
mod engine;
mod fleet;
mod job;
mod lateness;
mod load;
mod ours;
mod process;
mod report;
mod scrape;
mod stats;
mod truth;
mod worker;

use std::ops::Range;

use anyhow::{Context as _, bail};
use report::Section;

/// How long a bench takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scale {
    /// What the figures in the documents come from.
    Full,
    /// One of so many parts of the sections that repeat a run many times; the others in full. For
    /// machines that are quiet for minutes only.
    Part { number: u32, of: u32 },
    /// Enough to see that everything runs.
    Quick,
}

impl Scale {
    /// The value for this scale.
    fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full | Self::Part { .. } => full,
            Self::Quick => quick,
        }
    }

    /// Those of `full` repetitions that are to be made, by their numbers from 0.
    fn share(self, full: u32, quick: u32) -> Range<u32> {
        match self {
            Self::Full => 0..full,
            Self::Part { number, of } => full * (number - 1) / of..full * number / of,
            Self::Quick => 0..quick,
        }
    }

    /// What the command line asks for: `--quick`, or `--part=2/3`.
    fn asked(arguments: &[String]) -> anyhow::Result<Self> {
        if arguments.iter().any(|argument| argument == "--quick") {
            return Ok(Self::Quick);
        }
        let Some(part) = arguments.iter().find_map(|argument| argument.strip_prefix("--part="))
        else {
            return Ok(Self::Full);
        };
        let part = part.split_once('/').and_then(|(number, of)| {
            let (number, of) = (number.parse().ok()?, of.parse().ok()?);
            (1..=of).contains(&number).then_some(Self::Part { number, of })
        });
        part.context("a part is one of several: --part=1/2")
    }
}

/// A section: what the command line calls it, and what runs it.
type Entry = (&'static str, fn(Scale) -> anyhow::Result<Section>);

/// In the order in which they run.
const SECTIONS: [Entry; 11] = [
    ("cost", cost::section),
    ("truth", truth::section),
    ("pacer", lateness::section),
    ("sidecar", fleet::sidecar),
    ("fleet", fleet::thousand),
    ("scrape", scrape::section),
    ("arrivals", load::arrivals),
    ("streams", load::streams),
    ("memory", load::memory),
    ("clean", load::clean),
    ("search", load::search),
];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["worker", job] => return worker::run(job),
        ["runner", job] => return load::runner::run(job),
        ["spin"] => process::spin(),
        ["control"] => {
            control::run();
            return Ok(());
        }
        _ => {}
    }
    // `cargo test --benches` calls without it: there is nothing to test here.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("benches run with `cargo bench`");
        return Ok(());
    }
    let scale = Scale::asked(&arguments)?;
    let names: Vec<&String> =
        arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    if let Some(name) = names.iter().find(|name| SECTIONS.iter().all(|(known, _)| known != *name)) {
        let known: Vec<_> = SECTIONS.iter().map(|(name, _)| *name).collect();
        bail!("there is no section {name}, only {}", known.join(", "));
    }
    println!("{}", process::machine());
    for (name, run) in SECTIONS {
        if !names.is_empty() && !names.iter().any(|wanted| *wanted == name) {
            continue;
        }
        let section = run(scale).with_context(|| format!("section {name}"))?;
        println!("{section}");
        section.write_json(name)?;
    }
    Ok(())
}
