//! Which of this machine's GPUs somebody wants to hear of.

use super::local::{LocalGpu, Part};
use crate::telemetry::gpu::GpuTold;

/// Some of the GPUs of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Share {
    /// All of them.
    All,
    /// Those with these indices or UUIDs; the UUID of an instance is that instance alone.
    Named(Vec<String>),
    /// Those that are in none of these shares.
    Rest(Vec<Share>),
}

/// What was heard of a share.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What each place told, as an account takes it in; `None` where one cannot be read.
    pub places: Vec<Option<Vec<GpuTold>>>,
    /// Why something is missing, if something is.
    pub missing: Option<String>,
}

impl Share {
    /// What `gpus` tell of it. A GPU that is named must be there, and one that cannot be read is a
    /// failure: a part would pass for the whole.
    pub fn of(&self, gpus: &[LocalGpu]) -> Heard {
        let mut heard = Heard { places: Vec::new(), missing: None };
        for gpu in gpus {
            let parts = gpu.parts.iter().filter(|part| self.has(gpu, Some(part)));
            heard.places.push(Some(parts.map(|part| part.told.clone()).collect()));
            let wanted =
                self.has(gpu, None) || gpu.parts.iter().any(|part| self.has(gpu, Some(part)));
            if let (true, Some(why)) = (wanted, &gpu.failure) {
                heard.miss(format!("GPU {} cannot be read: {why}", gpu.index));
            }
        }
        if let Self::Named(names) = self {
            for name in names {
                if !gpus.iter().any(|gpu| {
                    is_named(name, gpu, None)
                        || gpu.parts.iter().any(|part| is_named(name, gpu, Some(part)))
                }) {
                    heard.miss(format!("there is no GPU `{name}` on this machine"));
                }
            }
        }
        heard
    }

    /// Whether a part is in it, or a GPU of which nothing else is known.
    fn has(&self, gpu: &LocalGpu, part: Option<&Part>) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| is_named(name, gpu, part)),
            Self::Rest(others) => !others.iter().any(|other| other.has(gpu, part)),
        }
    }
}

impl Heard {
    fn miss(&mut self, why: String) {
        self.places.push(None);
        self.missing.get_or_insert(why);
    }
}

/// Whether `name` means a part, or the GPU that it is of.
fn is_named(name: &str, gpu: &LocalGpu, part: Option<&Part>) -> bool {
    let whole = gpu.parts.first().map(|whole| &*whole.uuid);
    let own = part.map(|part| &*part.uuid);
    gpu.index.to_string() == name || [whole, own].contains(&Some(name))
}

#[cfg(test)]
#[path = "share/tests.rs"]
mod tests;
