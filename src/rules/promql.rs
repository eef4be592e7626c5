//! Pieces of PromQL.

use std::fmt::Write as _;

/// A label selector, empty for no pairs. Values are escaped.
pub(super) fn selector(pairs: &[(&str, &str)]) -> String {
    if pairs.is_empty() {
        return String::new();
    }
    let mut text = String::from("{");
    for (at, (label, value)) in pairs.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let _ = write!(text, "{comma}{label}=\"{value}\"");
    }
    text + "}"
}

/// A ratio without the noise of binary fractions: 0.144 and not 0.14400000000000002.
pub(super) fn number(value: f64) -> String {
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_and_numbers_are_short() {
        assert_eq!(selector(&[]), "");
        assert_eq!(selector(&[("a", "x"), ("b", "\"\\\n")]), r#"{a="x",b="\"\\\n"}"#);
        assert_eq!(number(14.4 * (1.0 - 0.99)), "0.144");
        assert_eq!(number(0.5), "0.5");
        assert_eq!(number(1.0), "1");
    }
}
