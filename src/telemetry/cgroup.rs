//! What the control group holds back from us: CPU throttling and pressure.
//!
//! Version 2 has both in the group's directory; version 1 knows throttling only, under the `cpu`
//! controller. Where the group has no pressure file (version 1, a kernel without it), and in the
//! root group, the pressure is that of the whole machine, and said to be so.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::measure::catalogue::{Id, Reading};

/// The control group of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    /// Directories of version 2 that may be the group's, the likeliest first.
    groups: Vec<PathBuf>,
    /// Files of either version that may have the throttled time, the likeliest first.
    stat: Vec<PathBuf>,
    /// The pressure of the machine.
    machine: PathBuf,
}

/// What is known of our CPU at one moment; each number only rises. What is not told is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTold {
    /// For how long the quota held us, in seconds.
    pub throttled: Option<f64>,
    /// For how long something waited for a CPU.
    pub pressure: Option<CpuPressure>,
}

/// For how long something waited for a CPU, and who.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuPressure {
    /// In seconds: time in which at least one task waited.
    pub seconds: f64,
    /// Whose tasks.
    pub of: Waiting,
}

/// Who waited for a CPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Waiting {
    /// Tasks of our group, which have used so many seconds of CPU in all.
    Group {
        /// CPU time of the group; absent where it does not tell.
        used: Option<f64>,
    },
    /// Tasks of the machine.
    Machine,
}

impl Cgroup {
    /// Finds the group of this process.
    pub fn of_this_process() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        Self::of(&membership, Path::new("/sys/fs/cgroup"), Path::new("/proc/pressure/cpu"))
    }

    /// Reads what is known now.
    pub fn told(&self) -> CpuTold {
        let throttled = self.stat.iter().find_map(|file| read(file, throttled_seconds));
        CpuTold { throttled, pressure: self.pressure() }
    }

    /// The same as readings of the catalogue.
    pub fn readings(&self) -> Vec<Reading> {
        let CpuTold { throttled, pressure } = self.told();
        let pressure = pressure.map(|pressure| pressure.seconds);
        let values = [(Id::CpuThrottled, throttled), (Id::CpuPressure, pressure)];
        let known = values.into_iter().filter_map(|(id, value)| Some((id, value?)));
        known.map(|(id, value)| Reading::plain(id, value)).collect()
    }

    fn pressure(&self) -> Option<CpuPressure> {
        let of_group = |group: &PathBuf| {
            let seconds = read(&group.join("cpu.pressure"), pressure_seconds)?;
            // Only the root of all groups has no type: its pressure is the machine's.
            let of = match group.join("cgroup.type").exists() {
                true => Waiting::Group { used: read(&group.join("cpu.stat"), used_seconds) },
                false => Waiting::Machine,
            };
            Some(CpuPressure { seconds, of })
        };
        self.groups.iter().find_map(of_group).or_else(|| {
            let seconds = read(&self.machine, pressure_seconds)?;
            Some(CpuPressure { seconds, of: Waiting::Machine })
        })
    }

    /// The places to look in, from `/proc/self/cgroup`. Inside a container the path it names is
    /// often that of the host, and the group is mounted as the root: that is looked at last.
    fn of(membership: &str, mount: &Path, machine: &Path) -> Self {
        let (mut groups, mut stat) = (Vec::new(), Vec::new());
        for line in membership.lines() {
            let mut fields = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
            let path = path.trim_start_matches('/');
            if controllers.is_empty() {
                for root in [mount.to_owned(), mount.join("unified")] {
                    for group in [root.join(path), root] {
                        stat.push(group.join("cpu.stat"));
                        groups.push(group);
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
        Self { groups, stat, machine: machine.to_owned() }
    }
}

/// What a file says, if it exists and says something.
fn read(file: &Path, parse: fn(&str) -> Option<f64>) -> Option<f64> {
    parse(&fs::read_to_string(file).ok()?)
}

/// CPU time of a `cpu.stat` of version 2.
fn used_seconds(stat: &str) -> Option<f64> {
    let used = stat.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
    Some(used.trim().parse::<f64>().ok()? / 1e6)
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

    /// A mount with the directory `group` in it, which has these files, and a machine's pressure
    /// that differs from the group's.
    fn planted(group: &str, files: &[(&str, &str)]) -> tempfile::TempDir {
        let mount = tempfile::tempdir().expect("a directory");
        let folder = mount.path().join(group);
        fs::create_dir_all(&folder).expect("made");
        for (name, text) in files {
            fs::write(folder.join(name), text).expect("written");
        }
        fs::write(mount.path().join("machine"), "some total=9000000\n").expect("written");
        mount
    }

    fn told(mount: &tempfile::TempDir, membership: &str) -> CpuTold {
        Cgroup::of(membership, mount.path(), &mount.path().join("machine")).told()
    }

    const GROUP: &[(&str, &str)] =
        &[("cpu.stat", V2), ("cpu.pressure", PRESSURE), ("cgroup.type", "domain\n")];

    const OURS: CpuPressure =
        CpuPressure { seconds: 51.070_931, of: Waiting::Group { used: Some(0.001) } };

    const MACHINES: CpuPressure = CpuPressure { seconds: 9.0, of: Waiting::Machine };

    #[test]
    fn the_groups_own_files_come_before_the_roots() {
        let mount = planted("pod/app", GROUP);
        fs::write(mount.path().join("cpu.stat"), "throttled_usec 9000000\n").expect("written");
        fs::write(mount.path().join("cpu.pressure"), "some total=1\n").expect("written");
        let own = told(&mount, "0::/pod/app\n");
        assert_eq!((own.throttled, own.pressure), (Some(2.5), Some(OURS)));
        let cgroup = Cgroup::of("0::/pod/app\n", mount.path(), Path::new("none"));
        let values: Vec<_> = cgroup.readings().iter().map(|one| (one.id, one.value)).collect();
        assert_eq!(values, [(Id::CpuThrottled, 2.5), (Id::CpuPressure, 51.070_931)]);
    }

    #[test]
    fn a_group_that_is_mounted_as_the_root_is_ours_and_the_root_of_all_is_not() {
        let mount = planted("", GROUP);
        assert_eq!(told(&mount, "0::/kubepods/of-the-host\n").pressure, Some(OURS));
        fs::remove_file(mount.path().join("cgroup.type")).expect("removed");
        let pressure = told(&mount, "0::/\n").pressure.expect("told");
        assert_eq!((pressure.seconds, pressure.of), (51.070_931, Waiting::Machine));
    }

    #[test]
    fn without_a_pressure_of_its_own_the_machines_is_told_as_that() {
        let group = planted("a", &GROUP[..1]);
        assert_eq!(told(&group, "0::/a\n").pressure, Some(MACHINES));
        let odd = planted("a", &[("cpu.pressure", "some avg10=x total=\n"), GROUP[2]]);
        assert_eq!(told(&odd, "0::/a\n").pressure, Some(MACHINES));
        assert_eq!(told(&odd, "no membership").pressure, Some(MACHINES));
        fs::write(odd.path().join("machine"), "operation not supported\n").expect("written");
        assert_eq!(told(&odd, "0::/a\n"), CpuTold::default());
        let mute = planted("a", &[("cpu.stat", "usage_usec\n"), GROUP[1], GROUP[2]]);
        let of = told(&mute, "0::/a\n").pressure.map(|pressure| pressure.of);
        assert_eq!(of, Some(Waiting::Group { used: None }));
    }

    #[test]
    fn version_1_is_found_under_its_controller() {
        let mount = planted("cpu,cpuacct", &[("cpu.stat", V1)]);
        let told = told(&mount, "4:memory:/host/a\n3:cpu,cpuacct:/host/a\n");
        assert_eq!((told.throttled, told.pressure), (Some(1.5), Some(MACHINES)));
    }
}
