//! Headers, wherever they are configured, and `authorization` of a target.

use std::{collections::BTreeMap, path::Path};

use http::{HeaderName, header};

use crate::config::{
    SecretSource, mask,
    model::{Authorization, HeaderValue},
    problem::{Problem, Problems},
    sections::Item,
    source::Span,
    spec::{AuthorizationSpec, HeaderSpec, TargetSpec},
};

/// Headers that the client sets itself: another value would be overwritten without a word, or make
/// the request wrong.
const OURS: [HeaderName; 12] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::USER_AGENT,
    // One that stood here would make all requests one trace, and every exemplar a lie.
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("x-tokenbeat-probe"),
];

/// Whether the client sets this header itself, so that nobody else can.
pub(crate) fn is_ours(name: &HeaderName) -> bool {
    OURS.contains(name)
}

/// The headers of a target.
pub(super) fn of_target(
    item: &Item<'_, TargetSpec>,
    spec: &TargetSpec,
    problems: &mut Problems,
) -> Vec<(HeaderName, Vec<HeaderValue>)> {
    let headers = check(item, &["http_headers"], &spec.http_headers, problems);
    if spec.authorization.is_some()
        && let Some(written) =
            spec.http_headers.keys().find(|name| name.eq_ignore_ascii_case("authorization"))
    {
        let place = place(item, &["http_headers"], written);
        let message = "this header is set by `authorization` already";
        problems.push(Problem::at(&item.file.source, place, message));
    }
    headers
}

/// Where the name of a header stands, below the keys of `path`.
fn place<T>(item: &Item<'_, T>, path: &[&str], written: &str) -> Span {
    let below = path.iter().try_fold(item.node, |node, key| Some(&node.get(key)?.node));
    below.and_then(|node| node.get(written)).map_or(item.place, |entry| entry.span)
}

/// The headers that stand below the keys of `path`. Relative files are beside the configuration
/// file.
pub(super) fn check<T>(
    item: &Item<'_, T>,
    path: &[&str],
    written: &BTreeMap<String, HeaderSpec>,
    problems: &mut Problems,
) -> Vec<(HeaderName, Vec<HeaderValue>)> {
    let folder = item.folder();
    let mut headers: Vec<(HeaderName, Vec<HeaderValue>)> = Vec::new();
    for (written, source) in written {
        let place = place(item, path, written);
        let problem = |message: &str| Problem::at(&item.file.source, place, message);
        let Ok(name) = written.parse::<HeaderName>() else {
            // The walk has checked the pattern; this is what the library refuses beyond it.
            problems.push(problem("not a header name"));
            continue;
        };
        if is_ours(&name) {
            let message = format!("the client sets `{name}` itself: it cannot be set here");
            problems.push(problem(&message));
        }
        if headers.iter().any(|(earlier, _)| *earlier == name) {
            problems.push(problem("this header stands here twice, in different case"));
        }
        let values = match source {
            HeaderSpec::SecretsEnv(env) => {
                vec![HeaderValue::Secret(SecretSource::Env(env.clone()))]
            }
            HeaderSpec::Files(files) => files
                .iter()
                .map(|file| HeaderValue::Secret(SecretSource::File(folder.join(file))))
                .collect(),
            HeaderSpec::Values(_) if mask::sounds_secret(written) => {
                let problem = problem("the name of this header sounds like a secret's");
                problems.push(problem.expected("`secrets_env` or `files` in place of `values`"));
                continue;
            }
            HeaderSpec::Values(values) => {
                let mut plain = Vec::new();
                for value in values {
                    match value.parse() {
                        Ok(value) => plain.push(HeaderValue::Plain(value)),
                        Err(_) => problems.push(problem(
                            "a value of this header holds control characters or is not ASCII",
                        )),
                    }
                }
                plain
            }
        };
        headers.push((name, values));
    }
    headers
}

/// The credentials of a target, or of what stands below the keys of `place` in it.
pub(super) fn authorization(
    item: &Item<'_, TargetSpec>,
    place: &[&str],
    spec: &AuthorizationSpec,
    folder: &Path,
    problems: &mut Problems,
) -> Option<Authorization> {
    let problem = |path: &[&str], message: &str| {
        item.problem(&[place, &["authorization"], path].concat(), message)
    };
    if spec.scheme.parse::<HeaderName>().is_err() {
        problems.push(
            problem(&["type"], "not a scheme of authorization").expected("a word such as Bearer"),
        );
    }
    let credentials = match (&spec.credentials_file, &spec.credentials_env) {
        (Some(file), None) => SecretSource::File(folder.join(file)),
        (None, Some(env)) => SecretSource::Env(env.clone()),
        (Some(_), Some(_)) => {
            let problem = problem(&["credentials_env"], "two places for one secret");
            problems.push(problem.expected("either `credentials_file` or `credentials_env`"));
            return None;
        }
        (None, None) => {
            // A faulty key has been reported already, by what it is.
            let authorization = item.node.at(&[place, &["authorization"]].concat());
            let entries = authorization.map_or(&[][..], |node| node.entries());
            if entries.iter().all(|entry| entry.key == "type") {
                let problem = problem(&[], "the place of the credentials is missing");
                problems.push(problem.expected("`credentials_file` or `credentials_env`"));
            }
            return None;
        }
    };
    Some(Authorization { scheme: spec.scheme.clone(), credentials })
}
