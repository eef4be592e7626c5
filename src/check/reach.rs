//! Does something answer, and does it say that it is well?

use std::time::Duration;

use super::{
    control::{Control, Silence},
    engine::{ALIVE, HEALTH, LIVELINESS, MODELS},
    heard::Heard,
    report::{Check, Name, Status},
    words,
};
use crate::clock::Stamp;

/// Where health is told. LiteLLM's `/health` calls every model it has, which takes long and costs
/// money, so its cheap one is asked first: it is a 404 of a millisecond elsewhere.
const PATHS: [&str; 2] = [LIVELINESS, HEALTH];

/// The two checks. Without any answer the first one has failed, and nothing else is worth trying.
pub(super) async fn check(control: &mut Control) -> Vec<Check> {
    let mut well = None;
    let mut ill = None;
    let mut first = None;
    for path in PATHS.into_iter().chain([MODELS]) {
        let start = Stamp::now();
        match control.ask(path).await {
            Ok(heard) => {
                first.get_or_insert(heard.took);
                if heard.is_well() && (path != LIVELINESS || heard.body.contains(ALIVE)) {
                    well = Some((path, heard.took));
                    break;
                }
                // A model list that fails is the next check's matter.
                if !heard.is_not_offered() && path != MODELS {
                    ill.get_or_insert_with(|| (failing(heard), heard.took));
                }
            }
            Err(silence) => {
                let took = Stamp::now().since(start);
                // Where nobody listens, or nothing comes, another path fares no better.
                if first.is_none() && !matches!(silence, Silence::Broken(_)) {
                    return vec![unreachable(silence.to_string(), took)];
                }
                ill.get_or_insert_with(|| (format!("{path}: {silence}"), took));
            }
        }
    }
    let Some(first) = first else {
        return ill.map(|(line, took)| unreachable(line, took)).into_iter().collect();
    };
    let answered = format!("answered HTTP after {}", words::duration(first));
    vec![Check::new(Name::Reachable, Status::Passed, answered).took(first), health(well, ill)]
}

fn health(well: Option<(&str, Duration)>, ill: Option<(String, Duration)>) -> Check {
    let check = |status, detail: String| Check::new(Name::Health, status, detail);
    match (well, ill) {
        (Some((path, took)), _) if path != MODELS => {
            check(Status::Passed, format!("{path} is well after {}", words::duration(took)))
                .took(took)
        }
        (_, Some((failing, took))) => check(Status::Failed, failing).took(took),
        (Some((path, took)), None) => {
            check(Status::Skipped, format!("no health endpoint; {path} answers")).took(took)
        }
        (None, None) => check(Status::Skipped, "no health endpoint".to_owned()),
    }
}

fn failing(heard: &Heard) -> String {
    format!("{} answers {}", heard.path, heard.in_words())
}

fn unreachable(why: String, took: Duration) -> Check {
    Check::new(Name::Reachable, Status::Failed, why).took(took)
}
