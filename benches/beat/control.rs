//! A control beside the client: when the machine did not let anything run.
//!
//! A process of its own sleeps for a millisecond at a time on the client's core, with real-time
//! priority: neither the client nor anything else of ours can delay it. Where it still oversleeps, the
//! host has held the virtual CPU back, whether or not its account of stolen time says so.

use std::{
    io::Read as _,
    process::{ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::Context as _;
use nix::unistd::getppid;
use tokenbeat::clock::Stamp;

use super::process::{CLIENT_CORE, Running, on_core, this_program};

/// For so long the control sleeps at a time.
const NAP: Duration = Duration::from_millis(1);

/// Shortest pause that is noted: one that alone can put five sends of 500 beyond the millisecond
/// that a client's lateness may have. Shorter ones come every other second on a rented machine.
const SHORTEST: Duration = Duration::from_millis(2);

/// In the order of `chrt`: first in, first out, with the lowest of the real-time priorities.
const REAL_TIME: [&str; 2] = ["-f", "1"];

/// The control, for as long as it runs.
pub(crate) struct Control {
    process: Running,
    notes: ChildStdout,
}

/// A time in which the machine stood still.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pause {
    from: Stamp,
    to: Stamp,
}

impl Control {
    /// Starts the control; none where we have no right to real-time priority.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        let allowed =
            Command::new("chrt").args(REAL_TIME).arg("true").stderr(Stdio::null()).status();
        if !allowed.is_ok_and(|status| status.success()) {
            return Ok(None);
        }
        let mut child = on_core(CLIENT_CORE, "chrt")
            .args(REAL_TIME)
            .args([&this_program()?, "control"])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a control")?;
        let notes = child.stdout.take().context("the control says nothing")?;
        Ok(Some(Self { process: Running::new(child), notes }))
    }

    /// Ends the control; what it noted.
    pub(crate) fn pauses(self) -> anyhow::Result<Vec<Pause>> {
        let Self { process, mut notes } = self;
        drop(process);
        let mut text = String::new();
        notes.read_to_string(&mut text).context("what the control noted")?;
        text.lines().map(|line| Pause::parse(line).context("a note of the control")).collect()
    }
}

impl Pause {
    /// Whether some of the pause was between two stamps.
    pub(crate) fn was_between(self, from: Stamp, to: Stamp) -> bool {
        self.from < to && from < self.to
    }

    fn parse(line: &str) -> Option<Self> {
        let (from, to) = line.split_once(' ')?;
        let stamp = |text: &str| Some(Stamp::from_nanos(text.parse().ok()?));
        Some(Self { from: stamp(from)?, to: stamp(to)? })
    }
}

/// Sleeps and notes each pause on the standard output, until the process that started it has gone.
pub(crate) fn run() {
    let parent = getppid();
    while getppid() == parent {
        let due = Stamp::now().after(NAP);
        std::thread::sleep(NAP);
        let awake = Stamp::now();
        if awake.since(due) >= SHORTEST {
            println!("{} {}", due.as_nanos(), awake.as_nanos());
        }
    }
}
