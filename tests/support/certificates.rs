//! Certificates made for one test.

use std::{fs, path::Path};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

/// A certificate and its key, both as PEM.
pub struct Pair {
    pub certificate: String,
    pub key: String,
}

/// A certificate of 127.0.0.1 that is its own authority.
pub fn self_signed() -> Pair {
    let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
    let CertifiedKey { cert, signing_key }: CertifiedKey<KeyPair> =
        generate_simple_self_signed(names).expect("a certificate");
    Pair { certificate: cert.pem(), key: signing_key.serialize_pem() }
}

/// Writes a file, whole at every moment.
pub fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).expect("written");
    fs::rename(&beside, path).expect("moved");
}
