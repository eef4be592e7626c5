//! The target that a command line speaks of: a URL, or a name in a configuration, and the flags that
//! say how it is reached.
//!
//! Owns these flags for every command that has them. No secret stands on a command line: what sounds
//! like one is refused without being shown.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use http::{HeaderName, HeaderValue};
use url::Url;

use crate::{
    config::{self, Authorization, Config, Global, Models, SecretSource, Target},
    protocol::Api,
};

/// How the target is reached.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Target")]
pub(super) struct TargetArgs {
    /// Configuration in which NAME is a target
    #[arg(long = "config.file", value_name = "FILE", env = "TOKENBEAT_CONFIG_FILE")]
    pub(super) config_file: Option<PathBuf>,
    /// API to speak; by default the target's, else openai_chat
    #[arg(long, value_parser = api())]
    api: Option<Api>,
    /// Environment variable with the key, which is sent as a bearer token
    #[arg(long, value_name = "VAR")]
    api_key_env: Option<String>,
    /// Header to send, as NAME:VALUE; may repeat. For headers without secrets
    // Not parsed by clap: its errors would print the value.
    #[arg(long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,
    /// Accept any certificate
    #[arg(long)]
    insecure_skip_verify: bool,
    /// Authorities to trust in place of the system's (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

impl TargetArgs {
    /// The target called `subject`, a URL or a name, with what goes for all targets. `load` reads a
    /// configuration.
    ///
    /// # Errors
    /// If it is neither a base URL nor a name in the configuration, or a flag cannot be taken.
    pub(super) fn subject(
        &self,
        subject: &str,
        load: impl FnOnce(&Path) -> anyhow::Result<Config>,
    ) -> anyhow::Result<(Target, Global)> {
        let (mut target, global) = if subject.contains("://") {
            (bare(subject)?, Global::default())
        } else {
            let Some(file) = &self.config_file else {
                bail!(
                    "{subject} is no URL (write http:// or https:// before it), and to name a \
                     target --config.file is needed"
                );
            };
            let config = load(file)?;
            (configured(&config, subject)?, config.global)
        };
        self.amend(&mut target)?;
        Ok((target, global))
    }

    /// What the flags say beats what the configuration says.
    fn amend(&self, target: &mut Target) -> anyhow::Result<()> {
        if let Some(api) = self.api {
            target.api = api;
        }
        if let Some(variable) = &self.api_key_env {
            if looks_like_a_key(variable) {
                bail!(
                    "--api-key-env wants the name of an environment variable, not the key itself, \
                     which others see on a command line: export API_KEY=… and give \
                     --api-key-env API_KEY"
                );
            }
            let credentials = SecretSource::Env(variable.clone());
            target.authorization = Some(Authorization { scheme: "Bearer".to_owned(), credentials });
        }
        for line in &self.headers {
            let (name, value) = header(line)?;
            target.http_headers.retain(|(present, _)| *present != name);
            target.http_headers.push((name, vec![config::HeaderValue::Plain(value)]));
        }
        if self.insecure_skip_verify {
            target.tls.insecure_skip_verify = true;
        }
        if let Some(file) = &self.ca_file {
            target.tls.ca_file = Some(file.clone());
        }
        Ok(())
    }
}

/// Those of `names` that are most like `name`, for a message.
pub(super) fn nearest<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_by(|one, other| {
        strsim::jaro_winkler(other, name).total_cmp(&strsim::jaro_winkler(one, name))
    });
    names.truncate(3);
    names.join(", ")
}

/// A target of which only the URL is known.
fn bare(url: &str) -> anyhow::Result<Target> {
    // The URL itself is not in the message: what makes it wrong may be a password in it.
    let url = Url::parse(url).context("the URL cannot be read")?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("the scheme {} is neither http nor https", url.scheme());
    }
    if !url.username().is_empty() || url.password().is_some() {
        bail!("credentials in a URL end up in logs: give the key with --api-key-env VAR");
    }
    if url.query().is_some() || url.fragment().is_some() {
        bail!("a base URL has neither query nor fragment");
    }
    if let Some(end) = COMPLETIONS.iter().find(|end| url.path().ends_with(*end)) {
        bail!("the URL is of one path of the API, and its base is wanted: leave out {end}");
    }
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let name = format!("{}{port}", url.host_str().unwrap_or_default());
    Ok(Target::plain(&name, url, Api::OpenaiChat, Models::List(Vec::new())))
}

/// Ends of URLs that lead to completions and not to the API.
const COMPLETIONS: [&str; 2] = ["/chat/completions", "/completions"];

/// Whether what should be the name of a variable is more likely the key: then it is not shown.
fn looks_like_a_key(variable: &str) -> bool {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let long = variable.len() >= 20 && variable.chars().any(|c| c.is_ascii_lowercase());
    long && variable.chars().any(|c| c.is_ascii_digit()) || !variable.chars().all(is_name)
}

fn configured(config: &Config, name: &str) -> anyhow::Result<Target> {
    if let Some(target) = config.targets.iter().find(|target| &*target.name == name) {
        return Ok(Target::clone(target));
    }
    let names = config.targets.iter().map(|target| &*target.name);
    bail!("there is no target {name}; nearest: {}", nearest(name, names))
}

fn header(line: &str) -> anyhow::Result<(HeaderName, HeaderValue)> {
    let Some((name, value)) = line.split_once(':') else {
        bail!("--header wants NAME:VALUE");
    };
    let name: HeaderName = name.trim().parse().context("--header: no name of a header")?;
    if config::is_ours(&name) {
        bail!("--header {name}: the client sets it itself");
    }
    if config::sounds_secret(name.as_str()) {
        bail!(
            "--header {name}: looks like a secret, which others see on a command line; give a \
             bearer token with --api-key-env VAR, any other in a configuration (http_headers with \
             secrets_env)"
        );
    }
    let value = HeaderValue::from_str(value.trim());
    Ok((name, value.context("--header: the value has characters that a header cannot carry")?))
}

fn api() -> impl TypedValueParser<Value = Api> {
    named(Api::ALL, Api::as_str)
}

/// Reads the name of one of `all`; the help lists them.
pub(super) fn named<T: Copy + Send + Sync + 'static, const N: usize>(
    all: [T; N],
    name: impl Fn(T) -> &'static str + Clone + Send + Sync + 'static,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.map(&name)).try_map(move |given| {
        let found = all.into_iter().find(|value| name(*value) == given);
        found.ok_or("no such name")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_looks_like_a_secret_is_refused_without_its_value() {
        for name in ["Authorization", "x-api-key", "Cookie", "X-Auth-Token"] {
            let refusal = header(&format!("{name}: sk-planted")).expect_err(name).to_string();
            assert!(refusal.contains("--api-key-env") && !refusal.contains("sk-planted"));
        }
        let (name, value) = header("X-Tenant: canary").expect("harmless");
        assert_eq!((name.as_str(), value.as_bytes()), ("x-tenant", &b"canary"[..]));
        assert!(!format!("{:#}", header("sk-planted").expect_err("no name")).contains("planted"));
    }

    #[test]
    fn a_header_that_would_be_overwritten_is_refused_by_name() {
        for name in ["User-Agent", "accept", "Content-Type", "host", "content-length"] {
            let refusal = header(&format!("{name}: a")).expect_err(name).to_string();
            assert!(refusal.contains(&name.to_lowercase()), "{refusal}");
        }
    }

    #[test]
    fn a_key_in_place_of_the_name_of_its_variable_is_refused_unseen() {
        for key in ["sk-planted", "hf_pLaNtEdplanted1234567890", "eyJ.planted.x", "a=planted"] {
            assert!(looks_like_a_key(key), "{key}");
        }
        for name in [
            "OPENAI_API_KEY",
            "key",
            "TOKEN_2",
            "my_long_variable_of_a_key",
            "K8S_SECRET_OF_THE_GATEWAY_2",
        ] {
            assert!(!looks_like_a_key(name), "{name}");
        }
    }

    #[test]
    fn a_url_is_a_base_and_carries_no_credentials() {
        assert_eq!(&*bare("http://[::1]:8000/v1").expect("a base").name, "[::1]:8000");
        for url in ["ftp://h", "http://me:hunter2@h", "http://h?key=hunter2", "http://h:x"] {
            let refusal = format!("{:#}", bare(url).expect_err(url));
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
        let refusal = bare("http://h/hunter2/v1/chat/completions").expect_err("a path").to_string();
        assert!(refusal.contains("leave out /chat/completions"), "{refusal}");
        assert!(!refusal.contains("hunter2"), "{refusal}");
    }
}
