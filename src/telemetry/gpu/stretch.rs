//! What a target's GPUs did over a stretch of time, from several readings.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    account::MOST_GPUS,
    told::{Gpu, GpuTold, Which},
};
use crate::{
    measure::catalogue::Id,
    telemetry::{lately, rising::Followed, seen::Seen},
};

/// Readings are not taken at one instant: a counter may rise by so much more than the stretch was long,
/// a share of it and seconds.
const SKEW: (f64, f64) = (0.05, 0.1);

/// A stretch of time of the GPUs of one target.
#[derive(Clone, Debug, Default)]
pub struct Stretch {
    counters: BTreeMap<(Gpu, Which), Followed>,
    gpus: BTreeSet<Gpu>,
    /// Of each GPU at each reading.
    gauges: BTreeMap<Which, Seen>,
    /// Of all GPUs together at each reading.
    together: BTreeMap<Which, Seen>,
    readings: u32,
}

/// What GPUs did in a stretch. What they do not tell is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stretched {
    /// How many told.
    pub gpus: u32,
    /// Gauges: mean over readings and GPUs.
    pub means: BTreeMap<Which, f64>,
    /// Gauges: the most of one GPU at a reading.
    pub most: BTreeMap<Which, f64>,
    /// Gauges: the most of all GPUs together at a reading.
    pub most_of_all: BTreeMap<Which, f64>,
    /// Energy of all, in joules; absent where no counter of it moved, as between two updates of
    /// the exporter.
    pub energy_joules: Option<f64>,
    /// Share of the time for which clocks were held down, of the GPU that was so longest, by reason.
    pub throttle_ratios: BTreeMap<&'static str, f64>,
    /// Seconds of throttling that a GPU counted in less time than that, by reason; they are in no
    /// share. An exporter that is slow to update counts them in lumps.
    pub impossible_seconds: BTreeMap<&'static str, f64>,
    /// How long the stretch was.
    pub seconds: f64,
    /// Readings, the first included.
    pub readings: u32,
}

impl Stretch {
    /// What they did, in a stretch that was so long.
    pub fn stretched(&self, long: Duration) -> Stretched {
        let most = |of: &BTreeMap<Which, Seen>| {
            of.iter().map(|(which, seen)| (*which, seen.most)).collect::<BTreeMap<_, _>>()
        };
        let means = self.gauges.iter().filter_map(|(which, seen)| Some((*which, seen.mean()?)));
        let energy: f64 = self.rises(Id::GpuEnergy).map(|(_, rise)| rise).sum();
        let seconds = long.as_secs_f64();
        let possible = seconds * (1.0 + SKEW.0) + SKEW.1;
        let (mut throttle_ratios, mut impossible_seconds) = (BTreeMap::new(), BTreeMap::new());
        for (label, rise) in self.rises(Id::GpuThrottle) {
            let Some(reason) = label else { continue };
            let (most, value) = if rise > possible {
                (&mut impossible_seconds, rise)
            } else {
                (&mut throttle_ratios, (rise / seconds.max(f64::MIN_POSITIVE)).min(1.0))
            };
            let most: &mut f64 = most.entry(reason).or_default();
            *most = most.max(value);
        }
        Stretched {
            gpus: u32::try_from(self.gpus.len()).unwrap_or(u32::MAX),
            means: means.collect(),
            most: most(&self.gauges),
            most_of_all: most(&self.together),
            energy_joules: (energy > 0.0).then_some(energy),
            throttle_ratios,
            impossible_seconds,
            seconds,
            readings: self.readings,
        }
    }

    /// What each counter of `id` rose by, with its own label.
    fn rises(&self, id: Id) -> impl Iterator<Item = (Option<&'static str>, f64)> {
        let of = self.counters.iter().filter(move |((_, (of, _)), _)| *of == id);
        of.map(|((_, (_, label)), counter)| (*label, counter.rose()))
    }
}

impl lately::Stretch for Stretch {
    type Told = GpuTold;

    fn begin(first: &[GpuTold]) -> Self {
        let mut stretch = Self::default();
        stretch.told(first);
        stretch.counters.values_mut().for_each(Followed::begin);
        stretch
    }

    fn told(&mut self, told: &[GpuTold]) {
        let mut now: BTreeMap<Which, f64> = BTreeMap::new();
        for one in told {
            if self.gpus.len() >= MOST_GPUS && !self.gpus.contains(&one.gpu) {
                continue;
            }
            let is_new = self.gpus.insert(one.gpu.clone());
            for (id, label, value) in &one.gauges {
                self.gauges.entry((*id, *label)).or_default().take(*value);
                *now.entry((*id, *label)).or_default() += value;
            }
            for (id, label, value) in &one.counters {
                let counter = self.counters.entry((one.gpu.clone(), (*id, *label)));
                // Counters of a GPU that comes into sight tell of the time before, too.
                let base = if is_new { *value } else { 0.0 };
                counter.or_insert_with(|| Followed::from(base)).observe(*value);
            }
        }
        for (which, all) in now {
            self.together.entry(which).or_default().take(all);
        }
        self.readings += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Xids, lately::Stretch as _};

    fn gpu(index: &str, watts: f64, joules: f64, throttled: f64) -> GpuTold {
        GpuTold {
            gpu: Gpu { gpu: index.into(), uuid: index.into(), mig: "".into() },
            name: "".into(),
            driver: "".into(),
            gauges: vec![(Id::GpuPower, None, watts)],
            counters: vec![
                (Id::GpuEnergy, None, joules),
                (Id::GpuThrottle, Some("power"), throttled),
            ],
            programs: Vec::new(),
            xids: Xids::Untold,
        }
    }

    #[test]
    fn energy_adds_up_and_the_slowest_gpu_counts() {
        let mut stretch = Stretch::begin(&[gpu("0", 100.0, 1e6, 5.0), gpu("1", 300.0, 2e6, 9.0)]);
        stretch.told(&[
            gpu("0", 200.0, 1e6 + 50.0, 6.0),
            gpu("1", 400.0, 2e6 + 70.0, 14.0),
            gpu("2", 250.0, 9e9, 1e9),
        ]);
        let stretched = stretch.stretched(Duration::from_secs(10));
        assert_eq!((stretched.gpus, stretched.energy_joules), (3, Some(120.0)));
        assert_eq!(stretched.throttle_ratios, [("power", 0.5)].into());
        assert_eq!(stretched.means[&(Id::GpuPower, None)], 250.0);
        assert_eq!(stretched.most[&(Id::GpuPower, None)], 400.0);
        assert_eq!(stretched.most_of_all[&(Id::GpuPower, None)], 850.0);
    }

    #[test]
    fn no_clock_is_held_down_for_longer_than_there_was_time() {
        let held = |rise: f64, seconds| {
            let mut stretch = Stretch::begin(&[gpu("0", 1.0, 1.0, 7.0), gpu("1", 1.0, 1.0, 7.0)]);
            stretch.told(&[gpu("0", 1.0, 1.0, 7.0 + rise), gpu("1", 1.0, 1.0, 8.0)]);
            let stretched = stretch.stretched(Duration::from_secs(seconds));
            (stretched.throttle_ratios["power"], stretched.impossible_seconds.get("power").copied())
        };
        assert_eq!(held(9.0, 10), (0.9, None));
        assert_eq!(held(10.4, 10), (1.0, None), "two readings are not taken at one instant");
        assert_eq!(held(30.0, 10), (0.1, Some(30.0)), "of the other GPU it is known");
        assert_eq!(held(2.5e6, 2), (0.5, Some(2.5e6)));
    }

    #[test]
    fn a_counter_that_stands_still_tells_of_no_energy() {
        let mut stretch = Stretch::begin(&[gpu("0", 100.0, 5.0, 0.0)]);
        stretch.told(&[gpu("0", 100.0, 5.0, 0.0)]);
        assert_eq!(stretch.stretched(Duration::from_secs(1)).energy_joules, None);
    }
}
