//! The test bed: a simulator in a thread of this process, and the link to it.

use std::sync::Arc;

use super::CalibrateError;
use crate::{
    config::{Models, Target},
    load::Link,
    protocol::Api,
    sim::{Dist, Sim, SimSpec, SpawnedSim},
};

/// The model that is asked for.
pub(super) const MODEL: &str = "sim-8b";

/// What the bed calls itself in requests, records and messages.
pub(super) const NAME: &str = "calibration";

/// First token after so many milliseconds.
const TTFT_MS: f64 = 20.0;

/// A token every so many milliseconds.
const ITL_MS: f64 = 5.0;

/// A simulator and the way to it.
pub(super) struct Bed {
    pub(super) sim: SpawnedSim,
    pub(super) link: Arc<Link>,
}

impl Bed {
    /// Starts the simulator. It has a slot for every request: a queue would be its own time.
    pub(super) fn start() -> Result<Self, CalibrateError> {
        let spec = SimSpec {
            models: vec![MODEL.to_owned()],
            ttft: Dist::constant_ms(TTFT_MS),
            itl: Dist::constant_ms(ITL_MS),
            slots: 100_000,
            stamps: true,
            ..SimSpec::default()
        };
        let sim = Sim::spawn(spec).map_err(CalibrateError::Simulator)?;
        let unusable = |error| {
            CalibrateError::Simulator(std::io::Error::new(
                std::io::ErrorKind::AddrNotAvailable,
                error,
            ))
        };
        let url = sim.base_url().parse().map_err(unusable)?;
        let models = Models::List(vec![MODEL.into()]);
        let target = Target::plain(NAME, url, Api::OpenaiChat, models);
        let link = Link::new(Arc::new(target))?;
        Ok(Self { sim, link })
    }
}
