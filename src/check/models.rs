//! Which models are there, and which one is asked?

use std::time::Duration;

use serde_json::Value;

use super::{
    control::{CheckError, Control},
    engine::{self, MODELS, Recognised},
    heard::Heard,
    report::{Check, Name, Status},
    words::{count, visible},
};
use crate::load::Link;

/// Most names in a line.
const NAMED: usize = 5;

/// Longest name that is shown, in characters.
const NAME: usize = 100;

/// How like a name must be to be offered in place of a wrong one (Jaro-Winkler, 0 to 1).
const ALIKE: f64 = 0.7;

/// Pieces of the names of models that write no text.
const MUTE: [&str; 4] = ["embed", "rerank", "whisper", "tts"];

/// The models that the target behind `link` lists, within `limit`.
///
/// # Errors
/// In words for a person: why there is no list.
pub(crate) async fn listed(link: &Link, limit: Duration) -> Result<Vec<String>, String> {
    let mut control = Control::new(link, limit).await.map_err(|error| error.to_string())?;
    let heard = control.ask(MODELS).await.map_err(|silence| format!("{MODELS}: {silence}"))?;
    match list(heard, None) {
        (Some(names), _) => Ok(names),
        (None, check) => Err(check.detail),
    }
}

/// What is behind `link`, in a few control requests of at most `limit` each: the models that it
/// lists, or why it lists none, and the engine, if it is recognised.
///
/// # Errors
/// If nothing can be sent at all: credentials or TLS material that cannot be read.
pub(crate) async fn survey(
    link: &Link,
    limit: Duration,
) -> Result<(Result<Vec<String>, String>, Option<Recognised>), CheckError> {
    let mut control = Control::new(link, limit).await?;
    let models = match control.ask(MODELS).await {
        Ok(heard) => match list(heard, None) {
            (Some(names), _) => Ok(names),
            (None, check) => {
                let why = format!("{}; name the model with --model", check.detail);
                Err(control.scrub(why))
            }
        },
        Err(silence) => {
            let why =
                format!("{MODELS}: {silence}; is the server up, and does the URL lead to it?");
            Err(control.scrub(why))
        }
    };
    let engine = if models.is_ok() { engine::recognise(&mut control).await } else { None };
    Ok((models, engine))
}

/// Of several models the first that writes text, as far as its name tells.
pub(crate) fn first_that_speaks(listed: &[String]) -> Option<&String> {
    let speaks = |name: &&String| !MUTE.iter().any(|piece| name.contains(piece));
    listed.iter().find(speaks).or(listed.first())
}

/// The two checks, and the model to ask: `asked` if there is one, else the first on the list.
pub(super) async fn check(
    control: &mut Control,
    asked: Option<&str>,
) -> (Vec<Check>, Option<String>) {
    let (listed, check) = match control.ask(MODELS).await {
        Ok(heard) => list(heard, asked),
        Err(silence) => {
            (None, Check::new(Name::Models, Status::Failed, format!("{MODELS}: {silence}")))
        }
    };
    let (chosen, model) = choose(listed.as_deref(), asked);
    (vec![check, chosen], model)
}

/// What is listed, if anything. A list that the server does not have is no failure where the model
/// is named: `transformers serve` answers 500 when it is offline.
fn list(heard: &Heard, asked: Option<&str>) -> (Option<Vec<String>>, Check) {
    let check = |status, detail: String| Check::new(Name::Models, status, detail).took(heard.took);
    let refused = matches!(heard.status, 401 | 403);
    if heard.status != 200 {
        let status = if asked.is_some() && !refused { Status::Skipped } else { Status::Failed };
        let hint = if refused { " (is the key right? see --api-key-env)" } else { "" };
        return (None, check(status, format!("{MODELS} answers {}{hint}", heard.in_words())));
    }
    match heard.json().as_ref().and_then(names) {
        Some(names) if names.is_empty() => {
            (None, check(Status::Failed, "the list is empty: no model is loaded".to_owned()))
        }
        Some(names) => {
            let found = format!("{}: {}", count(names.len(), "model"), some_of(&names));
            (Some(names), check(Status::Passed, found))
        }
        None if heard.is_page() => {
            let page = format!("{MODELS} is a page for people, not JSON: {}", heard.in_words());
            (None, check(Status::Failed, page))
        }
        None => (None, check(Status::Failed, format!("{MODELS} is no list of models in JSON"))),
    }
}

/// The names in a list: OpenAI's `data`, a bare array, or `models`, each with `id` or `name`.
fn names(json: &Value) -> Option<Vec<String>> {
    let models = [json.get("data"), json.get("models"), Some(json)];
    let models = models.into_iter().flatten().find_map(Value::as_array)?;
    let name = |model: &Value| {
        ["id", "name", "model"].iter().find_map(|key| model.get(key)?.as_str().map(str::to_owned))
    };
    models.iter().map(name).collect()
}

fn choose(listed: Option<&[String]>, asked: Option<&str>) -> (Check, Option<String>) {
    let check = |status, detail: String| Check::new(Name::Model, status, detail);
    let shown = |name: &str| format!("{:?}", visible(name, NAME));
    match (listed, asked) {
        (None, Some(asked)) => (
            check(Status::Skipped, format!("{} could not be looked up", shown(asked))),
            Some(asked.to_owned()),
        ),
        (None, None) => {
            (check(Status::Failed, "none to ask for: name it with --model".to_owned()), None)
        }
        (Some(listed), Some(asked)) => {
            let found = listed.iter().any(|name| is_called(name, asked));
            let check = if found {
                check(Status::Passed, format!("{} is listed", shown(asked)))
            } else {
                let nearest = nearest(listed, asked);
                check(Status::Failed, format!("{} is not listed; {nearest}", shown(asked)))
            };
            (check, Some(asked.to_owned()))
        }
        (Some(listed), None) => {
            let Some(first) = first_that_speaks(listed) else {
                return (check(Status::Failed, "none".to_owned()), None);
            };
            let how = match listed.len() {
                1 => "the only one".to_owned(),
                more => format!("the first of {more}; choose with --model"),
            };
            (check(Status::Passed, format!("{}, {how}", shown(first))), Some(first.clone()))
        }
    }
}

/// Whether a listed name stands for `asked`: itself, with Ollama's default tag, or a gateway's
/// pattern such as `openai/*`.
fn is_called(listed: &str, asked: &str) -> bool {
    let pattern = listed.strip_suffix('*');
    listed == asked
        || listed.strip_suffix(":latest") == Some(asked)
        || pattern.is_some_and(|start| asked.starts_with(start))
}

/// The listed names that are most like `asked`, else some of them.
fn nearest(listed: &[String], asked: &str) -> String {
    let mut alike: Vec<_> = listed
        .iter()
        .map(|name| (strsim::jaro_winkler(&name.to_lowercase(), &asked.to_lowercase()), name))
        .filter(|(likeness, name)| *likeness >= ALIKE || name.contains(asked))
        .collect();
    alike.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    alike.truncate(3);
    if alike.is_empty() {
        return format!("there is {}", some_of(listed));
    }
    let names: Vec<_> = alike.into_iter().map(|(_, name)| name.clone()).collect();
    format!("nearest: {}", some_of(&names))
}

fn some_of(names: &[String]) -> String {
    let some: Vec<_> = names.iter().take(NAMED).map(|name| visible(name, NAME)).collect();
    match names.len().saturating_sub(NAMED) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_come_in_several_shapes() {
        for list in [
            json!({"object": "list", "data": [{"id": "a"}, {"id": "b"}]}),
            json!([{"id": "a"}, {"id": "b"}]),
            json!({"models": [{"name": "a"}, {"model": "b"}]}),
        ] {
            assert_eq!(names(&list), Some(vec!["a".to_owned(), "b".to_owned()]), "{list}");
        }
        for none in [json!({}), json!("a"), json!({"data": [{"no": "name"}]})] {
            assert_eq!(names(&none), None, "{none}");
        }
    }

    #[test]
    fn a_name_may_be_listed_in_other_words() {
        for (listed, asked, same) in [
            ("llama3.2", "llama3.2", true),
            ("llama3.2:latest", "llama3.2", true),
            ("llama3.2:1b", "llama3.2", false),
            ("openai/*", "openai/gpt-4o", true),
            ("openai/*", "gpt-4o", false),
        ] {
            assert_eq!(is_called(listed, asked), same, "{listed} {asked}");
        }
    }

    #[test]
    fn the_first_model_that_writes_text_is_asked() {
        let listed = ["text-embedding-3".to_owned(), "phi-3".to_owned()];
        assert_eq!(choose(Some(&listed), None).1.as_deref(), Some("phi-3"));
        assert_eq!(choose(Some(&listed[..1]), None).1.as_deref(), Some("text-embedding-3"));
    }
}
