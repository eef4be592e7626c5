//! What engines and GPUs tell, on the page and in the API.

use tokenbeat::{
    event::{Cause, CauseRecord, Degraded, EngineFacts, ProbeWindow, TelemetrySource},
    web::WebOptions,
};

use crate::{
    http::site,
    planted::{key, recent, view},
};

#[tokio::test]
async fn a_cause_is_shown_with_its_numbers_and_nothing_where_all_is_well() {
    let (recent, key) = (recent(), key("t", "m", "p"));
    recent.add_probe(key.clone(), view(Vec::new()));
    let site = site(WebOptions::default(), &recent).await;
    let page = site.get("/").await.body;
    assert!(!page.contains("class=\"cause\"") && !page.contains("id=\"telemetry\""), "{page}");
    let probes = site.get("/api/v1/probes").await.body;
    assert!(!probes.contains("degraded"), "{probes}");

    let evidence = [("queue_mean".to_owned(), 0.8), ("missed_mean".to_owned(), 1.0)];
    let cause =
        CauseRecord { cause: Cause::Queue, missed: "ttft".to_owned(), evidence: evidence.into() };
    let (slo, objective_ratio) = ("<b>fast</b>".to_owned(), 0.95);
    let degraded = Degraded { slo, objective_ratio, judged: 10, misses: 7, cause };
    let window = ProbeWindow { judged: 10, degraded: Some(degraded), ..ProbeWindow::default() };
    site.beside.windows.lock().expect("free").insert(key, window);
    let source = TelemetrySource {
        source: "engine",
        name: "vllm".to_owned(),
        version: "<i>0.9</i>".to_owned(),
        facts: EngineFacts { max_model_tokens: Some(2_048), ..EngineFacts::default() },
        read_unix_nanos: Some(0),
        error: Some("<u>refused</u>".to_owned()),
    };
    site.beside.sources.lock().expect("free").insert("t".into(), vec![source]);

    let page = site.get("/").await.body;
    for words in [
        "<b>queue</b>",
        "requests waited in the engine&#39;s queue",
        "7 of the last 10 beats missed &#60;b&#62;fast",
        "objective 95 % · missed ttft · missed_mean 1.00 s · queue_mean 800 ms",
        "<span>800 ms of 1.00 s, on average</span>",
        "vllm &#60;i&#62;0.9",
        "&#60;u&#62;refused",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<i>0.9") && !page.contains("<u>") && !page.contains("<b>fast"));
    let probes: serde_json::Value =
        serde_json::from_str(&site.get("/api/v1/probes").await.body).expect("JSON");
    let degraded = &probes[0]["window"]["degraded"];
    assert_eq!((&degraded["cause"], &degraded["misses"]), (&"queue".into(), &7.into()));
    assert_eq!(degraded["evidence"]["queue_mean"], 0.8);
    let targets: serde_json::Value =
        serde_json::from_str(&site.get("/api/v1/targets").await.body).expect("JSON");
    assert_eq!(targets[0]["subjects"][0]["cause"], "queue");
    let source = &targets[0]["telemetry"][0];
    assert_eq!((&source["max_model_tokens"], source.get("model")), (&2_048.into(), None));
    assert_eq!(
        (&source["up"], &source["read_at"]),
        (&false.into(), &"1970-01-01T00:00:00.000Z".into())
    );
}
