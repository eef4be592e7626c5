//! Whose memory a GPU holds: that of processes, by the names of their programs.
//!
//! Of a process only the short name is read that the kernel keeps of it. What the driver would tell is
//! its command line, and that may hold a secret.

use std::{cmp::Reverse, collections::BTreeMap, fs, sync::Arc};

use nvml_wrapper::{
    Device, enums::device::UsedGpuMemory, error::NvmlError, struct_wrappers::device::ProcessInfo,
};

use super::device::told;

/// Most names of a GPU, that of the rest included: each is a series.
const MOST: usize = 8;

/// What stands for the names that are too many.
const OTHER: &str = "other";

/// What stands for a name that we may not read, as that of a process of another container.
const UNKNOWN: &str = "unknown";

/// The processes that compute on a GPU, or on an instance; none where we may not know.
///
/// # Errors
/// If the GPU is gone.
pub(super) fn processes(device: &Device<'_>) -> Result<Vec<ProcessInfo>, NvmlError> {
    Ok(told(device.running_compute_processes())?.unwrap_or_default())
}

/// Bytes that processes hold, by the names of their programs. One whose memory the driver keeps for
/// itself is left out.
pub(super) fn memory(processes: &[ProcessInfo]) -> Vec<(Arc<str>, f64)> {
    let held = processes.iter().filter_map(|process| match process.used_gpu_memory {
        UsedGpuMemory::Used(bytes) => Some((name(process.pid), bytes)),
        UsedGpuMemory::Unavailable => None,
    });
    by_name(held)
}

/// Adds up what has one name, the largest first, and what is beyond the most names.
fn by_name(held: impl Iterator<Item = (String, u64)>) -> Vec<(Arc<str>, f64)> {
    let mut sums: BTreeMap<String, u64> = BTreeMap::new();
    for (name, bytes) in held {
        let sum = sums.entry(name).or_default();
        *sum = sum.saturating_add(bytes);
    }
    let mut sums: Vec<_> = sums.into_iter().collect();
    sums.sort_by_key(|(_, bytes)| Reverse(*bytes));
    if sums.len() > MOST {
        // A program may be called so, too.
        let own = sums.iter().position(|(name, _)| name == OTHER);
        let own = own.map_or(0, |at| sums.remove(at).1);
        let rest = sums.split_off(MOST - 1);
        let rest = rest.iter().fold(own, |sum, (_, bytes)| sum.saturating_add(*bytes));
        sums.push((OTHER.to_owned(), rest));
    }
    sums.into_iter().map(|(name, bytes)| (name.into(), bytes as f64)).collect()
}

/// The name of a process: the base name of its program, of which the kernel keeps 15 bytes, unless
/// it has given itself another.
fn name(pid: u32) -> String {
    let name = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
    let name = String::from_utf8_lossy(&name);
    let name = name.trim_end_matches('\n');
    if name.is_empty() { UNKNOWN.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(held: &[(&str, u64)]) -> Vec<(String, f64)> {
        let held = held.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes));
        by_name(held).into_iter().map(|(name, bytes)| (name.to_string(), bytes)).collect()
    }

    #[test]
    fn processes_of_one_name_are_one_series() {
        let held = [("python3", 3), ("Xorg", 1), ("python3", 4), ("unknown", 2)];
        let expected = [("python3", 7.0), ("unknown", 2.0), ("Xorg", 1.0)];
        assert_eq!(sums(&held), expected.map(|(name, bytes)| (name.to_owned(), bytes)));
        assert_eq!(sums(&[("a", u64::MAX), ("a", 1)])[0].1, u64::MAX as f64);
    }

    #[test]
    fn there_are_never_more_than_eight_and_nothing_is_lost() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "other"];
        for count in 1..=names.len() {
            let held: Vec<_> =
                names[..count].iter().zip(10..).map(|(name, n)| (*name, n)).collect();
            let sums = sums(&held);
            assert_eq!(sums.len(), count.min(MOST), "{held:?}");
            let all: u64 = held.iter().map(|(_, bytes)| bytes).sum();
            assert_eq!(sums.iter().map(|(_, bytes)| bytes).sum::<f64>(), all as f64);
            let others = sums.iter().filter(|(name, _)| name == OTHER).count();
            assert_eq!(others, usize::from(count > MOST), "{sums:?}");
        }
        // Of ten, the largest seven are told by name, and the one that is called so is of the rest.
        let held: Vec<_> = names.iter().zip(10..).map(|(name, n)| (*name, n)).collect();
        assert_eq!(sums(&held)[0], ("i".to_owned(), 18.0));
        assert_eq!(sums(&held)[7], ("other".to_owned(), 19.0 + 10.0 + 11.0));
    }

    #[test]
    fn a_process_has_the_name_that_the_kernel_keeps() {
        assert!(!name(std::process::id()).contains('\n'));
        assert_ne!(name(std::process::id()), UNKNOWN);
        // The kernel gives no such number.
        assert_eq!(name(u32::MAX), UNKNOWN);
    }
}
