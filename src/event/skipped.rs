//! Why nothing was run where something was due.

/// Why a sweep that was due did not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SweepSkipped {
    /// Another sweep, or an earlier run of this one, had the target.
    Overlap,
    /// The target's budget is spent.
    Budget,
    /// A guard held it back.
    Guard,
    /// A maintenance window was open.
    Maintenance,
    /// Another replica runs it.
    NotLeader,
}

impl SweepSkipped {
    /// Every reason.
    pub const ALL: [Self; 5] =
        [Self::Overlap, Self::Budget, Self::Guard, Self::Maintenance, Self::NotLeader];

    /// The label value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "overlap",
            Self::Budget => "budget",
            Self::Guard => "guard",
            Self::Maintenance => "maintenance",
            Self::NotLeader => "not_leader",
        }
    }
}
