//! Striking secrets out of what a server says.
//!
//! Owns the forms in which a text can repeat a secret that was sent to its writer.

use super::Secret;

/// What stands where a secret stood.
const STRUCK_OUT: &str = "<secret>";

/// So many characters at the beginning of a secret begin to tell something of it.
const TELLING: usize = 4;

/// Strikes the secrets out of a text that came from the server, in every form that they may
/// have taken on the way, also the beginning of one where the text was cut short.
pub(crate) fn scrub(secrets: &[Secret], mut text: String) -> String {
    let forms = secrets.iter().flat_map(|secret| forms(secret.expose()));
    for form in forms {
        if text.contains(&form) {
            text = text.replace(&form, STRUCK_OUT);
        }
        let end = text.trim_end_matches('…').len();
        let cut = (TELLING..form.len())
            .rev()
            .find(|length| form.get(..*length).is_some_and(|cut| text[..end].ends_with(cut)));
        if let Some(length) = cut {
            text.replace_range(end - length..end, STRUCK_OUT);
        }
    }
    text
}

/// The forms in which a text may hold `secret`: as it is, escaped in JSON, escaped in JSON that is
/// quoted in JSON, and each of them in one line, where runs of white space become one blank. The
/// longer ones first, so that none leaves a part of itself behind.
fn forms(secret: &str) -> Vec<String> {
    let once = escaped(secret);
    let twice = escaped(&once);
    let mut forms = vec![secret.to_owned(), once, twice];
    let lines: Vec<_> = forms.iter().map(|form| in_one_line(form)).collect();
    forms.extend(lines);
    forms.sort_unstable_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    forms.dedup();
    forms.retain(|form| !form.is_empty());
    forms
}

/// `text` as it stands between the quotes of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).to_owned()
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{error_message, one_line};

    /// Two blanks, a tab, a quote, a backslash at the end.
    const SECRETS: [&str; 4] = ["key  of\ttwo", "key \"quoted\"", "key\\path\\", "  key ahead"];

    #[test]
    fn a_secret_is_struck_out_in_every_form_that_an_error_gives_it() {
        for secret in SECRETS {
            let secrets = [Secret::from(secret.to_owned())];
            let inner = serde_json::json!({"info": format!("no: {secret}!")}).to_string();
            let texts = [
                Some(format!("no: {secret}!")),
                one_line(&format!("no:\n{secret}!")),
                error_message(format!("no: {secret}!").as_bytes()),
                error_message(inner.as_bytes()),
                error_message(serde_json::json!({"info": inner}).to_string().as_bytes()),
                error_message(format!("{} {secret}", "x".repeat(290)).as_bytes()),
            ];
            for text in texts {
                let text = text.expect("a message");
                let clean = scrub(&secrets, text.clone());
                assert!(clean.contains(STRUCK_OUT), "{text} became {clean}");
                let left = clean.replace(STRUCK_OUT, "");
                assert!(!left.contains("key"), "{text} became {clean}");
                assert!(!left.contains("path") && !left.contains("ahead"), "{text}: {clean}");
            }
        }
    }

    #[test]
    fn a_plain_secret_has_one_form() {
        assert_eq!(forms("sk-plain"), ["sk-plain"]);
    }
}
