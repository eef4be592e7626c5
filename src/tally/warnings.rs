//! What a reader of a step must know, and what to do about it.

use crate::event::Warning;

/// What is the matter: a closed list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Advice {
    /// Prompts had so many times the wanted tokens.
    InputLength(f64),
    /// Answers had so many times the wanted tokens.
    OutputLength(f64),
    /// The count of tokens is not that of the events.
    CountsDiffer {
        /// By the server, or the tokenizer.
        counted: u64,
        /// Token-bearing events.
        events: u64,
    },
    /// The server's count of tokens is not that of the tokenizer.
    TokenizerDiffers {
        /// By the server.
        usage: u64,
        /// By the tokenizer.
        tokenizer: u64,
    },
    /// An SLO bounds the time a token, and tokens were counted by events.
    TpotFromEvents,
    /// So many exchanges failed on our own side.
    Local(u64),
}

impl Advice {
    /// The stable name.
    const fn code(self) -> &'static str {
        match self {
            Self::InputLength(_) => "input_length_off",
            Self::OutputLength(_) => "output_length_off",
            Self::CountsDiffer { .. } => "token_counts_differ",
            Self::TokenizerDiffers { .. } => "tokenizer_differs",
            Self::TpotFromEvents => "tpot_from_events",
            Self::Local(_) => "short_of_resources",
        }
    }

    /// What is the matter and what to do.
    fn text(self) -> String {
        match self {
            Self::InputLength(ratio) => format!(
                "prompts had {:.0} % of the wanted tokens; give the target's tokenizer.json for \
                 exact lengths{}",
                100.0 * ratio,
                // Only then can it be that.
                if ratio > 1.0 {
                    "; none is shorter than its prefixes, ten words and the chat template"
                } else {
                    ""
                }
            ),
            Self::OutputLength(ratio) => format!(
                "answers had {:.0} % of the wanted tokens; let the server ignore its end token, or \
                 take a workload whose answers come to that length by themselves",
                100.0 * ratio
            ),
            Self::CountsDiffer { counted, events } => format!(
                "{counted} output tokens came in {events} events; itl is the time between events, \
                 so judge the pace by tpot"
            ),
            Self::TokenizerDiffers { usage, tokenizer } => format!(
                "the server counts {usage} output tokens where the tokenizer has {tokenizer}; give \
                 the tokenizer.json of the model that is served"
            ),
            Self::TpotFromEvents => "the server does not say how many tokens it sent, so tpot \
                 counts events, which may hold several; have it report usage in the stream, or give \
                 the target's tokenizer.json"
                .to_owned(),
            Self::Local(exchanges) => format!(
                "{exchanges} exchanges found no descriptor, port or memory on this machine and are \
                 not measured; raise its limits or lower the load"
            ),
        }
    }

    /// The form of the record.
    pub(super) fn warning(self) -> Warning {
        Warning { code: self.code().to_owned(), text: self.text() }
    }
}
