//! Which engine stands behind a target, by what it answers.
//!
//! Owns the table of engines, one row an engine: the marks that tell it, and where its version is.
//! A mark is something that the engine's own code writes and others do not.

use serde_json::Value;

use super::{
    control::{Control, Silence},
    heard::Heard,
    words,
};

/// Most paths that are asked only to recognise an engine.
const MOST_ASKED: usize = 5;

/// Longest version that is shown, in characters.
const VERSION: usize = 60;

/// An engine and how it is told.
struct Engine {
    name: &'static str,
    /// Any of these groups tells it; each mark of a group must be there.
    told_by: &'static [&'static [Mark]],
    /// Where its version is, the better place first.
    version: &'static [Place],
}

/// A mark of an engine.
#[derive(Clone, Copy)]
enum Mark {
    /// A header of any answer begins with this.
    Header(&'static str, &'static str),
    /// A header of any answer is a UUID with dashes.
    UuidHeader(&'static str),
    /// Every listed model is owned by this.
    OwnedBy(&'static str),
    /// The listed models have this field.
    ModelField(&'static str),
    /// The answer to a path has this field, a string or a number.
    Field(&'static str, &'static str),
    /// The answer to a path has this field with this value.
    Value(&'static str, &'static str, &'static str),
    /// The answer to a path, whatever its status, contains this.
    Body(&'static str, &'static str),
}

/// Where a version is told.
#[derive(Clone, Copy)]
enum Place {
    /// In a header of any answer.
    Header(&'static str),
    /// In a field of the answer to a path.
    Field(&'static str, &'static str),
}

use Mark::{Body, Field, Header, ModelField, OwnedBy, UuidHeader, Value as Is};

/// The path that lists models.
pub(super) const MODELS: &str = "/v1/models";
/// LiteLLM's health without the calls to every model that its `/health` makes.
pub(super) const LIVELINESS: &str = "/health/liveliness";
/// What LiteLLM says there. A server that answers every path says something else.
pub(super) const ALIVE: &str = "I'm alive!";
/// Everybody else's health.
pub(super) const HEALTH: &str = "/health";
/// Where most engines show their metrics.
pub(super) const METRICS: &str = "/metrics";

const UVICORN: Mark = Header("server", "uvicorn");

/// The engines. A proxy stands before what it may stand in front of.
const ENGINES: &[Engine] = &[
    Engine {
        name: "LiteLLM",
        told_by: &[&[Header("x-litellm-", "")], &[Body(LIVELINESS, ALIVE)]],
        version: &[
            Place::Header("x-litellm-version"),
            Place::Field("/health/readiness", "/litellm_version"),
        ],
    },
    Engine {
        name: "llama.cpp",
        told_by: &[
            &[Header("server", "llama.cpp")],
            &[OwnedBy("llamacpp")],
            &[Body(METRICS, "# TYPE llamacpp:")],
        ],
        version: &[Place::Field("/props", "/build_info")],
    },
    Engine {
        name: "llama-cpp-python",
        told_by: &[&[OwnedBy("me"), ModelField("permissions"), UVICORN]],
        version: &[],
    },
    Engine {
        name: "SGLang",
        told_by: &[
            &[OwnedBy("sglang")],
            &[Body(METRICS, "# TYPE sglang:")],
            &[Field("/get_model_info", "/model_path"), UVICORN],
        ],
        version: &[Place::Field("/get_server_info", "/version")],
    },
    Engine {
        name: "vLLM",
        told_by: &[
            &[OwnedBy("vllm")],
            &[Body(METRICS, "# TYPE vllm:")],
            &[Field("/version", "/version"), UVICORN],
        ],
        version: &[Place::Field("/version", "/version")],
    },
    Engine {
        name: "TGI",
        told_by: &[
            &[Body(METRICS, "# TYPE tgi_")],
            &[Is("/info", "/router", "text-generation-router")],
            &[Field("/info", "/model_id"), Field("/info", "/max_total_tokens")],
        ],
        version: &[Place::Field("/info", "/version")],
    },
    Engine {
        name: "Ollama",
        told_by: &[&[OwnedBy("library")], &[Field("/api/version", "/version")]],
        version: &[Place::Field("/api/version", "/version")],
    },
    Engine {
        name: "LM Studio",
        told_by: &[
            &[OwnedBy("organization_owner")],
            &[Body(HEALTH, "Unexpected endpoint or method.")],
        ],
        version: &[],
    },
    Engine {
        name: "OpenAI",
        told_by: &[&[Header("openai-version", "")]],
        version: &[Place::Header("openai-version")],
    },
    Engine {
        name: "transformers serve",
        told_by: &[&[Is(HEALTH, "/status", "ok"), UVICORN, UuidHeader("x-request-id")]],
        version: &[],
    },
];

/// Which engine it is, and how we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Its name.
    pub name: &'static str,
    /// Its version, if it tells.
    pub version: Option<String>,
    /// What told it.
    pub evidence: String,
}

/// Recognises the engine: from what was heard already, else from a few paths that only one engine
/// has, in the order of the table. Stops asking when a request hears nothing.
pub(super) async fn recognise(control: &mut Control) -> Option<Recognised> {
    let mut found = by_marks(control.heard());
    for path in telling_paths() {
        if found.is_some() || control.ask(path).await.is_err() {
            break;
        }
        found = by_marks(control.heard());
    }
    let (engine, evidence) = found?;
    let version = version(engine, control).await.unwrap_or_default();
    Some(Recognised { name: engine.name, version, evidence })
}

/// The paths that are worth asking only for the marks in their answers; the metrics first, which
/// tell several engines apart.
fn telling_paths() -> Vec<&'static str> {
    let mut paths = vec![METRICS];
    let marks = ENGINES.iter().flat_map(|engine| engine.told_by).copied().flatten();
    for path in marks.filter_map(|mark| mark.path()) {
        if !paths.contains(&path) && ![HEALTH, LIVELINESS, MODELS].contains(&path) {
            paths.push(path);
        }
    }
    paths.truncate(MOST_ASKED);
    paths
}

fn by_marks(heard: &[Heard]) -> Option<(&'static Engine, String)> {
    ENGINES.iter().find_map(|engine| {
        let group = engine.told_by.iter().find(|group| group.iter().all(|mark| mark.is_in(heard)));
        let words = |marks: &&[Mark]| {
            marks.iter().map(|mark| mark.in_words()).collect::<Vec<_>>().join(", ")
        };
        Some((engine, words(group?)))
    })
}

async fn version(engine: &Engine, control: &mut Control) -> Result<Option<String>, Silence> {
    for place in engine.version {
        let told = match *place {
            Place::Header(name) => header(control.heard(), name).map(str::to_owned),
            Place::Field(path, pointer) => {
                let heard = control.ask(path).await?;
                heard.json().and_then(|json| scalar(json.pointer(pointer)?))
            }
        };
        if let Some(told) = told {
            return Ok(Some(words::visible(&control.scrub(told), VERSION)));
        }
    }
    Ok(None)
}

impl Mark {
    fn is_in(self, heard: &[Heard]) -> bool {
        let at = |path| heard.iter().find(move |heard| heard.path == path);
        let field = |path, pointer: &str| {
            let heard = at(path).filter(|heard| heard.status == 200)?;
            heard.json().and_then(|json| scalar(json.pointer(pointer)?))
        };
        match self {
            Header(name, start) => header(heard, name).is_some_and(|value| {
                value.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
            }),
            UuidHeader(name) => header(heard, name).is_some_and(is_uuid),
            OwnedBy(owner) => at(MODELS).is_some_and(|heard| {
                every_model(heard, |model| model.get("owned_by").is_some_and(|by| by == owner))
            }),
            ModelField(name) => at(MODELS)
                .is_some_and(|heard| every_model(heard, |model| model.get(name).is_some())),
            Field(path, pointer) => field(path, pointer).is_some(),
            Is(path, pointer, value) => field(path, pointer).as_deref() == Some(value),
            Body(path, piece) => at(path).is_some_and(|heard| heard.body.contains(piece)),
        }
    }

    /// The path in whose answer the mark stands, where it is a certain one.
    const fn path(self) -> Option<&'static str> {
        match self {
            Header(..) | UuidHeader(_) => None,
            OwnedBy(_) | ModelField(_) => Some(MODELS),
            Field(path, _) | Is(path, ..) | Body(path, _) => Some(path),
        }
    }

    fn in_words(self) -> String {
        match self {
            Header(name, "") => format!("header {name}"),
            Header(name, value) => format!("header {name}: {value}"),
            UuidHeader(name) => format!("a UUID as header {name}"),
            OwnedBy(owner) => format!("models owned by {owner:?}"),
            ModelField(name) => format!("models with {name}"),
            Field(path, pointer) => format!("{path} has {}", &pointer[1..]),
            Is(path, pointer, value) => format!("{path} has {} {value:?}", &pointer[1..]),
            Body(path, piece) => format!("{path} has {piece:?}"),
        }
    }
}

/// The first header whose name is `name` or, if that ends with a dash, begins with it.
fn header<'h>(heard: &'h [Heard], name: &str) -> Option<&'h str> {
    let mut all = heard.iter().flat_map(|heard| &heard.headers);
    let (_, value) = all.find(|(key, _)| {
        key.as_str() == name || name.ends_with('-') && key.as_str().starts_with(name)
    })?;
    value.to_str().ok()
}

fn every_model(heard: &Heard, holds: impl Fn(&Value) -> bool) -> bool {
    let json = heard.json();
    let models = json.as_ref().and_then(|json| json.get("data")?.as_array());
    models.is_some_and(|models| !models.is_empty() && models.iter().all(holds))
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_engine_can_be_told_and_has_one_row() {
        let names: BTreeSet<_> = ENGINES.iter().map(|engine| engine.name).collect();
        assert_eq!(names.len(), ENGINES.len());
        for engine in ENGINES {
            assert!(!engine.told_by.is_empty(), "{}", engine.name);
            assert!(engine.told_by.iter().all(|group| !group.is_empty()), "{}", engine.name);
        }
    }

    #[test]
    fn recognition_asks_for_a_handful_of_paths() {
        let paths = [METRICS, "/get_model_info", "/version", "/info", "/api/version"];
        assert_eq!(telling_paths(), paths);
    }

    #[test]
    fn a_uuid_has_dashes_at_its_places() {
        assert!(is_uuid("b4c7428e-157a-4813-8337-6bd73f0dd3ca"));
        assert!(!is_uuid("85926e8bea4a476e88bc46c32c0b4937"));
        assert!(!is_uuid("b4c7428e-157a-4813-8337-6bd73f0dd3cz"));
    }
}
