//! The subjects of a benchmark: the target, its models, and the engine behind it.

use std::{path::Path, pin::pin, sync::Arc, time::Duration};

use anyhow::{anyhow, bail};
use tokio::time::sleep;

use super::{args::Args, engine};
use crate::{
    check,
    config::{Config, Global, GpuSource, Models, Retry, Scenario, Target},
    daemon::identified,
    event::Engine,
    load::{Link, PREPARE},
    workload::Workload,
};

/// Longest control request.
const CONTROL: Duration = Duration::from_secs(10);
/// After so long without an answer it is said what is waited for.
const QUIET: Duration = Duration::from_secs(1);
/// Pause before the second attempt, where attempts are repeated; then twice as long each time.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// What stands for every GPU of this machine.
const ALL_GPUS: &str = "all";

/// What stands for the model where only paths are asked for and the target names none.
const NO_MODEL: &str = "-";

/// What a benchmark asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Completions, of a model.
    Models,
    /// Plain paths.
    Paths,
}

impl Asks {
    /// What the requests of `scenario` are.
    pub(super) fn of(scenario: &Scenario) -> Self {
        let plain = |workload: &Workload| matches!(workload, Workload::Http(_));
        match scenario.workloads.iter().all(|(_, workload)| plain(workload)) {
            true => Self::Paths,
            false => Self::Models,
        }
    }
}

/// Whom the benchmark asks.
pub(super) struct Subjects {
    pub(super) link: Arc<Link>,
    pub(super) models: Vec<Arc<str>>,
    pub(super) engine: Option<Engine>,
    /// What came of looking for the engine's own metrics, in words.
    pub(super) beside: Option<String>,
    pub(super) global: Global,
}

/// What came of asking the target.
#[expect(clippy::large_enum_variant, reason = "one a run: a box would only move it")]
pub(super) enum Surveyed {
    /// Whom the benchmark asks.
    Subjects(Subjects),
    /// There is nobody to ask: why, and what to do.
    NoModel(String),
}

/// The target of the flags, with what goes for all targets.
///
/// # Errors
/// If there is no such target, or a flag cannot be taken.
pub(super) fn target(
    args: &Args,
    load: impl FnOnce(&Path) -> anyhow::Result<Config>,
) -> anyhow::Result<(Target, Global)> {
    let (mut target, global) = args.how.subject(&args.target, load)?;
    if let Some(attempts) = args.whom.retry {
        target.retry = Some(Retry { attempts, delay: RETRY_DELAY, exponential: true });
    }
    if let Some(file) = &args.whom.tokenizer {
        if !file.is_file() {
            bail!("--tokenizer: {} is no file", file.display());
        }
        target.tokenizer = Some(file.clone());
    }
    engine::amend(&args.whom.engine_metrics, &mut target);
    if !args.whom.gpus.is_empty() {
        target.gpu = Some(GpuSource::Nvml(gpus(&args.whom.gpus)?));
    }
    Ok((target, global))
}

/// The names of `--gpus`; none for all of them.
fn gpus(named: &[String]) -> anyhow::Result<Vec<String>> {
    if named == [ALL_GPUS] {
        return Ok(Vec::new());
    }
    if let Some(wrong) = named.iter().find(|name| !GpuSource::is_local_name(name)) {
        bail!(
            "--gpus: `{wrong}` names no GPU: give all, an index such as 0, a UUID such as GPU-… or \
             MIG-…, or a list of these (nvidia-smi -L lists them)"
        );
    }
    Ok(named.to_vec())
}

/// Asks the target what it is and which models it has, in a few control requests. `asks` says
/// whether a model is needed at all, and `tell` is told what is waited for.
///
/// # Errors
/// If nothing can be sent: credentials, TLS material or a tokenizer that cannot be read.
pub(super) async fn survey(
    args: &Args,
    target: Target,
    global: Global,
    asks: Asks,
    tell: impl Fn(&str),
) -> anyhow::Result<Surveyed> {
    let link = Link::new(Arc::new(target))?;
    // The message has that of its source in it.
    let prepared = awaited("the tokenizer", &tell, link.prepare(PREPARE)).await;
    prepared.map_err(|error| anyhow!("{error}"))?;
    let asked = check::survey(&link, CONTROL);
    let (listed, recognised) = awaited("the target to say what it is", &tell, asked).await?;
    let (link, beside) = match asks {
        Asks::Models => {
            let looked = engine::looked_for(&args.whom.engine_metrics, link);
            awaited("the engine's own metrics at /metrics", &tell, looked).await
        }
        Asks::Paths => (link, None),
    };
    let engine = match recognised {
        Some(recognised) => {
            let identified = identified(&link, recognised);
            Some(awaited("the engine's own metrics", &tell, identified).await)
        }
        None => None,
    };
    let known = &link.target().models;
    let models = if args.whom.all_models {
        all(known, listed)
    } else {
        let one = one(args.whom.model.as_deref(), known, listed);
        match asks {
            Asks::Models => one,
            Asks::Paths => Ok(one.unwrap_or_else(|_| NO_MODEL.into())),
        }
        .map(|model| vec![model])
    };
    Ok(match models {
        Ok(models) => Surveyed::Subjects(Subjects { link, models, engine, beside, global }),
        Err(why) => Surveyed::NoModel(why),
    })
}

/// What comes of `work`; if that takes a while, `tell` is told that `what` is waited for.
async fn awaited<T>(what: &str, tell: impl Fn(&str), work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    tokio::select! {
        biased;
        done = &mut work => return done,
        () = sleep(QUIET) => tell(&format!("waiting for {what}")),
    }
    work.await
}

/// Every model: those of the configuration, else those that are listed.
fn all(known: &Models, listed: Result<Vec<String>, String>) -> Result<Vec<Arc<str>>, String> {
    let limit = match known {
        Models::List(models) if !models.is_empty() => return Ok(models.clone()),
        Models::List(_) => usize::MAX,
        Models::All { limit } => *limit,
    };
    let listed = listed.map_err(|why| format!("--all-models: {why}"))?;
    if listed.is_empty() {
        return Err("--all-models: the target lists no model".to_owned());
    }
    Ok(listed.into_iter().take(limit).map(Into::into).collect())
}

/// One model: the one that is named, the first of the configuration, the first that is listed.
fn one(
    named: Option<&str>,
    known: &Models,
    listed: Result<Vec<String>, String>,
) -> Result<Arc<str>, String> {
    if let Some(named) = named {
        return Ok(named.into());
    }
    if let Models::List(models) = known
        && let Some(first) = models.first()
    {
        return Ok(Arc::clone(first));
    }
    let listed = listed?;
    let first = check::first_that_speaks(&listed);
    first
        .map(|first| first.as_str().into())
        .ok_or_else(|| "the target lists no model: load one, or name it with --model".to_owned())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    fn listed(names: &[&str]) -> Result<Vec<String>, String> {
        Ok(names.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_named_model_goes_before_a_configured_one_and_that_before_a_listed_one() {
        let known = Models::List(vec!["configured".into()]);
        let none = Models::List(Vec::new());
        let names = listed(&["text-embed", "llama"]);
        for (named, known, wanted) in
            [(Some("mine"), &known, "mine"), (None, &known, "configured"), (None, &none, "llama")]
        {
            assert_eq!(&*one(named, known, names.clone()).expect("a model"), wanted);
        }
        assert!(one(None, &none, Err("no connection".to_owned())).is_err());
        assert!(one(None, &none, listed(&[])).expect_err("none").contains("--model"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_a_while_is_said_to_be_waited_for() {
        for (long, lines) in [(QUIET / 2, vec![]), (QUIET * 9, vec!["waiting for the engine"])] {
            let told = RefCell::new(Vec::new());
            let tell = |line: &str| told.borrow_mut().push(line.to_owned());
            awaited("the engine", tell, sleep(long)).await;
            assert_eq!(told.into_inner(), lines);
        }
    }

    #[test]
    fn gpus_are_all_or_named() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(gpus(&names(&["all"])).expect("all"), names(&[]));
        assert_eq!(gpus(&names(&["0", "GPU-a"])).expect("two"), names(&["0", "GPU-a"]));
        for wrong in [&["all", "0"][..], &["first"], &["01"], &[""]] {
            let why = gpus(&names(wrong)).expect_err("no GPU").to_string();
            assert!(why.contains("--gpus") && why.contains("nvidia-smi -L"), "{why}");
        }
    }

    #[test]
    fn all_models_are_those_of_the_configuration_or_those_listed_up_to_a_limit() {
        let configured = Models::List(vec!["a".into(), "b".into()]);
        assert_eq!(all(&configured, listed(&["c"])).expect("models").len(), 2);
        let names = ["a", "b", "c"];
        assert_eq!(all(&Models::All { limit: 2 }, listed(&names)).expect("models").len(), 2);
        assert_eq!(all(&Models::List(Vec::new()), listed(&names)).expect("models").len(), 3);
        assert!(all(&Models::List(Vec::new()), listed(&[])).is_err());
    }
}
