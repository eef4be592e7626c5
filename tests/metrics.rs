//! The exposition: the contract, the rules of counting, the formats and their negotiation.

#![expect(clippy::expect_used, reason = "a test that cannot go on fails")]

#[path = "support/exposition.rs"]
mod exposition;
#[path = "support/externals.rs"]
mod externals;
#[path = "support/populated.rs"]
mod populated;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    process::{Command, Stdio},
    sync::Arc,
};

use exposition::{EXEMPLAR, Samples};
use populated::{beat, interactive, judged, key, series, sink, slo};
use tokenbeat::{
    event::{Beat, BeatKey},
    measure::{
        Spoiled,
        catalogue::{self, Kind},
    },
    protocol::Api,
    sinks::prometheus::{BuildInfo, Coding, Format, ProbeSeries, Prometheus},
    telemetry::LogCounter,
    timeline::Outcome,
    verdict::{Cause, Judgement, Metric, State},
};

const PROTOBUF: &str = "application/vnd.google.protobuf;\
                        proto=io.prometheus.client.MetricFamily;encoding=delimited";
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0";

fn body(sink: &Prometheus, accept: &str) -> Vec<u8> {
    sink.render(Some(accept), None).expect("rendered").body
}

fn text(sink: &Prometheus, accept: &str) -> String {
    String::from_utf8(body(sink, accept)).expect("text")
}

fn samples(sink: &Prometheus) -> Samples {
    exposition::text(&text(sink, "text/plain"))
}

fn probed() -> Prometheus {
    let sink = Prometheus::new(BuildInfo::current());
    sink.add_probe(&series(vec![interactive()]));
    sink
}

#[test]
fn catalogue_is_the_contract() {
    let contract: BTreeSet<(String, String, String)> = include_str!("contract/metrics.tsv")
        .lines()
        .skip(1)
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            (fields[0].into(), fields[1].into(), fields[2].into())
        })
        .collect();
    let ours: BTreeSet<_> = catalogue::CATALOGUE
        .iter()
        .map(|row| (row.name.into(), row.kind.as_str().into(), row.labels.join(",")))
        .collect();
    assert_eq!(ours, contract);
}

#[test]
fn what_is_exposed_is_the_catalogue() {
    let samples = samples(&sink());
    let ours: BTreeMap<String, String> = catalogue::CATALOGUE
        .iter()
        .map(|row| (row.name.into(), row.kind.as_str().into()))
        .collect();
    assert_eq!(samples.types, ours);
    for row in catalogue::CATALOGUE {
        let mut labels: BTreeSet<String> = row.labels.iter().map(|&one| one.into()).collect();
        if row.name == "tokenbeat_target_info" {
            // The user's own; `job` is Prometheus's.
            labels.extend(["accelerator".into(), "label_job".into()]);
        }
        assert_eq!(samples.label_names(row.name), labels, "{}", row.name);
    }
}

#[test]
fn documentation_is_the_catalogue() {
    let page = include_str!("../docs/metrics.md");
    let printed = Command::new(env!("CARGO_BIN_EXE_tokenbeat"))
        .arg("metrics")
        .output()
        .expect("the binary runs");
    assert!(
        page.as_bytes() == printed.stdout.as_slice(),
        "docs/metrics.md differs: write it anew with `tokenbeat metrics > docs/metrics.md`"
    );
}

#[test]
fn every_format_says_the_same() {
    let sink = sink();
    let plain = text(&sink, "text/plain");
    let open = text(&sink, OPEN_METRICS);
    assert!(open.ends_with("\n# EOF\n") && !plain.contains("EOF"));
    assert!(open.contains("# TYPE tokenbeat_probe_attempts counter\n"));
    assert!(plain.contains("# TYPE tokenbeat_probe_attempts_total counter\n"));
    assert!(!plain.contains("_total_total") && !plain.contains("..\n"));
    assert!(open.contains("# UNIT process_cpu_seconds seconds\n"));
    let plain = exposition::text(&plain);
    assert_eq!(plain, exposition::text(&open));
    assert_eq!(plain, exposition::protobuf(&body(&sink, PROTOBUF)));
}

#[test]
fn families_and_series_are_sorted() {
    let families = exposition::families(&body(&sink(), PROTOBUF));
    assert!(families.windows(2).all(|pair| pair[0].name < pair[1].name));
    for family in &families {
        let series: Vec<Vec<_>> = family
            .metric
            .iter()
            .map(|metric| metric.label.iter().map(|one| (&one.name, &one.value)).collect())
            .collect();
        // By probe or sweep; the series of one in the order of their closed set, and each once.
        let of_probe = |label: &&(&String, &String)| {
            ["target", "model", "probe", "sweep"].contains(&label.0.as_str())
        };
        let probes: Vec<Vec<_>> =
            series.iter().map(|labels| labels.iter().filter(of_probe).collect()).collect();
        assert!(probes.is_sorted(), "{}", family.name);
        assert_eq!(series.iter().collect::<BTreeSet<_>>().len(), series.len(), "{}", family.name);
    }
}

#[test]
fn gzip_holds_the_same() {
    let sink = sink();
    let packed = sink.render(Some("text/plain"), Some("gzip")).expect("rendered");
    assert_eq!(packed.coding, Coding::Gzip);
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&*packed.body).read_to_string(&mut unpacked).expect("gzip");
    assert_eq!(unpacked, text(&sink, "text/plain"));
}

#[test]
fn histograms_are_native_too() {
    let families = exposition::families(&body(&sink(), PROTOBUF));
    let ttft = families.iter().find(|one| one.name == "tokenbeat_probe_ttft_seconds");
    let histogram = ttft.expect("ttft").metric[0].histogram.clone().expect("a histogram");
    // Growth of at most 1.05 is schema 4: 16 buckets to the power of two.
    assert_eq!((histogram.schema, histogram.sample_count), (4, 1));
    assert_eq!(histogram.positive_delta, [1]);
    // 0.2 lies in the bucket that ends at 2^(-37/16).
    let span = histogram.positive_span[0];
    assert_eq!((span.offset, span.length), (-37, 1));
}

#[test]
fn formats_are_negotiated() {
    use Format::{OpenMetrics, Protobuf, Text};
    let prometheus = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                      encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;\
                      escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                      text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
    let sink = Prometheus::new(BuildInfo::current());
    for (accept, format, ending) in [
        (None, Text, "version=0.0.4; charset=utf-8"),
        (Some(""), Text, "version=0.0.4; charset=utf-8"),
        (Some("*/*"), Text, "charset=utf-8"),
        (Some("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"), Text, "charset=utf-8"),
        (Some("application/json"), Text, "charset=utf-8"),
        (Some(prometheus), Protobuf, "encoding=delimited"),
        (Some("application/vnd.google.protobuf"), Text, "charset=utf-8"),
        (
            Some(
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            ),
            Text,
            "utf-8",
        ),
        (Some("application/openmetrics-text"), OpenMetrics, "version=1.0.0; charset=utf-8"),
        (Some("application/openmetrics-text;version=0.0.1"), Text, "charset=utf-8"),
        (
            Some("application/openmetrics-text; version=1.0.0; escaping=allow-utf-8"),
            OpenMetrics,
            "; escaping=allow-utf-8",
        ),
        (Some("text/plain;escaping=underscores"), Text, "; escaping=underscores"),
        (Some("text/plain;escaping=\"\r\nx: y\""), Text, "charset=utf-8"),
        (Some("text/plain;q=0.9,application/openmetrics-text;q=0.2"), Text, "charset=utf-8"),
        (Some("text/plain;q=0.5,application/openmetrics-text;q=0.5"), Text, "charset=utf-8"),
        (Some("application/openmetrics-text;q=0"), Text, "charset=utf-8"),
        (Some("application/openmetrics-text;q=much,text/plain;q=0.1"), Text, "charset=utf-8"),
    ] {
        let answer = sink.render(accept, None).expect("rendered");
        assert_eq!(answer.format, format, "{accept:?}");
        assert!(answer.content_type.ends_with(ending), "{accept:?}: {}", answer.content_type);
    }
}

#[test]
fn codings_are_negotiated() {
    let sink = Prometheus::new(BuildInfo::current());
    for (accept, coding) in [
        (None, Coding::Identity),
        (Some("gzip"), Coding::Gzip),
        (Some("GZIP;q=0.5, br"), Coding::Gzip),
        (Some("*"), Coding::Gzip),
        (Some("gzip;q=0, *"), Coding::Identity),
        (Some("identity;q=1, gzip;q=0.5"), Coding::Identity),
        (Some("br, deflate"), Coding::Identity),
    ] {
        assert_eq!(sink.render(None, accept).expect("rendered").coding, coding, "{accept:?}");
    }
}

#[test]
fn closed_label_sets_are_whole() {
    let sink = Arc::new(Prometheus::new(BuildInfo::current()));
    // It counts from the start, also where nothing is exported.
    let _otlp =
        tokenbeat::sinks::otlp::Otlp::new(Arc::clone(&sink), tokenbeat::clock::Wall::anchor());
    let logs = LogCounter::default();
    sink.add_source(move || logs.readings());
    sink.add_source(populated::telemetry);
    let every = Metric::ALL.map(|metric| (metric, 100));
    sink.add_probe(&series(vec![slo("every", &every)]));
    populated::add_sweep(&sink);
    let samples = samples(&sink);
    for row in catalogue::CATALOGUE.iter().filter(|row| !row.values.is_empty()) {
        let label = *row.labels.last().expect("values are of a label");
        let name = match row.kind {
            Kind::Histogram(_) => format!("{}_count", row.name),
            Kind::Counter | Kind::Gauge => row.name.to_owned(),
        };
        let exposed: BTreeSet<&str> = samples
            .values
            .keys()
            .filter(|(found, _)| *found == name)
            .map(|(_, labels)| labels[label].as_str())
            .collect();
        assert_eq!(exposed, row.values.iter().copied().collect(), "{name}");
    }
}

#[test]
fn a_trace_that_is_kept_is_an_exemplar_where_the_format_has_them() {
    let sink = probed();
    // Kept because it missed an SLO; the good one is not in the share, which is 0.
    sink.beat(&judged(100));
    sink.beat(&beat(115, Outcome::Ok));
    let kept = format!("trace_id=\"{:032x}\"", 100);
    let open = text(&sink, OPEN_METRICS);
    // Of each latency one, of the gaps between tokens two: due at 100 s, and over 0.7 s later.
    assert_eq!(open.matches(EXEMPLAR).count(), 7, "{open}");
    assert_eq!(open.matches(&kept).count(), 7, "{open}");
    let ttft = "_ttft_seconds_bucket{target=\"llama \\\"prod\\\"\",model=\"meta\\\\llama\",\
                probe=\"canary\",le=\"0.2\"} 2 # {trace_id=";
    assert!(open.contains(ttft), "{open}");
    assert!(open.contains("} 0.2 100.700000000\n"), "{open}");
    assert!(!text(&sink, "text/plain").contains("trace_id"), "text 0.0.4 has no exemplars");

    let families = exposition::families(&body(&sink, PROTOBUF));
    let metrics = families.into_iter().flat_map(|family| {
        family.metric.into_iter().map(move |metric| (family.name.clone(), metric))
    });
    let mut seen = 0;
    for (name, metric) in metrics {
        let Some(histogram) = metric.histogram else { continue };
        let classic: Vec<_> =
            histogram.bucket.iter().filter_map(|bucket| bucket.exemplar.clone()).collect();
        assert_eq!(classic.len(), histogram.exemplars.len(), "{name}");
        seen += classic.len();
        for exemplar in histogram.exemplars {
            assert_eq!(exemplar.label[0].value, format!("{:032x}", 100), "{name}");
            assert!(exemplar.timestamp.is_some(), "a native exemplar must have a time");
        }
    }
    assert_eq!(seen, 7);

    sink.trace_share().set(1.0);
    sink.beat(&beat(130, Outcome::Ok));
    assert_eq!(text(&sink, OPEN_METRICS).matches(&format!("{:032x}", 130)).count(), 7);
}

#[test]
fn the_last_failure_is_the_exemplar_of_its_reason() {
    let sink = probed();
    let exposed = || {
        let open = text(&sink, OPEN_METRICS);
        let ours = |line: &&str| line.contains(EXEMPLAR) && line.contains("_failures_total");
        open.lines().filter(ours).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(exposed().is_empty());
    for due in [100, 200, 150] {
        sink.beat(&beat(due, Outcome::Stall));
    }
    // A reload keeps the count, and with it what it leads to.
    sink.add_probe(&series(vec![interactive()]));
    let lines = exposed();
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(line.contains("reason=\"stall\"") && line.contains("} 3 # {"), "{line}");
    assert!(line.contains(&format!("trace_id=\"{:032x}\"}} 1 200.", 200)), "{line}");
}

#[test]
fn exemplars_outlive_a_reload_as_their_histogram_does() {
    let sink = probed();
    sink.beat(&judged(100));
    let exemplars = || {
        let ours = |line: &&str| line.contains(EXEMPLAR) && line.contains("_tpot_");
        text(&sink, OPEN_METRICS).lines().filter(ours).count()
    };
    sink.add_probe(&series(vec![interactive()]));
    assert_eq!(exemplars(), 1);
    // Other boundaries start the histogram anew, and with it its exemplars.
    sink.add_probe(&series(vec![slo("other", &[(Metric::Tpot, 77)])]));
    assert_eq!(exemplars(), 0);
}

#[test]
fn causes_and_metrics_are_those_that_the_slo_asks_for() {
    let samples = samples(&probed());
    for (name, label, values) in [
        (
            "tokenbeat_slo_bad_requests_total",
            "cause",
            ["failed", "tpot", "ttft", "undefined"].as_slice(),
        ),
        ("tokenbeat_slo_threshold_met_total", "metric", &["tpot", "ttft"]),
        ("tokenbeat_slo_threshold_seconds", "metric", &["tpot", "ttft"]),
        ("tokenbeat_slo_threshold_objective_ratio", "metric", &["tpot", "ttft"]),
    ] {
        let series = samples.values.keys().filter(|(found, _)| found == name);
        let exposed: Vec<&str> = series.map(|(_, labels)| labels[label].as_str()).collect();
        assert_eq!(exposed, values, "{name}");
    }
}

#[test]
fn counters_exist_at_zero_and_last_values_not_before_they_are_known() {
    let samples = samples(&probed());
    for ((name, labels), value) in &samples.values {
        assert!(!name.ends_with("_total") || *value == 0.0, "{name} {labels:?}");
    }
    assert_eq!(samples.get("tokenbeat_slo_verdict", &[("state", "not_enough_data")]), 1.0);
    assert_eq!(samples.get("tokenbeat_probe_inflight", &[]), 0.0);
    assert!(!samples.has("tokenbeat_probe_success"));
    assert!(!samples.has("tokenbeat_probe_last_success_timestamp_seconds"));
}

#[test]
fn an_ok_beat_is_counted_once_everywhere() {
    let sink = probed();
    sink.started(&key());
    sink.beat(&judged(100));
    let samples = samples(&sink);
    for (name, value) in [
        ("tokenbeat_probe_attempts_total", 1.0),
        ("tokenbeat_probe_success", 1.0),
        ("tokenbeat_probe_last_attempt_timestamp_seconds", 100.0),
        ("tokenbeat_probe_last_success_timestamp_seconds", 100.0),
        ("tokenbeat_probe_inflight", 0.0),
        ("tokenbeat_probe_ttft_seconds_count", 1.0),
        ("tokenbeat_probe_ttft_seconds_sum", 0.2),
        ("tokenbeat_probe_itl_seconds_count", 2.0),
        ("tokenbeat_probe_output_tokens_total", 12.0),
        ("tokenbeat_probe_reasoning_tokens_total", 4.0),
        ("tokenbeat_slo_requests_total", 1.0),
        ("tokenbeat_slo_good_requests_total", 0.0),
        ("tokenbeat_send_lag_seconds_count", 1.0),
        // Three events in two reads.
        ("tokenbeat_read_delay_seconds_count", 2.0),
    ] {
        assert_eq!(samples.get(name, &[]), value, "{name}");
    }
    let get = |name: &str, label| samples.get(name, &[label]);
    assert_eq!(get("tokenbeat_slo_bad_requests_total", ("cause", "tpot")), 1.0);
    assert_eq!(get("tokenbeat_slo_threshold_met_total", ("metric", "ttft")), 1.0);
    assert_eq!(get("tokenbeat_slo_threshold_met_total", ("metric", "tpot")), 0.0);
    assert_eq!(get("tokenbeat_probe_phase_seconds_count", ("phase", "wait")), 1.0);
    assert_eq!(get("tokenbeat_probe_phase_seconds_count", ("phase", "tls")), 0.0);
    assert_eq!(get("tokenbeat_probe_retries_total", ("reason", "configured")), 2.0);
    assert_eq!(get("tokenbeat_probe_ttft_seconds_bucket", ("le", "0.1")), 0.0);
    assert_eq!(get("tokenbeat_probe_ttft_seconds_bucket", ("le", "0.2")), 1.0);
}

#[test]
fn every_failure_moves_with_its_attempt_and_enters_no_histogram() {
    for outcome in Outcome::ALL.into_iter().filter(|outcome| outcome.is_failure()) {
        let sink = probed();
        let judgement = Judgement { met: vec![false, false], bad: Some(Cause::Failed) };
        sink.beat(&Beat { judgements: vec![judgement], ..beat(100, outcome) });
        let samples = samples(&sink);
        assert_eq!(samples.get("tokenbeat_probe_attempts_total", &[]), 1.0);
        let failures: f64 = samples
            .values
            .iter()
            .filter(|((name, _), _)| name == "tokenbeat_probe_failures_total")
            .map(|(_, value)| value)
            .sum();
        assert_eq!(failures, 1.0, "{outcome}");
        let reason = [("reason", outcome.as_str())];
        assert_eq!(samples.get("tokenbeat_probe_failures_total", &reason), 1.0);
        assert_eq!(samples.get("tokenbeat_probe_success", &[]), 0.0);
        assert_eq!(samples.get("tokenbeat_probe_ttft_seconds_count", &[]), 0.0);
        assert_eq!(samples.get("tokenbeat_slo_bad_requests_total", &[("cause", "failed")]), 1.0);
        assert!(!samples.has("tokenbeat_probe_last_success_timestamp_seconds"));
    }
}

#[test]
fn the_unmeasured_are_neither_attempts_nor_failures() {
    for (outcome, excluded) in [(Outcome::Aborted, "aborted"), (Outcome::Local, "client")] {
        let sink = probed();
        sink.started(&key());
        sink.beat(&beat(100, outcome));
        let samples = samples(&sink);
        let reason = [("reason", outcome.as_str())];
        assert_eq!(samples.get("tokenbeat_probe_unmeasured_total", &reason), 1.0);
        assert_eq!(samples.get("tokenbeat_probe_attempts_total", &[]), 0.0);
        assert_eq!(samples.get("tokenbeat_slo_requests_total", &[]), 0.0);
        let reason = [("reason", excluded)];
        assert_eq!(samples.get("tokenbeat_slo_excluded_requests_total", &reason), 1.0);
        assert_eq!(samples.get("tokenbeat_probe_inflight", &[]), 0.0);
        assert!(!samples.has("tokenbeat_probe_success"));
    }
}

#[test]
fn a_spoiled_beat_enters_no_histogram_and_no_slo() {
    for (spoiled, reason) in [(Spoiled::SendLag, "send_lag"), (Spoiled::ReadDelay, "read_delay")] {
        let sink = probed();
        sink.beat(&Beat { spoiled: Some(spoiled), ..beat(100, Outcome::Ok) });
        let samples = samples(&sink);
        assert_eq!(samples.get("tokenbeat_probe_spoiled_total", &[("reason", reason)]), 1.0);
        assert_eq!(samples.get("tokenbeat_probe_attempts_total", &[]), 1.0);
        assert_eq!(samples.get("tokenbeat_probe_ttft_seconds_count", &[]), 0.0);
        assert_eq!(samples.get("tokenbeat_slo_requests_total", &[]), 0.0);
        let client = [("reason", "client")];
        assert_eq!(samples.get("tokenbeat_slo_excluded_requests_total", &client), 1.0);
    }
}

#[test]
fn an_older_beat_that_ends_later_does_not_overwrite() {
    let sink = probed();
    sink.beat(&beat(115, Outcome::Connect));
    sink.beat(&judged(100));
    let samples = samples(&sink);
    assert_eq!(samples.get("tokenbeat_probe_success", &[]), 0.0);
    assert_eq!(samples.get("tokenbeat_probe_last_attempt_timestamp_seconds", &[]), 115.0);
    assert_eq!(samples.get("tokenbeat_probe_last_success_timestamp_seconds", &[]), 100.0);
}

#[test]
fn a_removed_probe_is_gone_and_its_late_beats_bring_nothing_back() {
    let sink = probed();
    sink.started(&key());
    sink.remove_probe(&key());
    sink.beat(&judged(100));
    assert!(!text(&sink, "text/plain").contains("tokenbeat_probe_"));
    // Another of the same name begins at 0, also when the old one's beats end now.
    sink.add_probe(&series(vec![interactive()]));
    assert_eq!(samples(&sink).get("tokenbeat_probe_attempts_total", &[]), 0.0);
    sink.beat(&judged(100));
    assert_eq!(samples(&sink).get("tokenbeat_probe_inflight", &[]), 0.0);
}

#[test]
fn a_late_beat_of_a_removed_probe_is_no_part_of_the_next_of_its_name() {
    let sink = probed();
    sink.started(&key());
    sink.remove_probe(&key());
    let next = Arc::new(BeatKey::clone(&key()));
    sink.add_probe(&ProbeSeries { key: Arc::clone(&next), ..series(vec![interactive()]) });
    sink.started(&next);
    sink.beat(&judged(100));
    let seen = samples(&sink);
    assert_eq!(seen.get("tokenbeat_probe_inflight", &[]), 1.0);
    assert_eq!(seen.get("tokenbeat_probe_attempts_total", &[]), 0.0);
    // One that was only changed keeps its series, and its late beats count there.
    sink.add_probe(&ProbeSeries { key: key(), ..series(vec![interactive()]) });
    sink.beat(&Beat { key: next, ..judged(115) });
    let seen = samples(&sink);
    assert_eq!(seen.get("tokenbeat_probe_inflight", &[]), 0.0);
    assert_eq!(seen.get("tokenbeat_probe_attempts_total", &[]), 1.0);
}

#[test]
fn a_beat_counts_under_the_slo_it_was_held_against() {
    let sink = probed();
    let other = || slo("other", &[(Metric::Ttft, 500)]);
    sink.add_probe(&series(vec![other(), interactive()]));
    let late = Beat { verdicts: vec![Some(State::Pass)], ..judged(100) };
    sink.beat(&late);
    let of = |name: &str, slo| samples(&sink).get(name, &[("slo", slo)]);
    assert_eq!(of("tokenbeat_slo_requests_total", "other"), 0.0);
    assert_eq!(of("tokenbeat_slo_requests_total", "interactive"), 1.0);
    let pass =
        |slo| samples(&sink).get("tokenbeat_slo_verdict", &[("slo", slo), ("state", "pass")]);
    assert_eq!((pass("other"), pass("interactive")), (0.0, 1.0));
    // Of the same name, but not the same.
    sink.add_probe(&series(vec![slo("interactive", &[(Metric::Ttft, 9), (Metric::Tpot, 30)])]));
    sink.beat(&late);
    sink.beat(&beat(130, Outcome::Aborted));
    assert_eq!(of("tokenbeat_slo_requests_total", "interactive"), 1.0);
    let aborted = [("slo", "interactive"), ("reason", "aborted")];
    assert_eq!(samples(&sink).get("tokenbeat_slo_excluded_requests_total", &aborted), 0.0);
    assert_eq!(pass("interactive"), 0.0);
}

#[test]
fn a_verdict_starts_anew_with_what_it_rests_on() {
    let sink = probed();
    let state = |state| samples(&sink).get("tokenbeat_slo_verdict", &[("state", state)]);
    let pass = || sink.beat(&Beat { verdicts: vec![Some(State::Pass)], ..judged(100) });
    pass();
    sink.add_probe(&series(vec![interactive()]));
    assert_eq!((state("pass"), state("not_enough_data")), (1.0, 0.0), "nothing changed");
    let often = series(vec![interactive()]);
    sink.add_probe(&ProbeSeries { interval: often.interval / 2, ..often });
    assert_eq!((state("pass"), state("not_enough_data")), (0.0, 1.0), "another interval");
    pass();
    sink.add_probe(&series(vec![slo("interactive", &[(Metric::Ttft, 9), (Metric::Tpot, 30)])]));
    assert_eq!((state("pass"), state("not_enough_data")), (0.0, 1.0), "another threshold");
}

#[test]
fn changed_thresholds_restart_their_histograms_only() {
    let sink = probed();
    sink.beat(&judged(100));
    sink.add_probe(&series(vec![interactive()]));
    assert_eq!(samples(&sink).get("tokenbeat_probe_ttft_seconds_count", &[]), 1.0);
    sink.add_probe(&series(vec![slo("interactive", &[(Metric::Ttft, 620), (Metric::Tpot, 30)])]));
    let samples = samples(&sink);
    assert_eq!(samples.get("tokenbeat_probe_ttft_seconds_count", &[]), 0.0);
    assert_eq!(samples.get("tokenbeat_probe_ttft_seconds_bucket", &[("le", "0.62")]), 0.0);
    assert_eq!(samples.get("tokenbeat_probe_tpot_seconds_count", &[]), 1.0);
    assert_eq!(samples.get("tokenbeat_probe_attempts_total", &[]), 1.0);
    assert_eq!(samples.get("tokenbeat_slo_requests_total", &[]), 1.0);
    assert_eq!(samples.get("tokenbeat_slo_threshold_seconds", &[("metric", "ttft")]), 0.62);
}

/// What needs our view and the engine's.
const JOINED: [&str; 2] = ["tokenbeat_probe_engine_ttft_ratio", "tokenbeat_probe_window_cause"];

#[test]
fn a_subject_costs_at_most_280_series() {
    let subject = key();
    let sink = sink();
    let samples = samples(&sink);
    // Sweeps and telemetry have budgets of their own.
    let telemetry = |name: &str| name.starts_with("tokenbeat_engine_") || JOINED.contains(&name);
    let of_it = |(name, labels): &&exposition::Key| {
        labels.contains_key("model") && !labels.contains_key("sweep") && !telemetry(name)
    };
    let series = samples.values.keys().filter(of_it).count();
    assert!(series <= 280, "{series} series of {subject:?}");
}

#[test]
fn telemetry_costs_at_most_20_series_an_engine_52_a_gpu_and_10_a_probe() {
    let samples = samples(&sink());
    let of = |label: &str, prefix: &str| {
        let has = |(name, labels): &&exposition::Key| {
            name.starts_with(prefix) && labels.contains_key(label)
        };
        samples.values.keys().filter(has).count()
    };
    let (engine, gpu) = (of("target", "tokenbeat_engine_"), of("gpu", "tokenbeat_gpu_"));
    // One program has it here, of at most eight.
    let gpu = gpu + 8 - of("process", "tokenbeat_gpu_process_memory_bytes");
    assert!((16..=20).contains(&engine) && (40..=52).contains(&gpu), "{engine}, {gpu}");
    let joined = samples.values.keys().filter(|(name, _)| JOINED.contains(&&**name)).count();
    assert_eq!(joined, 10, "one ratio, and while the probe is degraded each cause");
}

#[test]
fn beats_scrapes_and_reloads_go_together() {
    let sink = Arc::new(probed());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let sink = Arc::clone(&sink);
            scope.spawn(move || {
                for beat in 0..50 {
                    sink.started(&key());
                    sink.beat(&judged(thread * 50 + beat));
                }
            });
        }
        let sink = Arc::clone(&sink);
        scope.spawn(move || {
            for _ in 0..10 {
                sink.add_probe(&series(vec![interactive()]));
                sink.set_target(&key().target, &key().model, Api::OpenaiChat, &BTreeMap::new());
                assert!(!body(&sink, PROTOBUF).is_empty());
            }
        });
    });
    let samples = samples(&sink);
    assert_eq!(samples.get("tokenbeat_probe_attempts_total", &[]), 200.0);
    assert_eq!(samples.get("tokenbeat_probe_ttft_seconds_count", &[]), 200.0);
    assert_eq!(samples.get("tokenbeat_probe_inflight", &[]), 0.0);
    assert_eq!(samples.get("tokenbeat_probe_last_success_timestamp_seconds", &[]), 199.0);
}

#[test]
fn promtool_finds_nothing_to_say() {
    let Some(promtool) = externals::external("promtool_finds_nothing_to_say", "promtool") else {
        return;
    };
    let mut check = Command::new(promtool)
        .args(["check", "metrics", "--extended"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool starts");
    let mut stdin = check.stdin.take().expect("piped");
    stdin.write_all(&body(&sink(), "text/plain")).expect("promtool reads");
    drop(stdin);
    let output = check.wait_with_output().expect("promtool ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
    assert!(String::from_utf8_lossy(&output.stdout).contains("tokenbeat_probe_ttft_seconds"));
}
