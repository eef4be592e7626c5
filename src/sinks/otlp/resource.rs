//! Who exports: the attributes that stand once beside all metrics and traces.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher as _, RandomState},
};

use super::message::{Resource, text};

/// An id of this process, drawn at its start: a random UUID.
pub(super) fn instance() -> String {
    // The keys of a hasher are the one source of chance that the standard library has.
    let half = |number: u64| RandomState::new().hash_one(number);
    let id = (u128::from(half(0)) << 64) | u128::from(half(1));
    // Version 4 and its variant, where the standard has them.
    let id = (id & !(0xf << 76) | (0x4 << 76)) & !(0x3 << 62) | (0x2 << 62);
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The resource. The labels of this instance and the user's attributes win over ours, in that
/// order.
pub(super) fn resource(
    instance: &str,
    external_labels: &BTreeMap<String, String>,
    attributes: &BTreeMap<String, String>,
) -> Resource {
    let mut all = BTreeMap::from([
        ("service.name", env!("CARGO_PKG_NAME")),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", instance),
    ]);
    let theirs = external_labels.iter().chain(attributes);
    all.extend(theirs.map(|(key, value)| (key.as_str(), value.as_str())));
    Resource { attributes: all.into_iter().map(|(key, value)| text(key, value)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_a_random_uuid() {
        let (one, other) = (instance(), instance());
        assert_ne!(one, other);
        let parts: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12]);
        assert!(one[14..].starts_with('4') && "89ab".contains(&one[19..20]), "{one}");
    }

    #[test]
    fn what_the_user_says_wins() {
        let labels = BTreeMap::from([("cluster".to_owned(), "eu".to_owned())]);
        let user = BTreeMap::from([("service.instance.id".to_owned(), "pod-7".to_owned())]);
        let found = resource("drawn", &labels, &user);
        let keys: Vec<_> = found.attributes.iter().map(|one| one.key.as_str()).collect();
        assert_eq!(keys, ["cluster", "service.instance.id", "service.name", "service.version"]);
        assert_eq!(found.attributes[1], text("service.instance.id", "pod-7"));
    }
}
