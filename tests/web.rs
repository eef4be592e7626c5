//! The web side over real sockets: what it answers, what it refuses, and what it never shows.

#[path = "web/beside.rs"]
mod beside;
#[path = "web/http.rs"]
mod http;
#[path = "web/planted.rs"]
mod planted;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use http::{ask, exposition, site, site_with};
use planted::{dues, failed, key, ok, recent, slo, spoiled, view};
use tokenbeat::{
    clock::Stamp,
    event::BeatKey,
    sinks::recent::ProbeView,
    timeline::{EngineTold, Outcome, Spent},
    web::{Command, Content, Gate, ProbeRefused, Readiness, RoutePrefix, WebOptions},
};
use tokio::{io::AsyncReadExt, net::TcpStream};

const MS: Duration = Duration::from_millis(1);

fn open() -> WebOptions {
    WebOptions { probe: Gate::Open, lifecycle: Gate::Open, ..WebOptions::default() }
}

#[tokio::test]
async fn readiness_follows_the_daemon_and_health_does_not() {
    let site = site(WebOptions::default(), &recent()).await;
    for (readiness, status) in
        [(Readiness::Starting, 503), (Readiness::Ready, 200), (Readiness::Stopping, 503)]
    {
        site.status.send_modify(|daemon| daemon.readiness = readiness);
        let ready = site.get("/-/ready").await;
        assert_eq!(ready.status, status, "{readiness:?}");
        assert!(ready.body.contains(readiness.as_str()));
        assert_eq!(site.get("/-/healthy").await.status, 200);
    }
}

#[tokio::test]
async fn metrics_get_the_preferences_of_the_scraper() {
    let site = site(WebOptions::default(), &recent()).await;
    let headers = "accept: a/b\r\naccept: c/d\r\naccept-encoding: gzip\r\n";
    let answer = ask(site.port, "GET", "/metrics", headers).await;
    assert_eq!(answer.body, "# Some(\"a/b, c/d\") Some(\"gzip\")\n");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4"));
}

#[tokio::test]
async fn health_answers_while_scrapes_are_rendered() {
    // A rendering ends only when health has been asked; the test has one worker, as the daemon.
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let metrics = move |_: Option<&str>, _: Option<&str>| {
        let gate = gate.lock().expect("no rendering panics");
        let waited = gate.recv_timeout(Duration::from_secs(5));
        Ok(exposition(format!("# {}\n", waited.is_ok())))
    };
    let site = site_with(WebOptions::default(), &recent(), Arc::new(metrics)).await;
    let scrape = || site.get("/metrics");
    let health = async {
        let answer = site.get("/-/healthy").await;
        for _ in 0..3 {
            go.send(()).expect("the source is there");
        }
        answer
    };
    let (one, two, three, healthy) = tokio::join!(scrape(), scrape(), scrape(), health);
    assert_eq!(healthy.status, 200);
    for answer in [one, two, three] {
        assert_eq!(answer.body, "# true\n");
    }
}

#[tokio::test]
async fn every_answer_carries_the_guarding_headers() {
    let site = site(WebOptions::default(), &recent()).await;
    for path in ["/", "/metrics", "/api/v1/status", "/nowhere", "/probe", "/-/healthy"] {
        let answer = site.get(path).await;
        let policy = answer.header("content-security-policy").expect("a policy");
        assert!(policy.contains("default-src 'self'"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test]
async fn reload_is_guarded() {
    let closed = site(WebOptions::default(), &recent()).await;
    let refused = ask(closed.port, "POST", "/-/reload", "").await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("--web.enable-lifecycle"));

    let site = site(open(), &recent()).await;
    let get = site.get("/-/reload").await;
    assert_eq!((get.status, get.header("allow")), (405, Some("POST, PUT")));
    let foreign = ask(site.port, "POST", "/-/reload", "sec-fetch-site: cross-site\r\n").await;
    assert_eq!(foreign.status, 403);
    let large = ask(site.port, "POST", "/-/reload", "content-length: 999999\r\n").await;
    assert_eq!(large.status, 413);
}

#[tokio::test]
async fn a_page_of_another_site_commands_nothing() {
    let site = site(open(), &recent()).await;
    for headers in [
        "origin: http://elsewhere\r\n",
        "origin: http://test:81\r\n",
        "origin: null\r\n",
        "referer: http://elsewhere/test\r\n",
        "sec-fetch-site: cross-site\r\norigin: http://test\r\n",
    ] {
        for (method, path) in [("POST", "/-/reload"), ("PUT", "/-/reload"), ("GET", "/probe")] {
            assert_eq!(ask(site.port, method, path, headers).await.status, 403, "{headers}");
        }
        assert_eq!(ask(site.port, "GET", "/metrics", headers).await.status, 200, "{headers}");
    }
    for headers in
        ["origin: http://test\r\n", "origin: https://test\r\n", "referer: http://test:80/a\r\n"]
    {
        let asked = ask(site.port, "GET", "/probe?target=nobody", headers).await;
        assert_eq!(asked.status, 404, "{headers}: {}", asked.body);
    }
}

#[tokio::test]
async fn reload_asks_the_daemon_and_says_what_it_says() {
    let mut site = site(open(), &recent()).await;
    for (result, status, words) in [
        (Some(Ok(())), 200, "reloaded"),
        (Some(Err("a.yml:3:1: unknown key".to_owned())), 500, "a.yml:3:1: unknown key"),
        (None, 503, "stopping"),
    ] {
        let daemon = async {
            match (site.commands.recv().await, result) {
                (Some(Command::Reload { reply }), Some(result)) => {
                    reply.send(result).expect("the handler waits");
                }
                (command, _) => drop(command),
            }
        };
        let (answer, ()) = tokio::join!(ask(site.port, "PUT", "/-/reload", ""), daemon);
        assert_eq!(answer.status, status);
        assert!(answer.body.contains(words), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_probe_on_demand_is_off_by_default() {
    let recent = recent();
    recent.add_probe(key("t", "m", "p"), view(Vec::new()));
    let answer = site(WebOptions::default(), &recent).await.get("/probe?target=t").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("--web.enable-probe"));
}

#[tokio::test]
async fn only_one_configured_probe_can_be_meant() {
    let recent = recent();
    for model in ["small", "large"] {
        recent.add_probe(key("t", model, "p"), view(Vec::new()));
    }
    let site = site(open(), &recent).await;
    for (query, status, words) in [
        ("target=http://10.0.0.1/", 404, "target=\"t\" model=\"small\""),
        ("target=t", 400, "target=\"t\" model=\"large\""),
        ("target=t&modle=small", 400, "modle"),
        ("target=t&debug=perhaps", 400, "debug"),
    ] {
        let answer = site.get(&format!("/probe?{query}")).await;
        assert_eq!(answer.status, status, "{query}");
        assert!(answer.body.contains(words), "{query}: {}", answer.body);
    }
    assert_eq!(ask(site.port, "HEAD", "/probe?target=t", "").await.status, 405);
    let patience = "x-prometheus-scrape-timeout-seconds: soon\r\n";
    assert_eq!(ask(site.port, "GET", "/probe?target=t", patience).await.status, 400);
}

#[tokio::test]
async fn a_probe_on_demand_answers_with_gauges_of_its_beat() {
    let recent = recent();
    let (key, slos) = (key("t", "m", "p"), vec![slo("a\"b\\c", 500, 30)]);
    recent.add_probe(key.clone(), view(slos.clone()));
    let mut site = site(open(), &recent).await;
    let daemon = async {
        let Some(Command::Probe { key, timeout, reply }) = site.commands.recv().await else {
            panic!("no probe was asked for")
        };
        assert_eq!(timeout, 4_500 * MS);
        reply.send(Ok(Box::new(ok(&key, 1, 250 * MS, 40 * MS, &slos))));
    };
    let headers = "x-prometheus-scrape-timeout-seconds: 5\r\n";
    let (answer, ()) = tokio::join!(ask(site.port, "GET", "/probe?target=t", headers), daemon);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    for line in [
        "tokenbeat_probe_success 1",
        "tokenbeat_probe_outcome{outcome=\"ok\"} 1",
        "tokenbeat_probe_ttft_seconds 0.25",
        "tokenbeat_probe_tpot_seconds 0.04",
        "tokenbeat_probe_duration_seconds 0.89",
        "tokenbeat_probe_phase_seconds{phase=\"wait\"} 0.125",
        "tokenbeat_probe_slo_good{slo=\"a\\\"b\\\\c\"} 0",
        "# TYPE tokenbeat_probe_ttft_seconds gauge",
    ] {
        assert!(answer.body.lines().any(|other| other == line), "{line}\n{}", answer.body);
    }
    assert!(!answer.body.contains("reasoning"), "an undefined value is absent");
}

#[tokio::test]
async fn a_trace_shows_the_answer_only_where_that_is_allowed() {
    let recent = recent();
    let key = key("t", "m", "p");
    recent.add_probe(key.clone(), view(Vec::new()));
    for (content, shown) in [(Content::Hidden, false), (Content::Shown, true)] {
        let mut site = site(WebOptions { content, ..open() }, &recent).await;
        let daemon = async {
            let Some(Command::Probe { key, reply, .. }) = site.commands.recv().await else {
                panic!("no probe was asked for")
            };
            let mut beat = ok(&key, 1, 250 * MS, 40 * MS, &[]);
            beat.exchange.text = Some("planted-answer".into());
            let mut told = EngineTold::default();
            told.cached_tokens = Some(77);
            told.note(Spent::Prefill, Duration::from_millis(123));
            beat.exchange.timeline.told = Some(told);
            reply.send(Ok(Box::new(beat)));
        };
        let path = "/probe?target=t&debug=true";
        let (answer, ()) = tokio::join!(ask(site.port, "GET", path, ""), daemon);
        assert_eq!(answer.body.contains("planted-answer"), shown);
        let id = beat_id(1);
        for words in [
            "+250.000 ms",
            "waited 0.030 ms",
            "kernel",
            "refused_field",
            "deadline",
            "# told by the engine in its answer\nprefill              123 ms\ncached tokens        77\n",
            &id,
            "# spans",
        ] {
            assert!(answer.body.contains(words), "{words}\n{}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_subject_has_one_probe_in_flight_and_a_slow_one_is_given_up() {
    let recent = recent();
    recent.add_probe(key("t", "m", "p"), view(Vec::new()));
    recent.add_probe(key("t", "m", "other"), view(Vec::new()));
    let mut site = site(open(), &recent).await;
    let headers = "x-prometheus-scrape-timeout-seconds: 0.2\r\n";
    let path = "/probe?target=t&probe=p";
    let (slow, held) =
        tokio::join!(ask(site.port, "GET", path, headers), async { site.commands.recv().await });
    assert_eq!(slow.status, 504);
    // The daemon still holds the command: its tokens are being spent.
    let busy = ask(site.port, "GET", "/probe?target=t&probe=other", "").await;
    assert_eq!(busy.status, 429);
    let Some(Command::Probe { reply, .. }) = held else { panic!("no probe was asked for") };
    reply.send(Err(ProbeRefused::Stopping));
    let daemon = async {
        if let Some(Command::Probe { reply, .. }) = site.commands.recv().await {
            reply.send(Err(ProbeRefused::Budget));
        }
    };
    let (spent, ()) = tokio::join!(ask(site.port, "GET", path, ""), daemon);
    assert_eq!(spent.status, 429);
    assert!(spent.body.contains("budget"));
}

#[tokio::test]
async fn hostile_names_are_text() {
    let recent = recent();
    let evil = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let (key, slos) = (key(evil, evil, evil), vec![slo(evil, 500, 30)]);
    recent.add_probe(key.clone(), view(slos.clone()));
    for due in dues(&recent, 3) {
        recent.beat(&failed(&key, due, Outcome::Http5xx, evil, &slos));
    }
    let site = site(open(), &recent).await;
    site.traces.set_targets([&key.target].into_iter());
    let mut beat =
        failed(&key, dues(&recent, 1).next().expect("one"), Outcome::Http5xx, evil, &slos);
    beat.exchange.timeline.attempt_start = Some(Stamp::from_nanos(1_000_000_000));
    site.traces.beat(&beat);
    site.status.send_modify(|daemon| daemon.reload_error = Some(evil.to_owned()));
    let query = "%3Cscript%3Ealert(1)%3C/script%3E%22%27";
    for path in [
        "/".to_owned(),
        "/?fragment=live".to_owned(),
        format!("/?q={query}"),
        "/x/\"'%3Cscript%3E".to_owned(),
    ] {
        let answer = site.get(&path).await;
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(!answer.body.contains("<script>"), "{path}");
        assert!(!answer.body.contains("<img src=x"), "{path}");
        assert!(!answer.body.contains("\"'"), "{path}: a quote could end an attribute");
    }
    let page = site.get("/").await.body;
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
    // Elsewhere the same names are shown, under types that no browser runs.
    for path in ["/api/v1/probes", "/api/v1/traces"] {
        let json = site.get(path).await;
        assert_eq!(json.header("content-type"), Some("application/json"));
        assert!(json.body.contains("script"), "{path}");
    }
    let names = site.get("/probe?target=nobody").await;
    assert_eq!(names.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn the_answer_of_a_model_is_on_no_page() {
    let recent = recent();
    let key = key("t", "m", "p");
    recent.add_probe(key.clone(), view(Vec::new()));
    for due in dues(&recent, 2) {
        let mut beat = ok(&key, due, 250 * MS, 20 * MS, &[]);
        beat.exchange.text = Some("planted-answer".into());
        recent.beat(&beat);
    }
    let site = site(WebOptions { content: Content::Shown, ..open() }, &recent).await;
    for path in ["/", "/api/v1/probes", "/api/v1/targets", "/api/v1/status", "/metrics"] {
        let answer = site.get(path).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.body.contains("planted-answer"), "{path}");
    }
}

#[tokio::test]
async fn the_last_failures_of_each_target_say_where_their_time_went() {
    let recent = recent();
    let (quiet, noisy) = (key("quiet", "m", "p"), key("noisy", "m", "p"));
    let site = site(WebOptions::default(), &recent).await;
    site.traces.set_targets([&quiet.target, &noisy.target].into_iter());
    let slos = vec![slo("interactive", 500, 30)];
    let waited_in_vain = |key: &Arc<BeatKey>, due: i64| {
        let mut beat = failed(key, due, Outcome::TimeoutFirstToken, "no token within 2 s", &slos);
        let at = |millis: u64| Some(Stamp::from_nanos(1_000_000_000 + millis * 1_000_000));
        let timeline = &mut beat.exchange.timeline;
        (timeline.sent_start, timeline.attempt_start, timeline.connected) = (at(0), at(0), at(3));
        (timeline.sent, timeline.closed) = (at(4), at(2_004));
        beat
    };
    for key in [&quiet, &noisy] {
        recent.add_probe(key.clone(), view(slos.clone()));
    }
    let mut times: Vec<_> = dues(&recent, 40).collect();
    times.reverse();
    for (at, due) in times.iter().enumerate() {
        if at == 0 {
            site.traces.beat(&waited_in_vain(&quiet, *due));
        } else {
            site.traces.beat(&waited_in_vain(&noisy, *due));
        }
    }
    site.traces.beat(&ok(&quiet, times[1], 900 * MS, 20 * MS, &slos));
    site.traces.beat(&ok(&quiet, times[2], 90 * MS, 20 * MS, &slos));

    let page = site.get("/").await.body;
    for words in [
        "1 remembered",
        "20 remembered",
        "</i>connect 3.00 ms",
        "✗ wait</b> 2.00 s",
        "no token within",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(page.contains(&format!("api/v1/traces/{}", beat_id(times[0]))), "{page}");

    let list = async |query: &str| {
        let answer = site.get(&format!("/api/v1/traces{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        serde_json::from_str::<serde_json::Value>(&answer.body).expect("JSON")
    };
    let kept: Vec<_> = ["failed", "missed", "sampled"].into_iter().collect();
    let mut counts = Vec::new();
    for kind in kept {
        let of = async |target: &str| list(&format!("?target={target}&kept={kind}")).await;
        let count = |traces: serde_json::Value| traces.as_array().map(Vec::len);
        counts.push((count(of("quiet").await), count(of("noisy").await)));
    }
    assert_eq!(counts, [(Some(1), Some(20)), (Some(1), Some(0)), (Some(0), Some(0))]);
    let newest = &list("?limit=1").await[0];
    assert_eq!(newest["trace_id"], beat_id(times[39]), "the latest first");
    let one = site.get(&format!("/api/v1/traces/{}", beat_id(times[0]))).await.body;
    let one: serde_json::Value = serde_json::from_str(&one).expect("JSON");
    assert_eq!((&one["target"], &one["kept"]), (&"quiet".into(), &"failed".into()));
    let spans = one["spans"].as_array().expect("spans");
    let names: Vec<_> = spans.iter().filter_map(|span| span["name"].as_str()).collect();
    assert_eq!(names, ["beat", "connect", "send", "wait"]);
    assert_eq!(spans[3]["duration_seconds"], 2.0);
    assert_eq!(spans[3]["error"], "timeout_first_token");
    assert_eq!(spans[3]["parent_id"], spans[0]["span_id"]);
    assert_eq!(spans[0]["attributes"]["tokenbeat.slo_missed"], "interactive");

    for (path, status) in [
        ("/api/v1/traces?kept=lost", 400),
        ("/api/v1/traces?targets=t", 400),
        ("/api/v1/traces/abc", 400),
        ("/api/v1/traces/00000000000000000000000000000abc", 404),
    ] {
        assert_eq!(site.get(path).await.status, status, "{path}");
    }
}

/// The id of the trace of a planted beat.
fn beat_id(due: i64) -> String {
    format!("{due:032x}")
}

#[tokio::test]
async fn a_planted_secret_is_on_no_page() {
    let target = planted::target("https://llm.example.org/planted-secret/v1");
    let recent = recent();
    let key = key("t", "m", "p");
    recent.add_probe(key.clone(), ProbeView::of(&target, &planted::probe(&target)));
    for due in dues(&recent, 2) {
        recent.beat(&ok(&key, due, 250 * MS, 20 * MS, &[]));
    }
    let mut site = site(WebOptions { content: Content::Shown, ..open() }, &recent).await;
    site.traces.set_targets([&key.target].into_iter());
    for due in dues(&recent, 2) {
        site.traces.beat(&failed(&key, due, Outcome::Http5xx, "busy", &[]));
    }
    for path in ["/", "/api/v1/probes", "/api/v1/targets", "/api/v1/traces", "/probe?target=nobody"]
    {
        let answer = site.get(path).await;
        assert!(!answer.body.contains("planted-secret"), "{path}");
    }
    assert!(site.get("/").await.body.contains("https://llm.example.org,"));
    let daemon = async {
        if let Some(Command::Probe { key, reply, .. }) = site.commands.recv().await {
            reply.send(Ok(Box::new(ok(&key, 1, 250 * MS, 20 * MS, &[]))));
        }
    };
    let path = "/probe?target=t&debug=true";
    let (trace, ()) = tokio::join!(ask(site.port, "GET", path, ""), daemon);
    assert!(trace.body.contains("https://llm.example.org"));
    assert!(!trace.body.contains("planted-secret"));
}

#[tokio::test]
async fn the_page_says_how_every_probe_stands() {
    let recent = recent();
    let slos = vec![slo("interactive", 500, 30)];
    let names = ["good", "slow", "dead", "new"].map(|target| key(target, "m", "p"));
    for key in &names {
        recent.add_probe(key.clone(), view(slos.clone()));
    }
    for due in dues(&recent, 5) {
        recent.beat(&ok(&names[0], due, 250 * MS, 20 * MS, &slos));
        recent.beat(&ok(&names[1], due, 900 * MS, 20 * MS, &slos));
        recent.beat(&failed(&names[2], due, Outcome::Connect, "connection refused", &slos));
    }
    let site = site(WebOptions::default(), &recent).await;
    let page = site.get("/").await.body;
    for words in [
        "1 failing, 1 degraded, 1 waiting, 1 ok",
        "250 ms",
        "900 ms",
        "connection refused",
        "100 %",
        "0.0 %",
        "p50 <b>∞</b>",
        "class=\"limit\"",
    ] {
        assert!(page.contains(words), "{words}\n{page}");
    }
    let only = site.get("/?fragment=live&state=failing").await.body;
    assert!(only.contains("dead") && !only.contains("good<"), "{only}");
    assert!(!only.contains("<html"));

    let status: serde_json::Value =
        serde_json::from_str(&site.get("/api/v1/status").await.body).expect("JSON");
    assert_eq!(status["probes_by_state"]["degraded"], 1);
    assert_eq!(status["targets"], 4);
    let probes: serde_json::Value =
        serde_json::from_str(&site.get("/api/v1/probes?target=dead").await.body).expect("JSON");
    assert_eq!(probes[0]["ttft"]["p50"]["infinite"], true);
    assert_eq!(probes[0]["failures"].as_array().map(Vec::len), Some(5));
    assert_eq!(probes[0]["slos"][0]["judged"], 5);
}

#[tokio::test]
async fn a_probe_that_cannot_be_measured_does_not_look_healthy() {
    let recent = recent();
    let key = key("t", "m", "p");
    recent.add_probe(key.clone(), view(Vec::new()));
    let why = "cannot read the secret file <key>";
    let mut times: Vec<_> = dues(&recent, 2).collect();
    times.sort_unstable();
    recent.beat(&ok(&key, times[0], 250 * MS, 20 * MS, &[]));
    recent.beat(&failed(&key, times[1], Outcome::Local, why, &[]));
    let site = site(WebOptions::default(), &recent).await;
    let page = site.get("/").await.body;
    for words in
        ["1 unmeasured", "state-unmeasured", "Unmeasured: ", "cannot read the secret file &#60;key"]
    {
        assert!(page.contains(words), "{words}\n{page}");
    }
    assert!(site.get("/?fragment=live&state=unmeasured").await.body.contains("1 unmeasured"));
    for path in ["/api/v1/probes", "/api/v1/targets", "/api/v1/status"] {
        let answer = site.get(path).await.body;
        let json: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let subject = if path.ends_with("targets") { &json[0]["subjects"][0] } else { &json[0] };
        if path.ends_with("status") {
            assert_eq!(json["probes_by_state"]["unmeasured"], 1, "{answer}");
        } else {
            assert_eq!(subject["state"], "unmeasured", "{answer}");
            assert_eq!(subject["reason"], why, "{answer}");
        }
    }
}

#[tokio::test]
async fn a_spoiled_beat_is_shown_and_judges_nothing() {
    let recent = recent();
    let (key, slos) = (key("t", "m", "p"), vec![slo("interactive", 500, 30)]);
    recent.add_probe(key.clone(), view(slos.clone()));
    let mut dues = dues(&recent, 3);
    let late = spoiled(ok(&key, dues.next().expect("a time"), 900 * MS, 20 * MS, &slos));
    recent.beat(&late);
    for due in dues {
        recent.beat(&ok(&key, due, 250 * MS, 20 * MS, &slos));
    }
    let page = site(WebOptions::default(), &recent).await.get("/").await.body;
    for words in ["the probe is ok", "spoiled by send_lag", "2/2, objective 95 %", "n 2"] {
        assert!(page.contains(words), "{words}\n{page}");
    }
}

#[tokio::test]
async fn everything_moves_under_the_route_prefix() {
    let route_prefix = RoutePrefix::new(Some("/bench"), None).expect("a prefix");
    let site = site(WebOptions { route_prefix, ..open() }, &recent()).await;
    for path in ["/", "/bench"] {
        let home = site.get(path).await;
        assert_eq!((home.status, home.header("location")), (308, Some("/bench/")));
    }
    for path in ["/bench/", "/bench/-/ready", "/bench/static/page.css", "/bench/metrics"] {
        assert_eq!(site.get(path).await.status, 200, "{path}");
    }
    assert_eq!(site.get("/metrics").await.status, 404);
}

#[tokio::test]
async fn what_is_not_there_is_said() {
    let site = site(open(), &recent()).await;
    let missing = site.get("/nowhere").await;
    assert_eq!(missing.status, 404);
    assert!(missing.body.contains("/nowhere"));
    assert_eq!(site.get("/static/../Cargo.toml").await.status, 404);
    assert_eq!(ask(site.port, "DELETE", "/metrics", "").await.status, 405);
}

#[tokio::test]
async fn an_occupied_port_is_an_error_of_the_start() {
    let site = site(open(), &recent()).await;
    let error = tokenbeat::web::bind(([127, 0, 0, 1], site.port).into()).await;
    let error = error.expect_err("the port is taken").to_string();
    assert!(error.starts_with(&format!("cannot listen on 127.0.0.1:{}", site.port)), "{error}");
}

#[tokio::test]
async fn sockets_that_say_nothing_lock_nobody_out() {
    let site = site(WebOptions::default(), &recent()).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(("127.0.0.1", site.port)).await.expect("a connection"));
    }
    // Less than the longest that a mute socket was ever left alone.
    let health = tokio::time::timeout(Duration::from_secs(20), site.get("/-/healthy")).await;
    assert_eq!(health.expect("nobody is locked out").status, 200);
    // The first to come was the first to go.
    let end = tokio::time::timeout(Duration::from_secs(30), idle[0].read(&mut [0])).await;
    assert_eq!(end.expect("in time").expect("an end"), 0);
}

#[tokio::test]
async fn a_running_answer_survives_the_shutdown() {
    let mut site = site(open(), &recent()).await;
    let daemon = async {
        let Some(Command::Reload { reply }) = site.commands.recv().await else {
            panic!("no reload was asked for")
        };
        site.shutdown.cancel();
        reply.send(Ok(())).expect("the handler waits");
    };
    let (answer, ()) = tokio::join!(ask(site.port, "POST", "/-/reload", ""), daemon);
    assert_eq!(answer.status, 200);
    site.served.await.expect("the server ends");
}
