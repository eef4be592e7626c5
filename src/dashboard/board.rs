//! Which dashboards there are, and their names everywhere: on disk, in addresses, on screen.

use std::str::FromStr;

use super::{boards, model::Dashboard};

/// One of the dashboards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// Every target at a glance.
    Fleet,
    /// One target: latency, failures, phases, its engine.
    Target,
    /// SLOs, burn rates and what is left of the budgets.
    Slo,
    /// Runs of load: curves, capacity, cost, regressions.
    Sweeps,
    /// The GPUs below the targets.
    Gpu,
    /// Our own health.
    Daemon,
}

/// A name that no dashboard has.
#[derive(Debug, thiserror::Error)]
#[error("there is no dashboard `{name}`; there are {}", Board::ALL.map(Board::name).join(", "))]
pub struct UnknownBoard {
    name: String,
}

impl Board {
    /// Every dashboard, in the order in which one looks at them.
    pub const ALL: [Self; 6] =
        [Self::Fleet, Self::Target, Self::Slo, Self::Sweeps, Self::Gpu, Self::Daemon];

    /// The name on the command line and of the file, without its ending.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fleet => "fleet",
            Self::Target => "target",
            Self::Slo => "slo",
            Self::Sweeps => "sweeps",
            Self::Gpu => "gpu",
            Self::Daemon => "daemon",
        }
    }

    /// The title in Grafana.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Fleet => "Tokenbeat / Fleet",
            Self::Target => "Tokenbeat / Target",
            Self::Slo => "Tokenbeat / SLO and error budget",
            Self::Sweeps => "Tokenbeat / Sweeps and capacity",
            Self::Gpu => "Tokenbeat / GPU",
            Self::Daemon => "Tokenbeat / Daemon",
        }
    }

    /// The identity in Grafana, which links, and an import that replaces, go by: never changed.
    pub fn uid(self) -> String {
        format!("tokenbeat-{}", self.name())
    }

    /// The name of its file.
    pub fn file(self) -> String {
        format!("{}.json", self.uid())
    }

    /// What it shows.
    pub fn dashboard(self) -> Dashboard {
        match self {
            Self::Fleet => boards::fleet::dashboard(),
            Self::Target => boards::target::dashboard(),
            Self::Slo => boards::slo::dashboard(),
            Self::Sweeps => boards::sweeps::dashboard(),
            Self::Gpu => boards::gpu::dashboard(),
            Self::Daemon => boards::daemon::dashboard(),
        }
    }
}

impl FromStr for Board {
    type Err = UnknownBoard;

    fn from_str(name: &str) -> Result<Self, UnknownBoard> {
        let found = Self::ALL.into_iter().find(|board| board.name() == name);
        found.ok_or_else(|| UnknownBoard { name: name.to_owned() })
    }
}
