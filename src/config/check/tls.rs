//! `tls_config`, wherever it stands.

use crate::config::{
    model::{ClientCert, TlsFiles},
    problem::{Problem, Problems},
    sections::Item,
    spec::TlsSpec,
};

/// The TLS material below the keys of `path`, for a connection to `url`. Relative files are beside
/// the configuration file.
pub(super) fn check<T>(
    item: &Item<'_, T>,
    path: &[&str],
    url: &str,
    tls: &TlsSpec,
    problems: &mut Problems,
) -> TlsFiles {
    let folder = item.folder();
    let problem = |key, message: &str| {
        let path: Vec<&str> = path.iter().copied().chain(["tls_config", key]).collect();
        item.problem(&path, message)
    };
    let client = match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => {
            Some(ClientCert { cert_file: folder.join(cert), key_file: folder.join(key) })
        }
        (Some(_), None) => {
            let message = "a certificate without its key: `key_file` is missing";
            problems.push(problem("cert_file", message));
            None
        }
        (None, Some(_)) => {
            let message = "a key without its certificate: `cert_file` is missing";
            problems.push(problem("key_file", message));
            None
        }
        (None, None) => None,
    };
    let plain = url.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("http://"));
    let node = path.iter().try_fold(item.node, |node, key| Some(&node.get(key)?.node));
    if plain && let Some(entry) = node.and_then(|node| node.get("tls_config")) {
        let message = "`tls_config` means something with an https URL only";
        problems.push(Problem::at(&item.file.source, entry.span, message));
    }
    TlsFiles {
        ca_file: tls.ca_file.as_ref().map(|file| folder.join(file)),
        client,
        server_name: tls.server_name.clone(),
        insecure_skip_verify: tls.insecure_skip_verify,
    }
}
