//! The errors that the driver reports of its GPUs, as they come.

use std::time::Duration;

use nvml_wrapper::{
    Device, Nvml, bitmasks::event::EventTypes, enums::event::XidError, error::NvmlError,
    event::EventSet,
};

use super::memory::Memory;

/// Most errors that are taken at once.
const MOST: usize = 64;

/// What the driver says of an error that it has no code for.
const NO_CODE: u32 = 999;

/// An ear on the driver's errors.
pub(super) struct Ear<'nvml>(EventSet<'nvml>);

impl<'nvml> Ear<'nvml> {
    /// Listens to `devices`, as far as they can tell; `None` if they cannot.
    pub(super) fn on(nvml: &'nvml Nvml, devices: &[Device<'nvml>]) -> Option<Self> {
        let mut set = nvml.create_event_set().ok()?;
        let kind = EventTypes::CRITICAL_XID_ERROR;
        let tells = |device: &&Device<'_>| {
            device.supported_event_types().is_ok_and(|kinds| kinds.contains(kind))
        };
        let mut listening = None;
        for device in devices.iter().filter(tells) {
            set = device.register_events(kind, set).ok()?;
            listening = Some(());
        }
        listening.map(|()| Self(set))
    }

    /// Listens for at most `time` until an error comes, and hands those that have come to `memory`.
    /// Returns whether it could listen.
    pub(super) fn listen(&self, time: Duration, memory: &mut Memory) -> bool {
        let mut patience = u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        for _ in 0..MOST {
            match self.0.wait(patience) {
                Ok(event) => {
                    let code = match event.event_data {
                        Some(XidError::Value(code)) => u32::try_from(code).unwrap_or(NO_CODE),
                        Some(XidError::Unknown) => NO_CODE,
                        None => continue,
                    };
                    let uuid = event.device.uuid().ok();
                    tracing::warn!(xid = code, uuid, "the driver reports an error of a GPU");
                    memory.xid(uuid.as_deref(), code);
                    patience = 0;
                }
                Err(NvmlError::Timeout) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}
