//! What the engines answer differently: the `server` header, the owner of a model, the version.
//!
//! One row an engine. Must not know how answers are sent.

use serde::{Deserialize, Serialize};

use super::tells::Tells;

/// The engine that the simulator passes itself off as. Streams are the same for all, but for what
/// they tell of their own time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flavour {
    /// vLLM.
    #[default]
    Vllm,
    /// SGLang.
    Sglang,
    /// The server of llama.cpp.
    LlamaCpp,
    /// Ollama.
    Ollama,
    /// Text Generation Inference.
    Tgi,
    /// An engine that says nothing of itself.
    Plain,
}

/// One row of the table.
pub(crate) struct Traits {
    pub(crate) flavour: Flavour,
    /// The `server` header.
    pub(crate) server: Option<&'static str>,
    /// `owned_by` of its models.
    pub(crate) owner: &'static str,
    /// Where it tells its version, and what it answers there.
    pub(crate) version: Option<(&'static str, &'static str)>,
    /// Where it tells what an answer took it.
    pub(super) tells: Tells,
}

const TABLE: [Traits; 6] = [
    Traits {
        flavour: Flavour::Vllm,
        server: Some("uvicorn"),
        owner: "vllm",
        version: Some(("/version", r#"{"version":"0.32.0"}"#)),
        tells: Tells::Nowhere,
    },
    Traits {
        flavour: Flavour::Sglang,
        server: Some("uvicorn"),
        owner: "sglang",
        version: Some(("/get_server_info", r#"{"version":"0.5.5"}"#)),
        tells: Tells::Nowhere,
    },
    Traits {
        flavour: Flavour::LlamaCpp,
        server: Some("llama.cpp"),
        owner: "llamacpp",
        version: Some(("/props", r#"{"build_info":"b7000-sim","total_slots":8}"#)),
        tells: Tells::Timings,
    },
    Traits {
        flavour: Flavour::Ollama,
        server: None,
        owner: "library",
        version: Some(("/api/version", r#"{"version":"0.12.0"}"#)),
        tells: Tells::Nowhere,
    },
    Traits {
        flavour: Flavour::Tgi,
        server: None,
        owner: "tgi",
        version: Some(("/info", r#"{"version":"3.3.0","router":"text-generation-router"}"#)),
        tells: Tells::Headers,
    },
    Traits {
        flavour: Flavour::Plain,
        server: None,
        owner: "sim",
        version: None,
        tells: Tells::Nowhere,
    },
];

impl Flavour {
    /// The row of this engine.
    pub(crate) fn traits(self) -> &'static Traits {
        const LAST: &Traits = &TABLE[TABLE.len() - 1];
        TABLE.iter().find(|row| row.flavour == self).unwrap_or(LAST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_json() {
        for row in &TABLE {
            assert_eq!(row.flavour.traits().owner, row.owner);
            if let Some((_, body)) = row.version {
                assert!(serde_json::from_str::<serde_json::Value>(body).unwrap().is_object());
            }
        }
    }
}
