//! One life of the driver's library: from where it was loaded to where it is of no use any more.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use nvml_wrapper::{Device, Nvml, error::NvmlError, struct_wrappers::device::ProcessInfo};

use super::{
    device,
    local::{LocalGpu, Part},
    memory::{Known, Memory},
    program,
    window::{Turn, Whose, Windows},
    xid::Ear,
};
use crate::telemetry::gpu::{Gpu, GpuTold, Xids};

/// Most GPUs of a machine, and most instances of one.
const MOST: u32 = 64;

/// The library, loaded.
pub(super) struct Session<'nvml> {
    nvml: &'nvml Nvml,
    driver: Arc<str>,
    /// How many GPUs there were at its beginning.
    count: u32,
    ear: Option<Ear<'nvml>>,
    windows: Windows<'nvml>,
    /// The driver's number of an instance, by its UUID.
    numbers: BTreeMap<Arc<str>, u32>,
}

impl<'nvml> Session<'nvml> {
    /// Looks at what there is.
    ///
    /// # Errors
    /// In words for a person, if there is no GPU.
    pub(super) fn begin(nvml: &'nvml Nvml) -> Result<Self, String> {
        let count = nvml.device_count().map_err(|error| error.to_string())?.min(MOST);
        if count == 0 {
            return Err(
                "the driver shows no GPU; in a container, its devices must be handed in".to_owned()
            );
        }
        let devices: Vec<_> =
            (0..count).filter_map(|index| nvml.device_by_index(index).ok()).collect();
        let driver = nvml.sys_driver_version().unwrap_or_default().into();
        let (ear, windows) = (Ear::on(nvml, &devices), Windows::new(nvml));
        Ok(Self { nvml, driver, count, ear, windows, numbers: BTreeMap::new() })
    }

    /// Waits for `time` at most, with an ear on errors; returns at once where nothing can be heard.
    pub(super) fn listen(&self, time: Duration, memory: &mut Memory) -> bool {
        self.ear.as_ref().is_some_and(|ear| ear.listen(time, memory))
    }

    /// Somebody looks no more.
    pub(super) fn leave(&mut self, whose: Whose) {
        self.windows.leave(whose);
    }

    /// What each GPU tells now.
    ///
    /// # Errors
    /// In words for a person, if there are not as many as there were: the session is over.
    pub(super) fn collect(
        &mut self,
        memory: &mut Memory,
        turn: Turn,
    ) -> Result<Vec<LocalGpu>, String> {
        let count = self.nvml.device_count().map_err(|error| error.to_string())?.min(MOST);
        if count != self.count {
            return Err(format!("the driver shows {count} GPUs, and showed {}", self.count));
        }
        let read: Vec<_> =
            (0..self.count).map(|index| (index, self.gpu(index, memory, turn))).collect();
        let lost = read.iter().filter(|(_, parts)| parts.is_err()).map(|(index, _)| *index);
        memory.settle(&lost.collect::<Vec<_>>());
        let listening = self.ear.is_some();
        let local = |(index, parts): (u32, Result<Vec<Part>, NvmlError>)| match parts {
            Ok(mut parts) => {
                if let Some(whole) = parts.first_mut() {
                    whole.told.xids = memory.xids(&whole.uuid, listening);
                }
                LocalGpu { index, parts, failure: None }
            }
            Err(error) => {
                let part = |told: GpuTold| Part { uuid: Arc::clone(&told.gpu.uuid), told };
                let parts = memory.remains(index).map(part).into_iter().collect();
                LocalGpu { index, parts, failure: Some(error.to_string()) }
            }
        };
        Ok(read.into_iter().map(local).collect())
    }

    /// A GPU and its instances.
    fn gpu(&mut self, index: u32, memory: &mut Memory, turn: Turn) -> Result<Vec<Part>, NvmlError> {
        let device = self.nvml.device_by_index(index)?;
        let (uuid, name) = device::identity(&device)?;
        let gpu = Gpu { gpu: index.to_string().into(), uuid: Arc::clone(&uuid), mig: "".into() };
        let driver = Arc::clone(&self.driver);
        memory.learn(index, Known { gpu: gpu.clone(), name: Arc::clone(&name), driver });
        let mut gauges = device::gauges(&device)?;
        let counters = device::counters(&device, memory.throttled(&uuid))?;
        if device.gpm_support().unwrap_or(false) {
            gauges.extend(self.windows.turn(turn, &uuid, || device.gpm_sample()));
        }
        // After the window, which is not to wait for it.
        let programs = program::memory(&program::processes(&device)?);
        let (driver, xids) = (Arc::clone(&self.driver), Xids::Untold);
        let told = GpuTold { gpu, name, driver, gauges, counters, programs, xids };
        let mut parts = vec![Part { uuid, told }];
        self.instances(&device, turn, &mut parts)?;
        Ok(parts)
    }

    /// Adds the instances of a GPU to its parts.
    fn instances(
        &mut self,
        whole: &Device<'nvml>,
        turn: Turn,
        parts: &mut Vec<Part>,
    ) -> Result<(), NvmlError> {
        let divided = whole.mig_mode().is_ok_and(|mode| mode.current != 0);
        let most = if divided { whole.mig_device_count().unwrap_or(0).min(MOST) } else { 0 };
        for place in 0..most {
            // A place that nothing was made in is not there.
            let Ok(instance) = whole.mig_device_by_index(place) else { continue };
            let Ok((uuid, name)) = device::identity(&instance) else { continue };
            let mut gauges = device::memory(&instance)?;
            let processes = program::processes(&instance)?;
            if let Some(number) = self.number(&processes, &uuid) {
                gauges.extend(self.windows.turn(turn, &uuid, || whole.gpm_mig_sample(number)));
            }
            let gpu = Gpu { mig: place.to_string().into(), ..parts[0].told.gpu.clone() };
            let (driver, xids) = (Arc::clone(&self.driver), Xids::Untold);
            let (counters, programs) = (Vec::new(), program::memory(&processes));
            let told = GpuTold { gpu, name, driver, gauges, counters, programs, xids };
            parts.push(Part { uuid, told });
        }
        Ok(())
    }

    /// The driver's own number of an instance. Only the processes in one tell it.
    fn number(&mut self, processes: &[ProcessInfo], uuid: &Arc<str>) -> Option<u32> {
        if let Some(number) = self.numbers.get(uuid) {
            return Some(*number);
        }
        let number = processes.iter().find_map(|process| process.gpu_instance_id)?;
        self.numbers.insert(Arc::clone(uuid), number);
        Some(number)
    }
}
