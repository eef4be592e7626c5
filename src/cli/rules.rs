//! `tokenbeat rules`: alerts for Prometheus, and SLOs for the tools that generate their own.

use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, bail};

use super::Exit;
use crate::{
    config::{self, Config},
    rules::{self, Namespace, Options},
};

/// Print alerts and recording rules for Prometheus, or SLOs for Sloth, Pyrra and OpenSLO
///
/// Without a configuration: the rules that ship in `alerts/`. They take every objective, threshold
/// and interval from the daemon's own metrics, so one file fits every configuration and needs no
/// change when it does.
///
/// With one: the same rules with its probes, SLOs and objectives written in; an alert for each SLO
/// whose series are missing; and a warning on stderr for every window that a probe is too slow for.
/// Generate them again when the configuration changes.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The configuration whose SLOs are written in
    #[arg(long = "config.file", env = "TOKENBEAT_CONFIG_FILE", value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Print the rules that fit every configuration, also where one is given
    #[arg(long = "static")]
    fitting_all: bool,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = Format::Prometheus)]
    format: Format,
    /// Where to: a file, or `-` for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
    /// Where your runbooks are: the annotation `runbook_url`, with `{alert}` for the alert's name
    #[arg(long, value_name = "URL", default_value_t = Options::default().runbooks)]
    runbook_url: String,
    /// A label, may repeat: on every alert; for prometheus-operator, pyrra and openslo on the object
    /// (so that an operator finds it: `release=kube-prometheus-stack`)
    #[arg(long = "label", value_name = "NAME=VALUE", value_parser = label)]
    labels: Vec<(String, String)>,
    /// Namespace of an object for Kubernetes: of prometheus-operator and pyrra
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  # The shipped alerts, with links into your own wiki
  tokenbeat rules --runbook-url 'https://wiki.example.com/runbooks/{alert}' --output tokenbeat.rules.yml

  # The alerts of one configuration, for the Prometheus operator
  tokenbeat rules --config.file tokenbeat.yml --format prometheus-operator \\
    --namespace monitoring --label release=kube-prometheus-stack | kubectl apply -f -

  # Its SLOs for Sloth
  tokenbeat rules --config.file tokenbeat.yml --format sloth --output slos.yml";

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A file for `rule_files`
    Prometheus,
    /// A PrometheusRule object
    PrometheusOperator,
    /// SLOs for Sloth (prometheus/v1); need --config.file
    Sloth,
    /// ServiceLevelObjective objects for Pyrra; need --config.file
    Pyrra,
    /// SLO documents of OpenSLO v1; need --config.file
    Openslo,
}

/// A label, or why it is none.
fn label(text: &str) -> Result<(String, String), String> {
    let (name, value) =
        text.split_once('=').ok_or("a label is NAME=VALUE, such as team=inference")?;
    if name.is_empty() {
        return Err("the name before `=` is empty".to_owned());
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Runs the command.
///
/// # Errors
/// If the configuration has problems, a form needs one and none is given, or the output cannot be
/// written.
pub(super) fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let config =
        match &args.config_file {
            Some(file) if !args.fitting_all => Some(config::load(file).map_err(|problems| {
                anyhow::anyhow!("the configuration has problems\n\n{problems}")
            })?),
            _ => None,
        };
    let text = text(args, config.as_ref(), &mut io::stderr())?;
    if args.output.as_os_str() == "-" {
        out.write_all(text.as_bytes())?;
    } else {
        fs::write(&args.output, text)
            .with_context(|| format!("{} cannot be written", args.output.display()))?;
    }
    Ok(Exit::Done.into())
}

fn text(args: &Args, config: Option<&Config>, told: &mut dyn Write) -> anyhow::Result<String> {
    let options = Options {
        runbooks: args.runbook_url.clone(),
        labels: args.labels.clone(),
        namespace: args.namespace.clone().map_or(Namespace::Unsaid, Namespace::Named),
    };
    let slos: fn(&Config, &Options) -> _ = match args.format {
        Format::Prometheus | Format::PrometheusOperator => {
            let groups = groups(config, told)?;
            let write = if args.format == Format::Prometheus {
                rules::prometheus
            } else {
                rules::prometheus_operator
            };
            return Ok(write(&groups, &options)?);
        }
        Format::Sloth => rules::sloth,
        Format::Pyrra => rules::pyrra,
        Format::Openslo => rules::open_slo,
    };
    let Some(config) = config else {
        bail!(
            "this form is made from the SLOs of a configuration: give --config.file FILE, and not \
             --static"
        );
    };
    if config.probes.iter().all(|probe| probe.slos.is_empty()) {
        bail!("no probe of the configuration has an SLO: add `slo: NAME` to one");
    }
    Ok(slos(config, &options)?)
}

/// The groups of rules, after a word on what cannot be had.
fn groups(config: Option<&Config>, told: &mut dyn Write) -> anyhow::Result<Vec<rules::Group>> {
    let Some(config) = config else { return Ok(rules::shipped()) };
    let configured = rules::configured(config);
    for warning in &configured.warnings {
        writeln!(told, "warning: {warning}")?;
    }
    Ok(configured.groups)
}
