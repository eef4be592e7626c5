//! Without what a panel stays empty: not every installation has GPUs, an engine that is read, sweeps.

/// What fills a panel, where not every installation has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// GPUs that are read.
    Gpus,
    /// An engine whose metrics are read.
    Engine,
    /// Both.
    GpusAndEngine,
    /// Runs of a sweep.
    Sweep,
    /// SLOs.
    Slo,
    /// A probe that misses one.
    Degraded,
}

impl Need {
    /// The sentence that says so.
    pub(super) const fn sentence(self) -> &'static str {
        match self {
            Self::Gpus => "Empty where no `gpu` of a target is configured.",
            Self::Engine => {
                "The engine's part is empty where no `engine_metrics` of a target is configured."
            }
            Self::GpusAndEngine => {
                "Empty where not both `gpu` and `engine_metrics` of a target are configured."
            }
            Self::Sweep => "Empty until a run of a sweep has ended.",
            Self::Slo => "Empty where no SLO is configured.",
            Self::Degraded => "Empty while every probe meets its SLOs.",
        }
    }
}
