//! Child processes: where they run, what they cost.

use std::{
    fs,
    process::{Child, Command},
    time::Duration,
};

use anyhow::Context as _;
use nix::{
    sys::signal::{Signal, kill},
    time::clock_getcpuclockid,
    unistd::Pid,
};

/// The core of the engine.
pub(crate) const ENGINE_CORE: usize = 0;
/// The core of the client.
pub(crate) const CLIENT_CORE: usize = 1;

/// A child that is killed when it is dropped.
pub(crate) struct Running(Child);

/// `program` confined to one core; to none in particular where there is only one.
pub(crate) fn on_core(core: usize, program: &str) -> Command {
    if cores() < 2 {
        return Command::new(program);
    }
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string(), program]);
    command
}

/// This bench's own program.
pub(crate) fn this_program() -> anyhow::Result<String> {
    let path = std::env::current_exe().context("where this program is")?;
    Ok(path.to_string_lossy().into_owned())
}

/// Keeps a core busy until killed.
pub(crate) fn spin() -> ! {
    loop {
        std::hint::spin_loop();
    }
}

/// A process that competes for the client's core.
pub(crate) fn competitor() -> anyhow::Result<Running> {
    let child = on_core(CLIENT_CORE, &this_program()?).arg("spin").spawn();
    Ok(Running(child.context("cannot start a competitor")?))
}

impl Running {
    /// Takes charge of `child`.
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    /// CPU time that the process has used, ended threads included.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let clock = clock_getcpuclockid(self.pid()).context("the CPU clock of a child")?;
        Ok(clock.now().context("the CPU time of a child")?.into())
    }

    /// Resident memory, in MiB.
    pub(crate) fn rss_mib(&self) -> anyhow::Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()).context("no VmRSS")?;
        Ok(kib.parse::<f64>()? / 1024.0)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().cast_signed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = kill(self.pid(), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}

/// The machine, in a line.
pub(crate) fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches(['\t', ' ', ':']);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{} × {model}, Linux {}, load {load}", cores(), kernel.trim())
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
