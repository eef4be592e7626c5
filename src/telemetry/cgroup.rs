//! What the control group holds back from us: CPU throttling and pressure.
//!
//! Version 2 has both in the group's directory; version 1 knows throttling only, under the `cpu`
//! controller. Where the group has no pressure file (the root group, version 1, a kernel without
//! it), the machine's own is read.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::measure::catalogue::{Id, Reading};

/// The control group of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Directories that may have `cpu.stat`, the likeliest first.
    stat: Vec<PathBuf>,
    /// Files that may have the pressure, the likeliest first.
    pressure: Vec<PathBuf>,
}

impl Cgroup {
    /// Finds the group of this process.
    pub fn of_this_process() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::of(&membership, Path::new("/sys/fs/cgroup"), Path::new("/proc/pressure/cpu"))
    }

    /// Reads what is known now.
    pub fn readings(&self) -> Vec<Reading> {
        let throttled = first(&self.stat, throttled_seconds);
        let pressure = first(&self.pressure, pressure_seconds);
        let values = [(Id::CpuThrottled, throttled), (Id::CpuPressure, pressure)];
        let known = values.into_iter().filter_map(|(id, value)| Some((id, value?)));
        known.map(|(id, value)| Reading::plain(id, value)).collect()
    }

    /// The places to look in, from `/proc/self/cgroup`. Inside a container the path it names is
    /// often that of the host, and the group is mounted as the root: that is looked at last.
    fn of(membership: &str, mount: &Path, machine: &Path) -> Self {
        let mut stat = Vec::new();
        let mut pressure = Vec::new();
        for line in membership.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            let path = path.trim_start_matches('/');
            if controllers.is_empty() {
                for root in [mount.to_owned(), mount.join("unified")] {
                    for group in [root.join(path), root] {
                        stat.push(group.join("cpu.stat"));
                        pressure.push(group.join("cpu.pressure"));
                    }
                }
            } else if controllers.split(',').any(|controller| controller == "cpu") {
                for root in [mount.join(controllers), mount.join("cpu")] {
                    for group in [root.join(path), root] {
                        stat.push(group.join("cpu.stat"));
                    }
                }
            }
        }
        pressure.push(machine.to_owned());
        Self { stat, pressure }
    }
}

/// The first file that exists and says something.
fn first(files: &[PathBuf], parse: fn(&str) -> Option<f64>) -> Option<f64> {
    files.iter().find_map(|file| parse(&fs::read_to_string(file).ok()?))
}

/// Throttled time of a `cpu.stat`: microseconds in version 2, nanoseconds in version 1.
fn throttled_seconds(stat: &str) -> Option<f64> {
    stat.lines().find_map(|line| {
        let (key, value) = line.split_once(' ')?;
        let value: f64 = value.trim().parse().ok()?;
        match key {
            "throttled_usec" => Some(value / 1e6),
            "throttled_time" => Some(value / 1e9),
            _ => None,
        }
    })
}

/// Total time for which some task waited, of a pressure file (microseconds).
fn pressure_seconds(pressure: &str) -> Option<f64> {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "))?;
    let total = some.split_ascii_whitespace().find_map(|pair| pair.strip_prefix("total="))?;
    Some(total.parse::<f64>().ok()? / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    const V2: &str = "usage_usec 1000\nuser_usec 600\nnr_periods 4\nnr_throttled 2\n\
                      throttled_usec 2500000\nnr_bursts 0\n";
    const V1: &str = "nr_periods 4\nnr_throttled 2\nthrottled_time 1500000000\n";
    const PRESSURE: &str = "some avg10=1.94 avg60=10.13 avg300=7.77 total=51070931\n\
                            full avg10=0.00 avg60=0.00 avg300=0.00 total=7\n";

    #[test]
    fn both_versions_are_parsed() {
        assert_eq!(throttled_seconds(V2), Some(2.5));
        assert_eq!(throttled_seconds(V1), Some(1.5));
        assert_eq!(throttled_seconds("usage_usec 1\n"), None, "the root group does not say");
        assert_eq!(pressure_seconds(PRESSURE), Some(51.070_931));
        assert_eq!(pressure_seconds("full avg10=0.00 total=1\n"), None);
    }

    #[test]
    fn the_groups_own_files_come_before_the_roots() {
        let mount = tempfile::tempdir().expect("a directory");
        let group = mount.path().join("pod/app");
        fs::create_dir_all(&group).expect("made");
        fs::write(group.join("cpu.stat"), V2).expect("written");
        fs::write(mount.path().join("cpu.stat"), "throttled_usec 9000000\n").expect("written");
        fs::write(mount.path().join("machine"), PRESSURE).expect("written");
        let cgroup = Cgroup::of("0::/pod/app\n", mount.path(), &mount.path().join("machine"));
        let values: Vec<_> = cgroup.readings().iter().map(|one| (one.id, one.value)).collect();
        assert_eq!(values, [(Id::CpuThrottled, 2.5), (Id::CpuPressure, 51.070_931)]);
    }

    #[test]
    fn version_1_is_found_under_its_controller() {
        let mount = tempfile::tempdir().expect("a directory");
        let group = mount.path().join("cpu,cpuacct");
        fs::create_dir_all(&group).expect("made");
        fs::write(group.join("cpu.stat"), V1).expect("written");
        let membership = "4:memory:/host/a\n3:cpu,cpuacct:/host/a\n";
        let cgroup = Cgroup::of(membership, mount.path(), &mount.path().join("none"));
        let values: Vec<_> = cgroup.readings().iter().map(|one| (one.id, one.value)).collect();
        assert_eq!(values, [(Id::CpuThrottled, 1.5)]);
    }
}
