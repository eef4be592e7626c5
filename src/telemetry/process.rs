//! The process as the kernel accounts for it.

use std::fs;

use crate::measure::catalogue::{Id, Reading};

/// Clock ticks a second in `/proc`: the kernel's user interface has had this value on every
/// architecture that we build for, whatever the kernel's own rate.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the `process_*` metrics. What the system does not tell is left out.
pub fn readings() -> Vec<Reading> {
    let file = |path| fs::read_to_string(path).unwrap_or_default();
    let stat = file("/proc/self/stat");
    let status = file("/proc/self/status");
    let open_fds = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count());
    let values = [
        (Id::ProcessCpu, cpu_seconds(&stat)),
        (Id::ProcessStartTime, start_time(&stat, &file("/proc/stat"))),
        (Id::ProcessResidentMemory, status_value(&status, "VmRSS:").map(kibibytes)),
        (Id::ProcessVirtualMemory, status_value(&status, "VmSize:").map(kibibytes)),
        (Id::ProcessThreads, status_value(&status, "Threads:")),
        // The directory that is being read is one of them.
        (Id::ProcessOpenFds, open_fds.map(|count| count.saturating_sub(1) as f64)),
        (Id::ProcessMaxFds, max_fds(&file("/proc/self/limits"))),
    ];
    let known = values.into_iter().filter_map(|(id, value)| Some((id, value?)));
    known.map(|(id, value)| Reading::plain(id, value)).collect()
}

/// CPU time that this process has used so far, in seconds; absent where the system does not tell.
pub fn cpu_time() -> Option<f64> {
    cpu_seconds(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// User and system time of `/proc/self/stat`, fields 14 and 15.
fn cpu_seconds(stat: &str) -> Option<f64> {
    Some((stat_field(stat, 14)? + stat_field(stat, 15)?) / TICKS_PER_SECOND)
}

/// Start of the process: field 22, counted from the boot that `/proc/stat` tells.
fn start_time(stat: &str, system: &str) -> Option<f64> {
    let boot: f64 =
        system.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(boot + stat_field(stat, 22)? / TICKS_PER_SECOND)
}

/// A field of `/proc/self/stat`, counted from 1 as its manual does. The second is the program's
/// name in parentheses, which may hold spaces and parentheses itself.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(number.checked_sub(3)?)?.parse().ok()
}

fn status_value(status: &str, key: &str) -> Option<f64> {
    let rest = status.lines().find_map(|line| line.strip_prefix(key))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

fn kibibytes(value: f64) -> f64 {
    value * 1024.0
}

/// The soft limit; absent if there is none.
fn max_fds(limits: &str) -> Option<f64> {
    let rest = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    rest.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "17028 (tok) en) S 1 1 1 0 -1 4194304 99 0 0 0 250 50 0 0 20 0 8 0 131721 \
                        3133440 416 18446744073709551615";

    #[test]
    fn a_name_with_a_parenthesis_shifts_nothing() {
        assert_eq!(cpu_seconds(STAT), Some(3.0));
        assert_eq!(start_time(STAT, "cpu 1 2\nbtime 1000\n"), Some(2317.21));
        assert_eq!(cpu_seconds("garbage"), None);
    }

    #[test]
    fn status_and_limits_are_read() {
        let status = "VmSize:\t  2048 kB\nVmRSS:\t  1024 kB\nThreads:\t8\n";
        assert_eq!(status_value(status, "VmRSS:").map(kibibytes), Some(1_048_576.0));
        assert_eq!(status_value(status, "Threads:"), Some(8.0));
        let limits = "Limit  Soft Limit  Hard Limit  Units\nMax open files   1024   4096   files\n";
        assert_eq!(max_fds(limits), Some(1024.0));
        assert_eq!(max_fds("Max open files   unlimited   unlimited   files"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_told_of() {
        let ids: Vec<_> = readings().iter().map(|reading| reading.id).collect();
        assert!(ids.contains(&Id::ProcessCpu) && ids.contains(&Id::ProcessResidentMemory));
    }
}
