//! `tokenbeat check target`: the quick test of one target.
//!
//! Owns the flags and what they say of a target. Knows nothing of what is asked of it.

use std::{
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use http::{HeaderName, HeaderValue};
use url::Url;

use super::Exit;
use crate::{
    check::{self, Ask, Colour, Report},
    client::Limits,
    config::{self, Authorization, Budget, Config, Global, Models, SecretSource, Target, TlsFiles},
    load::Link,
    protocol::Api,
    units::{Period, UnitError},
};

/// Longest `--timeout`.
const LONGEST: Duration = Duration::from_secs(3600);

/// Ask a target for its health, its models and one short completion, and say what is wrong.
///
/// Every check is a line: ✓ passed, ! worth knowing, ✗ failed, – skipped or not known. The exit
/// code is 0 if no check failed, 2 if one did, 1 if the check could not be made.
#[derive(Clone, Debug, clap::Args)]
pub struct CheckTarget {
    /// Base URL of the target, or its name in the configuration
    #[arg(value_name = "URL|NAME")]
    target: String,
    /// Configuration in which NAME is a target
    #[arg(long = "config.file", value_name = "FILE", env = "TOKENBEAT_CONFIG_FILE")]
    config_file: Option<PathBuf>,
    /// Model to ask for; by default the target's first, else the first that the server lists
    #[arg(long)]
    model: Option<String>,
    /// API to speak; by default the target's, else openai_chat
    #[arg(long, value_parser = api)]
    api: Option<Api>,
    /// Environment variable with the key, which is sent as a bearer token
    #[arg(long, value_name = "VAR")]
    api_key_env: Option<String>,
    /// Header to send, as NAME:VALUE; may repeat. For headers without secrets
    // Not parsed by clap: its errors would print the value.
    #[arg(long = "header", value_name = "NAME:VALUE")]
    headers: Vec<String>,
    /// Longest completion; other requests get at most 10s of it
    #[arg(long, default_value = "30s", value_parser = timeout)]
    timeout: Duration,
    /// Prompt of the completion
    #[arg(long, default_value = "The capital of France is")]
    prompt: String,
    /// Most tokens of the completion
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_tokens: u32,
    /// Accept any certificate
    #[arg(long)]
    insecure_skip_verify: bool,
    /// Authorities to trust in place of the system's (PEM)
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Write one JSON document. Its keys are stable: schema_version, target, url, api, model,
    /// passed, checks (name, status, detail, ms), engine (name, version, evidence), numbers, sample
    #[arg(long)]
    json: bool,
}

impl CheckTarget {
    /// Makes the check and writes its report to `out`. `load` reads a configuration.
    ///
    /// # Errors
    /// If the check cannot be made, or `out` does not take the report: exit code 1.
    pub async fn run(
        self,
        load: impl FnOnce(&Path) -> anyhow::Result<Config>,
        colour: Colour,
        out: &mut dyn Write,
    ) -> anyhow::Result<Exit> {
        let (target, limits) = self.subject(load)?;
        let model = self.model.clone().or_else(|| first_model(&target));
        let ask = Ask { model, prompt: self.prompt, max_tokens: self.max_tokens, limits };
        let link = Link::new(Arc::new(target))?;
        let report = check::quick_test(&link, &ask).await?;
        if self.json {
            write_json(&report, out)?;
        } else {
            report.render(out, colour)?;
        }
        Ok(if report.passed() { Exit::Done } else { Exit::NotMeasured })
    }

    /// The target that the arguments speak of, and the limits that go with it.
    fn subject(
        &self,
        load: impl FnOnce(&Path) -> anyhow::Result<Config>,
    ) -> anyhow::Result<(Target, Limits)> {
        let (mut target, global) = if self.target.contains("://") {
            (bare(&self.target)?, Global::default())
        } else {
            let Some(file) = &self.config_file else {
                bail!(
                    "{} is no URL (write http:// or https:// before it), and to check a target \
                     by name --config.file is needed",
                    self.target
                );
            };
            let config = load(file)?;
            (named(&config, &self.target)?, config.global)
        };
        let limits = Limits {
            connect: global.connect_timeout,
            first_token: global.first_token_timeout.unwrap_or(self.timeout),
            total: self.timeout,
            idle: global.idle_timeout,
            response_bytes: global.max_response_bytes,
        };
        self.amend(&mut target)?;
        Ok((target, limits))
    }

    /// What the flags say beats what the configuration says.
    fn amend(&self, target: &mut Target) -> anyhow::Result<()> {
        if let Some(api) = self.api {
            target.api = api;
        }
        if let Some(variable) = &self.api_key_env {
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

/// Runs the command on the process's own output.
pub(super) fn run(args: CheckTarget, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let load = |file: &Path| config::load(file).map_err(|problems| anyhow!("{problems}"));
    let exit = runtime.block_on(args.run(load, colour_of_stdout(), out));
    // A name resolution that still hangs is not waited for.
    runtime.shutdown_background();
    exit.map(ExitCode::from)
}

/// The colour of the process's own output.
fn colour_of_stdout() -> Colour {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !refused { Colour::Yes } else { Colour::No }
}

fn write_json(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &report.json())?;
    writeln!(out)
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
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    let name = format!("{}{port}", url.host_str().unwrap_or_default());
    Ok(Target {
        name: name.into(),
        url,
        api: Api::OpenaiChat,
        models: Models::List(Vec::new()),
        authorization: None,
        http_headers: Vec::new(),
        tls: TlsFiles::default(),
        proxy_url: None,
        retry: None,
        labels: std::collections::BTreeMap::new(),
        cost_per_hour: None,
        budget: Budget::default(),
        exclusive_group: None,
        engine_metrics: None,
        tokenizer: None,
    })
}

fn named(config: &Config, name: &str) -> anyhow::Result<Target> {
    if let Some(target) = config.targets.iter().find(|target| &*target.name == name) {
        return Ok(Target::clone(target));
    }
    let mut names: Vec<_> = config.targets.iter().map(|target| &*target.name).collect();
    names.sort_by(|one, other| {
        strsim::jaro_winkler(other, name).total_cmp(&strsim::jaro_winkler(one, name))
    });
    names.truncate(3);
    bail!("there is no target {name}; nearest: {}", names.join(", "))
}

fn first_model(target: &Target) -> Option<String> {
    match &target.models {
        Models::List(models) => models.first().map(ToString::to_string),
        Models::All { .. } => None,
    }
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

fn api(name: &str) -> Result<Api, String> {
    let known = Api::ALL.map(Api::as_str).join(", ");
    Api::ALL
        .into_iter()
        .find(|api| api.as_str() == name)
        .ok_or_else(|| format!("there are {known}"))
}

fn timeout(text: &str) -> Result<Duration, String> {
    let Period(timeout) = text.parse().map_err(|error: UnitError| error.to_string())?;
    if !timeout.is_zero() && timeout <= LONGEST {
        Ok(timeout)
    } else {
        Err("longer than zero, and at most 1h".to_owned())
    }
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
    fn a_url_is_a_base_and_carries_no_credentials() {
        assert_eq!(&*bare("http://[::1]:8000/v1").expect("a base").name, "[::1]:8000");
        for url in ["ftp://h", "http://me:hunter2@h", "http://h?key=hunter2", "http://h:x"] {
            let refusal = format!("{:#}", bare(url).expect_err(url));
            assert!(!refusal.contains("hunter2"), "{refusal}");
        }
    }

    #[test]
    fn timeouts_have_a_unit_and_bounds() {
        assert_eq!(timeout("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "30", "0s", "-5s", "2h"] {
            assert!(timeout(wrong).is_err(), "{wrong}");
        }
    }
}
