//! What a collector gets is what `/metrics` shows, to the last sample.

use std::collections::{BTreeMap, BTreeSet};

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::MetricFamily;
use tokenbeat::measure::catalogue::{CATALOGUE, Unit};

use crate::{
    collector::{Collector, Reply, Speaks},
    daemon::until,
    exposition,
    otlp_samples::{self, Exported},
    site::{self, Site},
};

/// What the export counts of itself: it moves with every export.
const OWN: &str = "tokenbeat_otlp_exports_total";

#[test]
fn every_sample_of_a_scrape_is_exported_with_its_value() {
    for (speaks, more) in [
        (Speaks::Grpc, ""),
        (Speaks::Grpc, ", compression: gzip"),
        (Speaks::Http, ""),
        (Speaks::Http, ", compression: gzip"),
    ] {
        let collector = Collector::start(speaks, None, &[Reply::Take]);
        let mut site = Site::new();
        site.apply(&site::config(speaks, &collector.url(), more));
        until("an export", || (site.exports("ok") >= 1.0).then_some(()));
        let exported = otlp_samples::read(&collector.metrics()[..1]);
        let mut scraped = scrape(&site);
        scraped.types.retain(|name, _| name != OWN);
        scraped.values.retain(|(name, labels), _| name != OWN && !labels.contains_key("le"));
        let mut found = exported.samples;
        found.types.retain(|name, _| name != OWN);
        found.values.retain(|(name, _), _| name != OWN);
        assert!(scraped.values.len() > 200, "{}", scraped.values.len());
        assert_eq!(found, scraped, "{speaks:?}{more}");
        let families = families(&site);
        assert_eq!(exported.natives, otlp_samples::natives(&families), "{speaks:?}{more}");
        assert_eq!(exported.exemplars, otlp_samples::exemplars(&families), "{speaks:?}{more}");
        let traced: BTreeSet<_> = exported.exemplars.keys().map(|(name, _)| &**name).collect();
        assert!(traced.contains("tokenbeat_probe_ttft_seconds"), "{traced:?}");
        assert!(traced.contains("tokenbeat_probe_failures_total"), "{traced:?}");
        assert!(exported.natives.values().any(|one| one.positive.len() > 1), "some have buckets");
    }
}

#[test]
fn the_resource_says_who_exports() {
    let collector = Collector::start(Speaks::Grpc, None, &[Reply::Take]);
    let mut site = Site::new();
    let more = ", resource: {deployment.environment.name: prod}";
    site.apply(&site::config(Speaks::Grpc, &collector.url(), more));
    let first = until("an export", || collector.metrics().into_iter().next());
    let exported = otlp_samples::read(&[first]);
    let mut resource = exported.resource.clone();
    let instance = resource.remove("service.instance.id").expect("an instance");
    assert_eq!(instance.len(), 36);
    let expected = [
        ("cluster", "eu-west-1"),
        ("deployment.environment.name", "prod"),
        ("service.name", "tokenbeat"),
        ("service.version", env!("CARGO_PKG_VERSION")),
    ];
    let expected: BTreeMap<_, _> =
        expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    assert_eq!(resource, expected);
    assert_units(&exported);
    assert!(!exported.spans.is_empty());
    for (start, time) in &exported.spans {
        assert!(0 < *start && start <= time, "{start} {time}");
    }
}

#[test]
fn the_words_of_the_conventions_are_a_second_name_for_the_same() {
    let collector = Collector::start(Speaks::Grpc, None, &[Reply::Take]);
    let mut site = Site::new();
    site.apply(&site::config(Speaks::Grpc, &collector.url(), ", semconv: gen_ai"));
    let first = until("an export", || collector.metrics().into_iter().next());
    let exported = otlp_samples::read(&[first]).samples;
    for (theirs, ours) in [
        ("gen_ai.client.inference.duration_count", "tokenbeat_probe_e2e_seconds_count"),
        ("gen_ai.client.inference.duration_sum", "tokenbeat_probe_e2e_seconds_sum"),
        ("gen_ai.client.inference.time_to_first_chunk_sum", "tokenbeat_probe_ttft_seconds_sum"),
        ("gen_ai.client.inference.usage.output_tokens", "tokenbeat_probe_output_tokens_total"),
    ] {
        let value = exported.get(theirs, &[("gen_ai.operation.name", "chat")]);
        assert!(value > 0.0 && value == exported.get(ours, &[]), "{theirs}: {value}");
    }
}

fn assert_units(exported: &Exported) {
    for (name, unit) in &exported.units {
        let row = CATALOGUE.iter().find(|row| row.name == name).expect("a row of the catalogue");
        let expected = match row.unit {
            Unit::Seconds => "s",
            Unit::Bytes => "By",
            _ => "",
        };
        // Further units of the contract end the names that have them.
        let further = ["J", "W", "Hz", "Cel"].contains(&unit.as_str());
        assert!(unit == expected || further, "{name}: {unit}");
    }
}

fn scrape(site: &Site) -> exposition::Samples {
    let body = site.prometheus.render(None, None).expect("rendered").body;
    exposition::text(&String::from_utf8(body).expect("text"))
}

fn families(site: &Site) -> Vec<MetricFamily> {
    let accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                  encoding=delimited";
    let body = site.prometheus.render(Some(accept), None).expect("rendered").body;
    exposition::families(&body)
}
