//! What a reader of a run must know, and what to do about it.

use crate::event::{Mark, Warning};

/// What is the matter: a closed list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// These steps bear a mark.
    Marked(Mark, Vec<u32>),
    /// Every step is marked.
    NoValidStep,
    /// The highest level has the most throughput.
    StillRising {
        /// The step of that level.
        step: u32,
    },
    /// A search certified no level to pass.
    NothingCertified,
    /// A search certified no level to fail.
    NoUpperEnd,
}

impl Advice {
    /// The stable name.
    const fn code(&self) -> &'static str {
        match self {
            Self::Marked(mark, _) => mark.as_str(),
            Self::NoValidStep => "no_valid_step",
            Self::StillRising { .. } => "throughput_still_rising",
            Self::NothingCertified => "nothing_certified",
            Self::NoUpperEnd => "no_upper_end",
        }
    }

    /// What is the matter and what to do.
    fn text(&self) -> String {
        match self {
            Self::Marked(mark, steps) => {
                let steps: Vec<String> = steps.iter().map(u32::to_string).collect();
                let which = if steps.len() == 1 { "step" } else { "steps" };
                format!("{which} {}: {}", steps.join(", "), remedy(*mark))
            }
            Self::NoValidStep => {
                "no step is valid, so there is no verdict and the findings are those of the marked \
                 steps"
                    .to_owned()
            }
            Self::StillRising { step } => format!(
                "throughput still rose at the highest load, that of step {step}; add levels beyond \
                 it to find the peak"
            ),
            Self::NothingCertified => {
                "no level was certified to meet the SLO; start lower, or let steps have more \
                 requests"
                    .to_owned()
            }
            Self::NoUpperEnd => {
                "no level was certified to miss the SLO; raise the highest level, or let steps have \
                 more requests"
                    .to_owned()
            }
        }
    }

    /// The form of the record.
    pub(super) fn warning(&self) -> Warning {
        Warning { code: self.code().to_owned(), text: self.text() }
    }
}

/// What a mark means and what to do.
const fn remedy(mark: Mark) -> &'static str {
    match mark {
        Mark::ClientSaturated => {
            "this client sent or read late, which is in the latencies; give it more CPU or less \
             load, and see what `tokenbeat bench --calibrate` says it can be trusted for"
        }
        Mark::RateNotMet => {
            "less was sent than was due; raise the gate if there is one, or lower the rate to what can be \
             sent"
        }
        Mark::Throttled => "the CPU limit of our cgroup held us back; raise it",
        Mark::WindowTooShort => {
            "the window is shorter than two exchanges, so its rates are absent; take more requests \
             or a longer duration"
        }
        Mark::Contaminated => {
            "somebody else loaded the engine meanwhile; run when it is idle, or on one of its own"
        }
    }
}
