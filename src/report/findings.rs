//! What follows from a run, in lines.

use super::{
    Frame,
    marks::{self, Line, Tone},
    number::{Statistic, grouped, percent, seconds},
    sweep,
};
use crate::event::{Findings, RunRecord, SizingRecord, StepRecord};

/// The findings of a run; empty if it had no step.
pub(super) fn lines(run: &RunRecord, frame: Frame) -> Vec<Line> {
    let findings = &run.findings;
    let mut lines = Vec::new();
    let mut fact = |label: &str, text: Option<String>| {
        lines.extend(text.map(|text| Line::new(Tone::Plain, label, text)));
    };
    if run.steps.len() > 1 {
        fact("best latency", at(run, findings.best_latency_step, |step| latency(step, frame)));
        fact(
            "peak throughput",
            at(run, findings.peak_throughput_step, |step| peak(step, findings)),
        );
        fact("knee", knee(run, findings));
        fact("saturation", saturation(run, findings));
    }
    fact("max goodput", goodput(findings));
    fact(
        "cost",
        findings
            .cost_dollars_per_million_output_tokens
            .map(|dollars| format!("${dollars:.2} for a million output tokens, at the peak")),
    );
    fact(
        "prefix cache",
        findings.prefix_cache_speedup.map(|times| {
            format!("median TTFT of cold prompts is {times:.2} times that of warm ones")
        }),
    );
    for (slo, state) in &findings.verdicts {
        let text = marks::verdict(*state);
        lines.push(Line::new(Tone::of(*state), format!("SLO {slo}"), text));
    }
    for rule in &findings.unmet_rules {
        lines.push(Line::new(Tone::Warning, "rule not met", rule));
    }
    for warning in &findings.warnings {
        lines.push(Line::new(Tone::Warning, &warning.code, &warning.text));
    }
    lines
}

/// The load of the step `number`, with its workload where there are several, and what `tell` says of
/// it.
fn at(
    run: &RunRecord,
    number: Option<u32>,
    tell: impl Fn(&StepRecord) -> String,
) -> Option<String> {
    let step = run.steps.iter().find(|step| Some(step.step) == number)?;
    let load = &step.load.text;
    Some(match sweep::has_several_workloads(run) {
        true => format!("{load}, {}: {}", step.workload, tell(step)),
        false => format!("{load}: {}", tell(step)),
    })
}

fn latency(step: &StepRecord, frame: Frame) -> String {
    let e2e = step.latencies.get("e2e").cloned().unwrap_or_default();
    let [mean, p99] = [Statistic::Mean, Statistic::P99].map(|it| it.of(&e2e).seconds(frame));
    format!("{mean} avg, {p99} p99")
}

fn peak(step: &StepRecord, findings: &Findings) -> String {
    let rates = &step.rates;
    let tokens = findings
        .max_output_tokens_per_second
        .or(rates.output_tokens_per_second)
        .filter(|tokens| *tokens > 0.0)
        .map(|tokens| format!("{} tokens/s", grouped(tokens, 1)));
    let requests = rates.requests_per_second.or(rates.requests_per_second_whole_run);
    let requests = requests.map(|requests| format!("{} req/s", grouped(requests, 2)));
    tokens.into_iter().chain(requests).collect::<Vec<_>>().join(", ")
}

fn knee(run: &RunRecord, findings: &Findings) -> Option<String> {
    at(run, findings.knee_step, |_| "beyond it latency grows faster than throughput".to_owned())
        .or_else(|| {
            let users = findings.knee_concurrency?;
            Some(format!("{} users", grouped(users, 1)))
        })
        .or_else(|| {
            let rate = findings.knee_requests_per_second?;
            Some(format!("{} req/s", grouped(rate, 2)))
        })
}

fn saturation(run: &RunRecord, findings: &Findings) -> Option<String> {
    at(run, findings.saturation_step, |_| {
        "more load brings no more throughput from here".to_owned()
    })
}

fn goodput(findings: &Findings) -> Option<String> {
    let searched = findings.bracket_high.or(findings.bracket_estimate);
    let mut text = match (findings.max_goodput_requests_per_second, searched) {
        (Some(goodput), _) => format!("{} good requests/s", grouped(goodput, 2)),
        (None, Some(_)) => "no level was certified to meet the SLO".to_owned(),
        (None, None) => return None,
    };
    if let Some(estimate) = findings.bracket_estimate {
        text.push_str(&format!("; the SLO is just met at about {}", grouped(estimate, 2)));
    }
    let low = findings.bracket_low.map(|low| format!("met at a level of {}", grouped(low, 2)));
    let high = findings.bracket_high.map(|high| format!("missed at {}", grouped(high, 2)));
    let bracket: Vec<_> = low.into_iter().chain(high).collect();
    if !bracket.is_empty() {
        text.push_str(&format!("; certified: {}", bracket.join(", ")));
        if let Some(confidence) = findings.bracket_confidence {
            text.push_str(&format!(", each with {} confidence", percent(confidence)));
        }
    }
    Some(text)
}

/// A rate up to which the client is trusted; none if it was too slow at the lowest one too.
fn trusted(rate: f64, unit: &str) -> String {
    if rate > 0.0 { format!("{} {unit}", grouped(rate, 0)) } else { format!("no rate of {unit}") }
}

/// How the length of the prompts was learnt.
fn sized(sizing: &SizingRecord) -> Line {
    let requests = match sizing.requests {
        1 => "one request".to_owned(),
        more => format!("{more} requests"),
    };
    if let Some(why) = &sizing.incomplete {
        let text =
            format!("their length is a guess, after {requests} before the first step: {why}");
        return Line::new(Tone::Warning, "prompts", text);
    }
    let added = sizing.added_tokens.round();
    let each = match sizing.tokens_per_word {
        Some(ratio) => format!("{ratio:.2} tokens a word and {added} besides"),
        None => format!("{added} tokens beside those of the tokenizer"),
    };
    Line::new(Tone::Plain, "prompts", format!("{each}, by {requests} before the first step"))
}

/// The heading facts of a run: what was run, where, and how it ended.
pub(super) fn heading(run: &RunRecord, frame: Frame) -> Vec<Line> {
    let plain = |label: &str, text: String| Line::new(Tone::Plain, label, text);
    let dot = frame.dot();
    let mut lines = vec![
        plain("target", [run.target.as_str(), &run.origin, &run.api].join(dot)),
        plain("model", run.model.clone()),
        plain("scenario", format!("{}{dot}seed {}", run.scenario, run.seed)),
        plain(
            "started",
            format!(
                "{}{dot}took {}",
                super::number::day_time(run.started_at),
                seconds((run.ended_at - run.started_at).max(0.0))
            ),
        ),
    ];
    if let Some(engine) = &run.engine {
        let version = engine.version.as_deref().unwrap_or_default();
        lines.push(plain("engine", format!("{} {version}", engine.name).trim_end().to_owned()));
    }
    if let Some(sizing) = &run.sizing {
        lines.push(sized(sizing));
    }
    if let Some(calibration) = &run.calibration {
        lines.push(plain(
            "client",
            format!(
                "reads {} late at the median, {} at p99{dot}trusted up to {} and {}",
                seconds(calibration.ttft_overhead_p50),
                seconds(calibration.ttft_overhead_p99),
                trusted(calibration.trusted_requests_per_second, "req/s"),
                trusted(calibration.trusted_tokens_per_second, "tokens/s")
            ),
        ));
    }
    let tone = match run.result {
        crate::event::RunResult::Success => Tone::Good,
        crate::event::RunResult::Failed | crate::event::RunResult::Invalid => Tone::Bad,
        crate::event::RunResult::Interrupted | crate::event::RunResult::Cancelled => Tone::Warning,
    };
    let result = run.result.as_str();
    let reason = run.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
    lines.push(Line::new(tone, "result", format!("{result}{reason}")));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_step_is_named_with_its_workload_where_there_are_several() {
        let mut run = sample::sweep();
        let best = |run: &RunRecord| {
            let found = lines(run, Frame::Ascii).into_iter().find(|it| it.label == "best latency");
            found.expect("there").text
        };
        assert!(best(&run).starts_with("20 users: "), "{}", best(&run));
        run.steps[1].workload = "other".to_owned();
        assert!(best(&run).starts_with("20 users, other: "), "{}", best(&run));
    }
}
