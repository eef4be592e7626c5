//! What can be wrong with a workload.

use crate::workload::expect::SchemaError;

/// Most turns of a session: each later one carries all before it.
pub(super) const MOST_TURNS: u32 = 1000;

/// Why a workload cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WorkloadError {
    /// A regular expression does not compile.
    #[error("not a regular expression: {0}")]
    Regex(String),
    /// A JSON Schema cannot be used.
    #[error("not a JSON Schema to check answers with: {0}")]
    JsonSchema(#[from] SchemaError),
    /// One text is expected of a model that draws lots.
    #[error(
        "one exact answer can be expected at `temperature: 0` only, and it is {0}: use `contains` \
         or `regex`"
    )]
    ExactButWarm(String),
    /// The ends of a uniform distribution are in the wrong order.
    #[error("the least of a uniform distribution, {low}, is above its most, {high}")]
    Uniform {
        /// What stands first.
        low: u32,
        /// What stands second.
        high: u32,
    },
    /// A lognormal distribution has one parameter too few or too many.
    #[error("a lognormal distribution needs, beside its mean, either `stddev` or `median`")]
    LogNormal,
    /// The median of a lognormal distribution is above its mean.
    #[error("the median of a lognormal distribution cannot be above its mean")]
    Median,
    /// The prefixes do not fit.
    #[error("the {which} of {prefix} tokens is longer than the shortest prompt of {input}")]
    Prefix {
        /// Which one, or both.
        which: &'static str,
        /// Their tokens.
        prefix: u32,
        /// Tokens of the shortest prompt.
        input: u32,
    },
    /// The system prompt has no text.
    #[error(
        "the system prompt is the shared prefix, and there is none: write `shared_prefix_tokens`"
    )]
    SystemPrompt,
    /// A number of users means nothing.
    #[error("the users differ by their prefix only, and there is none: write `user_prefix_tokens`")]
    Users,
    /// Prompts of a pool cannot be each user's own.
    #[error(
        "prompts of a pool are the same for all users: write either `pool` or `user_prefix_tokens`"
    )]
    PoolOfUser,
    /// Prompts of a pool cannot be new.
    #[error("prompts of a pool come again on purpose: leave `cache_bust` out, or write `false`")]
    PoolWithSalt,
    /// A session is too long.
    #[error("a session of up to {most} turns is longer than the {limit} that are allowed")]
    Turns {
        /// Its longest.
        most: u32,
        /// The limit.
        limit: u32,
    },
    /// There is no pause to think in.
    #[error("nobody thinks in a session of one turn: write {0} too")]
    Think(&'static str),
    /// More tokens are expected than asked for.
    #[error("at least {least} output tokens are expected, but at most {most} are asked for")]
    MinOutputTokens {
        /// What is expected.
        least: u32,
        /// What is asked for.
        most: u32,
    },
    /// A path is none.
    #[error("not a path: it begins with `/` and has neither blanks nor a `#`")]
    Path,
    /// A method that carries no body is given one.
    #[error("a {0} request carries no body: write another `method`")]
    Body(&'static str),
}

/// What is wrong, and at which keys below the workload.
pub(crate) type WorkloadFault = (Vec<&'static str>, WorkloadError);
