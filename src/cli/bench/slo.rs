//! `--goodput`: an SLO in the words that other tools know.

use anyhow::bail;
use serde_json::{Map, Value, json};

use crate::{
    units::{Period, Ratio},
    verdict::Metric,
};

/// The words of other tools for a latency, and ours.
const WORDS: [(&str, Metric); 7] = [
    ("time_to_first_token", Metric::Ttft),
    ("time_to_second_token", Metric::Ttst),
    ("time_per_output_token", Metric::Tpot),
    ("inter_token_latency", Metric::Tpot),
    ("request_latency", Metric::E2e),
    ("e2el", Metric::E2e),
    ("latency", Metric::E2e),
];

/// The SLO of the flags, in the form of the configuration. *Good* is every threshold in one and the
/// same exchange, as goodput counts it.
///
/// # Errors
/// If a part is no `NAME:TIME`, or a latency is bounded twice.
pub(super) fn goodput(texts: &[String], objective: Option<Ratio>) -> anyhow::Result<Value> {
    let mut thresholds = Map::new();
    let parts = texts.iter().flat_map(|text| text.split([' ', ',', '\t']));
    for part in parts.filter(|part| !part.is_empty()) {
        let Some((name, time)) = part.split_once(':').or_else(|| part.split_once('=')) else {
            bail!("--goodput: {part:?} is no NAME:TIME, such as ttft:500ms");
        };
        let Some(metric) = metric(name) else {
            let known = Metric::ALL.map(Metric::as_str).join(", ");
            bail!("--goodput: there is no latency {name:?}; there are {known}");
        };
        // Other tools have no units here and mean milliseconds.
        let time = match time.parse::<u64>() {
            Ok(millis) => format!("{millis}ms"),
            Err(_) => time.to_owned(),
        };
        if let Err(error) = time.parse::<Period>() {
            bail!("--goodput: the time of {name} is {error}");
        }
        if thresholds.insert(metric.as_str().to_owned(), time.into()).is_some() {
            bail!("--goodput: {} is bounded twice", metric.as_str());
        }
    }
    if thresholds.is_empty() {
        bail!("--goodput wants at least one NAME:TIME, such as ttft:500ms");
    }
    let objective = objective.unwrap_or(Ratio(0.95));
    Ok(json!({
        "thresholds": thresholds,
        "objective": objective.to_string(),
        "judge": "joint",
    }))
}

fn metric(name: &str) -> Option<Metric> {
    let ours = Metric::ALL.into_iter().find(|metric| metric.as_str() == name);
    ours.or_else(|| WORDS.into_iter().find(|(word, _)| *word == name).map(|(_, metric)| metric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goodput_of(text: &str) -> anyhow::Result<Value> {
        goodput(&[text.to_owned()], None)
    }

    #[test]
    fn the_words_of_other_tools_are_known() {
        for text in [
            "ttft:500ms tpot:30ms",
            "ttft:500,tpot:30",
            "time_to_first_token:500 inter_token_latency:30",
        ] {
            let slo = goodput_of(text).expect("an SLO");
            assert_eq!(slo["thresholds"], json!({"ttft": "500ms", "tpot": "30ms"}), "{text}");
        }
        assert_eq!(goodput_of("e2el:2s").expect("an SLO")["thresholds"]["e2e"], "2s");
    }

    #[test]
    fn what_is_no_threshold_is_named() {
        for (text, words) in [
            ("ttft", "NAME:TIME"),
            ("speed:3", "there is no latency"),
            ("ttft:", "the time of ttft"),
            ("tpot:0.5", "the time of tpot"),
            ("ttft:1s time_to_first_token:2s", "twice"),
            (" ", "at least one"),
        ] {
            let error = goodput_of(text).expect_err(text).to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
