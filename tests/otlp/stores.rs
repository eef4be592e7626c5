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
