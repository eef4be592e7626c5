//! What is kept of the GPUs of one target from one collection to the next, whoever collects.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    clock::Wall,
    telemetry::{GpuAccount, GpuStretch, GpuTold, Lately, Sheet, Sight, Standing},
};

/// The GPUs of one target.
pub(super) struct Gpus {
    account: GpuAccount,
    lately: Lately<GpuStretch>,
    standing: Standing,
    /// Which ones, and their driver, as they were last told of.
    name: String,
    version: String,
}

impl Gpus {
    /// Nothing yet; `source` is that of `tokenbeat_gpu_collector_up`.
    pub(super) fn new(target: Arc<str>, source: &'static str) -> Self {
        let account = GpuAccount::new(target, source);
        let (name, version) = (String::new(), String::new());
        Self { account, lately: Lately::default(), standing: Standing::default(), name, version }
    }

    /// Takes in a collection: what each place told, in the order in which they are configured,
    /// `None` where one failed; and why, if it did not succeed.
    pub(super) fn collected(&mut self, places: Vec<Option<Vec<GpuTold>>>, why: Option<&str>) {
        let wall = Wall::anchor();
        let now = wall.stamp();
        let told = places.iter().flatten().flatten().cloned().collect::<Vec<_>>();
        if !told.is_empty() {
            self.lately.told(now, &told);
            (self.name, self.version) = (names(&told), drivers(&told));
        }
        match why {
            None => self.standing.read(wall.unix_nanos(now)),
            Some(why) => self.standing.failed(why),
        }
        self.account.collected(places, wall.unix_seconds(now));
    }

    /// What stands now.
    pub(super) fn sheet(&self) -> Sheet {
        let sight = match self.standing.is_current() {
            true => Sight::Gpus(self.lately.between(GpuStretch::stretched)),
            false => Sight::None,
        };
        let (name, version) = (self.name.clone(), self.version.clone());
        let standing = self.standing.clone();
        let readings = self.account.readings();
        Sheet { readings, standing, name, version, sight, ..Sheet::default() }
    }
}

/// How many there are of each product.
fn names(told: &[GpuTold]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in told {
        *counts.entry(if one.name.is_empty() { "GPU" } else { &one.name }).or_default() += 1;
    }
    let words = counts.into_iter().map(|(name, count)| match count {
        1 => name.to_owned(),
        _ => format!("{count} × {name}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

/// The versions of their drivers.
fn drivers(told: &[GpuTold]) -> String {
    let drivers: BTreeSet<&str> =
        told.iter().map(|one| &*one.driver).filter(|driver| !driver.is_empty()).collect();
    drivers.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::{Gpu, Xids};

    fn gpu(name: &str, driver: &str) -> GpuTold {
        GpuTold {
            gpu: Gpu { gpu: "0".into(), uuid: "".into(), mig: "".into() },
            name: name.into(),
            driver: driver.into(),
            gauges: Vec::new(),
            counters: Vec::new(),
            programs: Vec::new(),
            xids: Xids::Untold,
        }
    }

    #[test]
    fn they_are_named_by_product_and_what_failed_keeps_its_name() {
        let mut gpus = Gpus::new("t".into(), "dcgm");
        let told = vec![gpu("H200", "570"), gpu("", ""), gpu("H200", "570")];
        gpus.collected(vec![Some(told)], None);
        gpus.collected(vec![None], Some("refused"));
        let sheet = gpus.sheet();
        assert_eq!((&*sheet.name, &*sheet.version), ("GPU, 2 × H200", "570"));
        assert_eq!((sheet.standing.why(), sheet.standing.is_current()), (Some("refused"), true));
        gpus.collected(vec![None], Some("refused"));
        assert_eq!(gpus.sheet().sight, Sight::None, "what is long past says nothing of now");
    }
}
