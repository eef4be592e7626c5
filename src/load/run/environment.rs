//! Where we measure from.

use std::{fs, thread};

use crate::{client, event::Environment, workload};

/// This machine, as far as it bears on numbers.
pub(super) fn environment() -> Environment {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let system = format!("{os} {} {arch}", release.trim()).replace("  ", " ");
    let cpus = thread::available_parallelism()
        .map_or(0, |count| u32::try_from(count.get()).unwrap_or(u32::MAX));
    let stamps = client::keep_stamping_on().as_str().to_owned();
    let fingerprint = format!("{:016x}", workload::seed(&[&system, &stamps], cpus.into()));
    Environment { system, cpus, stamps, fingerprint }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_machine_has_one_fingerprint() {
        let here = environment();
        assert_eq!(here, environment());
        assert!(here.cpus > 0 && here.fingerprint.len() == 16, "{here:?}");
        assert!(here.system.starts_with(std::env::consts::OS), "{here:?}");
    }
}
