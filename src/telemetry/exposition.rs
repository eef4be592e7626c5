//! Reads expositions of others: Prometheus text 0.0.4 and OpenMetrics text 1.0.
//!
//! Owns their grammar as far as samples go: names, labels with their escapes, values; what an
//! exemplar, a timestamp or a comment says is checked for its place and left out. Borrows from the
//! text, and knows no metric by name. One line that is none spoils the whole, as in Prometheus: a
//! text that was cut off must not pass for a smaller one.

use std::borrow::Cow;

/// Most labels of a sample.
const MOST_LABELS: usize = 128;

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// Its name, with `_total`, `_sum` and the like.
    pub name: Cow<'a, str>,
    /// Its labels, in the order of the text.
    pub labels: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// Its value; can be infinite or no number.
    pub value: f64,
}

impl Sample<'_> {
    /// The value of a label; absent if it is empty, as Prometheus has it.
    pub fn label(&self, name: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value).filter(|value| !value.is_empty())
    }
}

/// A line that is no sample, comment or end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the metrics is not in the Prometheus text format: {what}")]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    what: &'static str,
}

/// The samples of an exposition, in their order; what follows `# EOF` is not looked at.
///
/// # Errors
/// At the first line that is malformed.
pub fn samples(text: &str) -> Result<Vec<Sample<'_>>, Malformed> {
    let mut samples = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_matches([' ', '\t', '\r']);
        if line == "# EOF" {
            break;
        }
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        samples.push(sample(line).map_err(|what| Malformed { line: at + 1, what })?);
    }
    Ok(samples)
}

fn sample(line: &str) -> Result<Sample<'_>, &'static str> {
    let mut rest = Rest(line);
    let mut name = rest.name().map(Cow::Borrowed);
    let mut labels = Vec::new();
    rest.space();
    if rest.take('{') {
        loop {
            rest.space();
            if rest.take('}') {
                break;
            }
            // A quoted name alone is that of the metric: how Prometheus 3 writes names beyond ASCII.
            let label = match rest.quoted()? {
                Some(quoted) => quoted,
                None => Cow::Borrowed(rest.name().ok_or("a label has no name")?),
            };
            rest.space();
            if rest.take('=') {
                rest.space();
                let value = rest.quoted()?.ok_or("the value of a label is not quoted")?;
                if labels.len() == MOST_LABELS {
                    return Err("too many labels");
                }
                labels.push((label, value));
            } else if name.is_none() {
                name = Some(label);
            } else {
                return Err("a label has no value");
            }
            rest.space();
            if !rest.take(',') && !rest.0.starts_with('}') {
                return Err("labels are not separated");
            }
        }
    }
    let name = name.ok_or("a sample has no name")?;
    // An exemplar has a value of its own, which is none of ours.
    let numbers = rest.0.split_once(" # ").map_or(rest.0, |(before, _)| before);
    let mut numbers = numbers.split_ascii_whitespace();
    let value = numbers.next().and_then(number).ok_or("the value is not a number")?;
    if numbers.next().is_some_and(|time| number(time).is_none()) || numbers.next().is_some() {
        return Err("more than a value and a time");
    }
    Ok(Sample { name, labels, value })
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}

/// What is still to be read of a line.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn take(&mut self, expected: char) -> bool {
        let rest = self.0.strip_prefix(expected);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// A name of letters, digits, `_` and `:` that begins with no digit.
    fn name(&mut self) -> Option<&'a str> {
        let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
        let end = self.0.find(|c| !part(c)).unwrap_or(self.0.len());
        let (name, rest) = self.0.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        Some(name)
    }

    /// A quoted text with its escapes undone; `None` if no quote begins here.
    fn quoted(&mut self) -> Result<Option<Cow<'a, str>>, &'static str> {
        let Some(text) = self.0.strip_prefix('"') else { return Ok(None) };
        let mut undone = String::new();
        let mut from = 0;
        let mut characters = text.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.0 = &text[at + 1..];
                    let plain = &text[from..at];
                    return Ok(Some(match undone.is_empty() {
                        true => Cow::Borrowed(plain),
                        false => Cow::Owned(undone + plain),
                    }));
                }
                '\\' => {
                    undone.push_str(&text[from..at]);
                    let (next, c) = characters.next().ok_or("a quote does not end")?;
                    match c {
                        'n' => undone.push('\n'),
                        '\\' | '"' => undone.push(c),
                        // Prometheus keeps an escape that it does not know.
                        other => undone.extend(['\\', other]),
                    }
                    from = next + c.len_utf8();
                }
                _ => {}
            }
        }
        Err("a quote does not end")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(line: &str) -> Sample<'_> {
        let read = samples(line).expect("a sample");
        assert_eq!(read.len(), 1, "{line}");
        read.into_iter().next().expect("one")
    }

    #[test]
    fn both_formats_are_read() {
        let text =
            "# HELP a b\r\n# TYPE a counter\r\n\r\na_total 1e3\r\n a{b=\"c\"} +Inf 1700000000\r\n";
        let read = samples(text).expect("text");
        assert_eq!((read[0].name.as_ref(), read[0].value), ("a_total", 1000.0));
        assert_eq!((read[1].label("b"), read[1].value), (Some("c"), f64::INFINITY));
        let open = "# UNIT a seconds\na_bucket{le=\"0.5\"} 3 1.5 # {trace_id=\"x # y\"} 0.2 1.25\n# EOF\nnot read";
        let read = samples(open).expect("OpenMetrics");
        assert_eq!((read.len(), read[0].value, read[0].label("le")), (1, 3.0, Some("0.5")));
    }

    #[test]
    fn labels_may_hold_anything() {
        let odd = one(r#"a { b = "x\"}\\ \n # y,=" , c="" ,} 2"#);
        assert_eq!(odd.label("b"), Some("x\"}\\ \n # y,="));
        assert_eq!((odd.label("c"), odd.value), (None, 2.0));
        let quoted = one(r#"{"a.ü", "b.c"="d"} NaN"#);
        assert_eq!((quoted.name.as_ref(), quoted.label("b.c")), ("a.ü", Some("d")));
        assert!(quoted.value.is_nan());
        assert_eq!(one(r#"a{b="\t"} -1.5E-3"#).label("b"), Some("\\t"));
    }

    #[test]
    fn what_is_no_sample_spoils_the_whole() {
        for line in [
            "a",
            "a x",
            "1a 1",
            "{} 1",
            "a{b} 1",
            "a{b=c} 1",
            "a{b=\"c} 1",
            "a{b=\"c\\",
            "a{b=\"c\" d=\"e\"} 1",
            "a{b=\"c\"",
            "a 1 2 3",
            "a 1 x",
            "a{=\"c\"} 1",
            "<html>",
        ] {
            let error = samples(&format!("ok 1\n{line}")).expect_err(line);
            assert_eq!(error.line, 2, "{line}");
        }
        let many: String = (0..=MOST_LABELS).map(|at| format!("l{at}=\"\",")).collect();
        assert!(samples(&format!("a{{{many}}} 1")).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            labels in prop::collection::vec(("[a-z_][a-z0-9_]{0,8}", any::<String>()), 0..6),
            value: f64,
        ) {
            let escaped = |text: &str| {
                text.replace('\\', r"\\").replace('"', r#"\""#).replace('\n', r"\n")
            };
            // A carriage return cannot stand in a line that `lines` has cut.
            let labels: Vec<(String, String)> =
                labels.into_iter().map(|(name, text)| (name, text.replace('\r', ""))).collect();
            let written: Vec<String> =
                labels.iter().map(|(name, text)| format!("{name}=\"{}\"", escaped(text))).collect();
            let line = format!("a:b_total{{{}}} {value:?}", written.join(","));
            let read = one(&line);
            let read_labels: Vec<(String, String)> =
                read.labels.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
            prop_assert_eq!(read_labels, labels);
            prop_assert!(read.value == value || read.value.is_nan() && value.is_nan());
        }

        #[test]
        fn no_text_panics(text in r#"([a{}=",\\\n# 1.e+\-NIüx]){0,60}"#, junk: String) {
            let _ = (samples(&text), samples(&junk));
        }
    }
}
