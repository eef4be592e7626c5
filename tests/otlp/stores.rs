//! Real stores: what they hold is what `/metrics` shows.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tokenbeat::config;

use crate::{
    daemon::until,
    exposition::{self, Key, Samples},
    externals,
    site::Site,
};

/// What the export counts of itself: it moves with every export.
const OWN: &str = "tokenbeat_otlp_exports_total";

/// A store that runs; killed when it is dropped.
struct Store {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Store {
    /// Starts a program that takes its address and its folder as `arguments` say.
    fn start(program: &Path, arguments: impl Fn(SocketAddr, &Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // Should another take the port before the store does, the store ends and the next wait
        // says so.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr());
        let address = port.expect("a free port");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let child = Command::new(program)
            .args(arguments(address, folder.path()))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("the store starts");
        Self { child, address, folder }
    }

    /// The body of an answer with status 200; absent while there is none.
    fn get(&mut self, path: &str) -> Option<String> {
        let ended = self.child.try_wait().expect("asked");
        let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(ended.is_none(), "the store ended: {ended:?}\n{}", log());
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        (head.split(' ').nth(1) == Some("200")).then(|| body.to_owned())
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_real_victoria_metrics_holds_what_a_scrape_shows() {
    let test = "a_real_victoria_metrics_holds_what_a_scrape_shows";
    let Some(program) = externals::external(test, "victoria-metrics") else { return };
    let mut store = Store::start(&program, |address, folder| {
        vec![
            format!("-httpListenAddr={address}"),
            format!("-storageDataPath={}", folder.join("data").display()),
            // Infinite and unusual values are kept as they are; nothing calls home.
            "-search.latencyOffset=0s".to_owned(),
        ]
    });
    until("the store", || store.get("/health"));
    let mut site = Site::new();
    let config = format!(
        "telemetry: {{otlp: {{endpoint: \"http://{}/opentelemetry\", protocol: http, interval: 1h}}}}\n",
        store.address
    );
    site.apply(&config::load_str("test.yml", &config).expect("a configuration"));
    until("an export", || (site.exports("ok") >= 1.0).then_some(()));
    let expected = scraped(&site);
    let matching = url::form_urlencoded::byte_serialize(br#"{__name__=~"(tokenbeat|process)_.+"}"#);
    let path = format!("/api/v1/export?match[]={}", matching.collect::<String>());
    let held = until("everything in the store", || {
        let held = held(&store.get(&path)?);
        (held.len() >= expected.len()).then_some(held)
    });
    assert_eq!(held, expected);
}

/// What a scrape shows, but for classic buckets.
fn scraped(site: &Site) -> BTreeMap<Key, f64> {
    let body = site.prometheus.render(None, None).expect("rendered").body;
    let Samples { mut values, .. } = exposition::text(&String::from_utf8(body).expect("text"));
    values.retain(|(name, labels), _| name != OWN && !labels.contains_key("le"));
    values
}

/// The last value of every series of an export of the store, one a line; without its own buckets,
/// and without the labels of the resource and the scope.
fn held(lines: &str) -> BTreeMap<Key, f64> {
    let mut held = BTreeMap::new();
    for line in lines.lines() {
        let series: Value = serde_json::from_str(line).expect("JSON");
        let mut labels: BTreeMap<String, String> =
            serde_json::from_value(series["metric"].clone()).expect("labels");
        let name = labels.remove("__name__").expect("a name");
        if labels.contains_key("vmrange") || name == OWN {
            continue;
        }
        labels.retain(|name, _| !name.contains('.'));
        let value = series["values"].as_array().and_then(|values| values.last()).expect("a value");
        let value = match value {
            Value::String(text) if text == "Infinity" => f64::INFINITY,
            Value::Number(number) => number.as_f64().expect("a number"),
            other => panic!("{line}: {other}"),
        };
        assert!(held.insert((name, labels), value).is_none(), "twice: {line}");
    }
    held
}

/// Whether that is a Prometheus with an OTLP receiver. Debian leaves it out of its build.
fn has_receiver(program: &Path) -> bool {
    let help = Command::new(program).arg("--help").output();
    help.is_ok_and(|help| String::from_utf8_lossy(&help.stdout).contains("otlp-receiver"))
}

/// Says that a test was not run, where no setting of ours could bring what it needs: `.ci/test` shows
/// it, and does not fail for it.
fn not_run(test: &str, why: &str) {
    let line = format!("{test} not run: {why}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr takes it");
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/not-run-tests.txt");
    let list = fs::OpenOptions::new().create(true).append(true).open(list);
    list.expect("a list").write_all(line.as_bytes()).expect("the list takes it");
}

#[test]
fn a_real_prometheus_with_a_receiver_holds_what_a_scrape_shows() {
    let test = "a_real_prometheus_with_a_receiver_holds_what_a_scrape_shows";
    let Some(debian) = externals::external(test, "prometheus") else { return };
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&on_path).map(|folder| folder.join("prometheus"));
    let Some(program) = [debian].into_iter().chain(on_path).find(|one| has_receiver(one)) else {
        return not_run(
            test,
            "no Prometheus here has an OTLP receiver; an upstream build on PATH has",
        );
    };
    let mut store = Store::start(&program, |address, folder| {
        let config = folder.join("prometheus.yml");
        // Names as they come: they are Prometheus' own already.
        let text = "otlp: {translation_strategy: NoUTF8EscapingWithSuffixes}\n";
        fs::write(&config, text).expect("written");
        vec![
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.join("data").display()),
            format!("--web.listen-address={address}"),
            "--web.enable-otlp-receiver".to_owned(),
        ]
    });
    until("the store", || store.get("/-/ready"));
    let mut site = Site::new();
    let config = format!(
        "telemetry: {{otlp: {{endpoint: \"http://{}/api/v1/otlp\", protocol: http, interval: 1h}}}}\n",
        store.address
    );
    site.apply(&config::load_str("test.yml", &config).expect("a configuration"));
    until("an export", || (site.exports("ok") >= 1.0).then_some(()));
    // Counters and gauges; a native histogram is one sample of another kind.
    let histogram = |name: &str| ["_sum", "_count"].iter().any(|end| name.ends_with(end));
    let mut expected = scraped(&site);
    expected.retain(|(name, _), _| !histogram(name));
    let query = r#"{__name__=~"(tokenbeat|process)_.+"}"#;
    let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
    let held = until("everything in the store", || {
        let body = store.get(&format!("/api/v1/query?query={query}"))?;
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let held = instant(answer["data"]["result"].as_array()?);
        (held.len() >= expected.len()).then_some(held)
    });
    assert_eq!(held, expected);
}

/// The float samples of an instant query, without the labels of the resource.
fn instant(result: &[Value]) -> BTreeMap<Key, f64> {
    let mut held = BTreeMap::new();
    for series in result {
        let Some(value) = series["value"][1].as_str() else { continue };
        let mut labels: BTreeMap<String, String> =
            serde_json::from_value(series["metric"].clone()).expect("labels");
        let name = labels.remove("__name__").expect("a name");
        labels.remove("instance");
        // The job of the resource; a label of that name is the user's.
        if labels.get("job").is_some_and(|job| job == "tokenbeat") {
            labels.remove("job");
        }
        let value = if value == "+Inf" { f64::INFINITY } else { value.parse().expect("a number") };
        if name != OWN {
            held.insert((name, labels), value);
        }
    }
    held
}
