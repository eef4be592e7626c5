//! Collectors that are slow, dead, or say no.

use std::{fs, net::TcpListener};

use crate::{
    certificates,
    collector::{Collector, Reply, Speaks},
    daemon::until,
    site::{self, Site},
};

const BOTH: [Speaks; 2] = [Speaks::Grpc, Speaks::Http];

/// An interval that no test waits for.
const ONCE: &str = ", interval: 1h";

#[test]
fn what_can_be_taken_later_is_tried_again() {
    // At once is taken to mean soon.
    for (speaks, seconds) in BOTH.into_iter().flat_map(|speaks| [(speaks, 1), (speaks, 0)]) {
        let replies = [Reply::Later(seconds), Reply::Take];
        let collector = Collector::start(speaks, None, &replies);
        let mut site = Site::new();
        site.apply(&site::config(speaks, &collector.url(), ONCE));
        until("an export", || (site.exports("ok") >= 1.0).then_some(()));
        let tries = collector.metrics();
        assert_eq!(tries.len(), 2, "{speaks:?}");
        assert_eq!(tries[0], tries[1], "the very same again");
        assert_eq!((site.exports("failed"), site.exports("rejected")), (0.0, 0.0));
    }
}

#[test]
fn a_refusal_is_not_tried_again_and_a_redirect_not_followed() {
    for speaks in BOTH {
        let elsewhere = Collector::start(speaks, None, &[Reply::Take]);
        for reply in
            [Reply::Refuse("no".into()), Reply::Redirect(elsewhere.url() + "/base/v1/metrics")]
        {
            let collector = Collector::start(speaks, None, &[reply]);
            let mut site = Site::new();
            site.apply(&site::config(speaks, &collector.url(), ONCE));
            until("an export", || (site.exports("rejected") >= 1.0).then_some(()));
            // Ending exports once more, so that whatever was still to come has come.
            site.stop();
            assert_eq!(collector.metrics().len(), 2, "{speaks:?}");
            assert_eq!((site.exports("rejected"), site.exports("ok")), (2.0, 0.0));
        }
        assert!(elsewhere.exports().is_empty(), "{speaks:?}");
    }
}

#[test]
fn one_connection_serves_until_the_collector_ends_it() {
    let collector = Collector::start(Speaks::Grpc, None, &[Reply::Take]);
    let mut site = Site::new();
    site.apply(&site::config(Speaks::Grpc, &collector.url(), ", interval: 1s"));
    until("two exports", || (site.exports("ok") >= 2.0).then_some(()));
    assert_eq!(collector.connections(), 1, "it is used again");
    collector.dismiss();
    let seen = site.exports("ok");
    until("two more", || (site.exports("ok") >= seen + 2.0).then_some(()));
    assert_eq!(collector.connections(), 2, "another one takes its place");
    assert_eq!(site.exports("failed") + site.exports("rejected"), 0.0);
}

#[test]
fn what_is_taken_in_part_is_counted_so() {
    for speaks in BOTH {
        let collector = Collector::start(speaks, None, &[Reply::TakeInPart(3)]);
        let mut site = Site::new();
        site.apply(&site::config(speaks, &collector.url(), ONCE));
        until("an export", || (site.exports("partial") >= 1.0).then_some(()));
        assert_eq!((site.exports("ok"), site.exports("failed")), (0.0, 0.0));
    }
}

#[test]
fn a_dead_collector_costs_a_counter() {
    for speaks in BOTH {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", free.local_addr().expect("an address"));
        drop(free);
        let mut site = Site::new();
        site.apply(&site::config(speaks, &url, ", interval: 1s, timeout: 1s"));
        until("exports that fail", || (site.exports("failed") >= 2.0).then_some(()));
        assert_eq!(site.exports("ok"), 0.0);
        site.stop();
    }
}

#[test]
fn a_collector_that_hangs_is_given_up() {
    for speaks in BOTH {
        let collector = Collector::start(speaks, None, &[Reply::Hang]);
        let mut site = Site::new();
        site.apply(&site::config(speaks, &collector.url(), ", interval: 1s, timeout: 500ms"));
        until("an export that fails", || (site.exports("failed") >= 1.0).then_some(()));
        collector.answer(Reply::Take);
        until("an export", || (site.exports("ok") >= 1.0).then_some(()));
    }
}

#[test]
fn the_end_exports_once_more_and_other_settings_take_effect() {
    let (one, other) = (
        Collector::start(Speaks::Grpc, None, &[Reply::Take]),
        Collector::start(Speaks::Http, None, &[Reply::Take]),
    );
    let mut site = Site::new();
    let first = site::config(Speaks::Grpc, &one.url(), ONCE);
    site.apply(&first);
    until("an export", || (one.metrics().len() == 1).then_some(()));
    // The same settings again change nothing.
    site.apply(&first);
    site.apply(&site::config(Speaks::Http, &other.url(), ONCE));
    until("an export elsewhere", || (other.metrics().len() == 1).then_some(()));
    site.stop();
    assert_eq!((one.metrics().len(), other.metrics().len()), (1, 2));
    let mut site = Site::new();
    site.apply(&first);
    until("an export", || (one.metrics().len() == 2).then_some(()));
    let none = tokenbeat::config::load_str("none.yml", "global: {}\n").expect("loads");
    site.apply(&none);
    site.stop();
    assert_eq!(
        one.metrics().len(),
        2,
        "without the section nothing is exported, at the end either"
    );
}

#[test]
fn tls_and_headers_reach_the_collector_and_its_certificate_is_verified() {
    let pair = certificates::self_signed();
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, secret) = (folder.path().join("ca.pem"), folder.path().join("secret"));
    fs::write(&authority, &pair.certificate).expect("written");
    fs::write(&secret, "tenant-key-1\n").expect("written");
    for speaks in BOTH {
        let collector = Collector::start(speaks, Some(&pair), &[Reply::Take]);
        let headers = format!(
            ", headers: {{x-tenant: {{values: [canary]}}, x-api-key: {{files: [\"{}\"]}}}}",
            secret.display()
        );
        let trust = format!(", tls_config: {{ca_file: \"{}\"}}", authority.display());
        let mut site = Site::new();
        site.apply(&site::config(speaks, &collector.url(), &format!("{headers}{trust}{ONCE}")));
        until("an export", || (site.exports("ok") >= 1.0).then_some(()));
        let (headers, _) = collector.exports().remove(0);
        assert_eq!(headers["x-tenant"], "canary");
        assert_eq!(headers["x-api-key"], "tenant-key-1");
        let agent = format!("tokenbeat/{}", env!("CARGO_PKG_VERSION"));
        assert_eq!(headers["user-agent"], agent.as_str());
        // Whoever signed it is not trusted here.
        let mut site = Site::new();
        let more = format!(", interval: 1s, timeout: 1s{}", "");
        site.apply(&site::config(speaks, &collector.url(), &more));
        until("an export that fails", || (site.exports("failed") >= 1.0).then_some(()));
        assert_eq!(collector.exports().len(), 1, "{speaks:?}");
    }
}

#[test]
fn a_server_that_speaks_no_http2_is_no_collector_of_grpc() {
    let pair = certificates::self_signed();
    let collector = Collector::start(Speaks::Http, Some(&pair), &[Reply::Take]);
    let more = ", interval: 1s, timeout: 1s, tls_config: {insecure_skip_verify: true}";
    let mut site = Site::new();
    site.apply(&site::config(Speaks::Grpc, &collector.url(), more));
    until("an export that fails", || (site.exports("failed") >= 1.0).then_some(()));
    assert!(collector.exports().is_empty());
}
