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

/// Longest version, and longest name of what is loaded (a path, at times), in characters.
const VERSION: usize = 60;
const LOADED: usize = 200;

/// An engine and how it is told.
struct Engine {
    name: &'static str,
    /// Any of these groups tells it; each mark of a group must be there.
    told_by: &'static [&'static [Mark]],
    /// Where its version is, the better place first.
    version: &'static [Place],
    /// Where it names what it has loaded, and how long a prompt with its answer may be, likewise.
    /// Nothing more is asked for these: they are looked up in what was heard.
    model: &'static [Place],
    max_model_tokens: &'static [Place],
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

/// Where a fact is told.
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
const PROPS: &str = "/props";

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
        model: &[],
        max_model_tokens: &[],
    },
    Engine {
        name: "llama.cpp",
        told_by: &[
            &[Header("server", "llama.cpp")],
            &[OwnedBy("llamacpp")],
            &[Body(METRICS, "# TYPE llamacpp:")],
        ],
        version: &[Place::Field(PROPS, "/build_info")],
        model: &[Place::Field(PROPS, "/model_path")],
        max_model_tokens: &[
            // A slot's share of the context is what a request can have.
            Place::Field(PROPS, "/default_generation_settings/n_ctx"),
            Place::Field(MODELS, "/data/0/meta/n_ctx"),
            Place::Field(MODELS, "/data/0/meta/n_ctx_train"),
        ],
    },
    Engine {
        name: "llama-cpp-python",
        told_by: &[&[OwnedBy("me"), ModelField("permissions"), UVICORN]],
        version: &[],
        model: &[],
        max_model_tokens: &[],
    },
    Engine {
        name: "SGLang",
        told_by: &[
            &[OwnedBy("sglang")],
            &[Body(METRICS, "# TYPE sglang:")],
            &[Field("/get_model_info", "/model_path"), UVICORN],
        ],
        version: &[Place::Field("/get_server_info", "/version")],
        model: &[Place::Field("/get_server_info", "/model_path")],
        max_model_tokens: &[Place::Field(MODELS, "/data/0/max_model_len")],
    },
    Engine {
        name: "vLLM",
        told_by: &[
            &[OwnedBy("vllm")],
            &[Body(METRICS, "# TYPE vllm:")],
            &[Field("/version", "/version"), UVICORN],
        ],
        version: &[Place::Field("/version", "/version")],
        model: &[Place::Field(MODELS, "/data/0/root")],
        max_model_tokens: &[Place::Field(MODELS, "/data/0/max_model_len")],
    },
    Engine {
        name: "TGI",
        told_by: &[
            &[Body(METRICS, "# TYPE tgi_")],
            &[Is("/info", "/router", "text-generation-router")],
            &[Field("/info", "/model_id"), Field("/info", "/max_total_tokens")],
        ],
        version: &[Place::Field("/info", "/version")],
        model: &[Place::Field("/info", "/model_id")],
        max_model_tokens: &[Place::Field("/info", "/max_total_tokens")],
    },
    Engine {
        name: "Ollama",
        told_by: &[&[OwnedBy("library")], &[Field("/api/version", "/version")]],
        version: &[Place::Field("/api/version", "/version")],
        model: &[],
        max_model_tokens: &[],
    },
    Engine {
        name: "LM Studio",
        told_by: &[
            &[OwnedBy("organization_owner")],
            &[Body(HEALTH, "Unexpected endpoint or method.")],
        ],
        version: &[],
        model: &[],
        max_model_tokens: &[],
    },
    Engine {
        name: "OpenAI",
        told_by: &[&[Header("openai-version", "")]],
        version: &[Place::Header("openai-version")],
        model: &[],
        max_model_tokens: &[],
    },
    Engine {
        name: "transformers serve",
        told_by: &[&[Is(HEALTH, "/status", "ok"), UVICORN, UuidHeader("x-request-id")]],
        version: &[],
        model: &[],
        max_model_tokens: &[],
    },
];

/// Which engine it is, what it tells of itself, and how we know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognised {
    /// Its name.
    pub name: &'static str,
    /// Its version, if it tells.
    pub version: Option<String>,
    /// What it has loaded, by its own name, if it tells: not the name that requests have.
    pub model: Option<String>,
    /// The most tokens that a prompt and its answer may have together, if it tells.
    pub max_model_tokens: Option<u64>,
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
    let heard = control.heard();
    let model = heard_at(engine.model, heard).map(|name| shown(control, name, LOADED));
    let most = heard_at(engine.max_model_tokens, heard).and_then(|most| most.parse().ok());
    let max_model_tokens = most.filter(|most| *most > 0);
    Some(Recognised { name: engine.name, version, model, max_model_tokens, evidence })
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
        if let Place::Field(path, _) = place {
            control.ask(path).await?;
        }
        if let Some(told) = place.heard(control.heard()) {
            return Ok(Some(shown(control, told, VERSION)));
        }
    }
    Ok(None)
}

/// What stands at the first of `places` that was heard.
fn heard_at(places: &[Place], heard: &[Heard]) -> Option<String> {
    places.iter().find_map(|place| place.heard(heard))
}

/// A server's own word, as it can be shown.
fn shown(control: &Control, told: String, most: usize) -> String {
    words::visible(&control.scrub(told), most)
}

impl Place {
    /// What stands here in what was heard.
    fn heard(self, heard: &[Heard]) -> Option<String> {
        match self {
            Self::Header(name) => header(heard, name).map(str::to_owned),
            Self::Field(path, pointer) => {
                let heard = heard.iter().find(|heard| heard.path == path)?;
                heard.json().and_then(|json| scalar(json.pointer(pointer)?))
            }
        }
    }
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
