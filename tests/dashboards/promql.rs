//! As much of PromQL as it takes to say which metrics and labels an expression names.

use std::collections::BTreeSet;

/// What an expression names.
#[derive(Debug, Default)]
pub struct Names {
    /// Every selector of series.
    pub selectors: Vec<Selector>,
    /// Labels that series are grouped, matched or joined by.
    pub labels: BTreeSet<String>,
    /// Labels that the expression makes itself.
    pub made: BTreeSet<String>,
    /// Functions and operators that are called.
    pub called: BTreeSet<String>,
}

/// A metric with its matchers.
#[derive(Debug)]
pub struct Selector {
    /// The metric's name.
    pub name: String,
    /// Label, operator and value.
    pub matchers: Vec<(String, String, String)>,
    /// Whether a range of it is read.
    pub range: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Number,
    Sign(String),
}

const GROUPING: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];
const OPERATORS: [&str; 8] = ["and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"];
const MAKERS: [&str; 3] = ["count_values", "label_replace", "label_join"];

/// Reads an expression.
///
/// # Panics
/// If it is not PromQL.
pub fn names(expression: &str) -> Names {
    let tokens = tokens(expression);
    let mut names = Names::default();
    let sign = |at: usize, what: &str| tokens.get(at) == Some(&Token::Sign(what.into()));
    let mut at = 0;
    while at < tokens.len() {
        let Token::Word(word) = &tokens[at] else {
            assert!(
                tokens[at] != Token::Sign("{".into()),
                "a selector without a name: {expression}"
            );
            at += 1;
            continue;
        };
        at += 1;
        let lower = word.to_lowercase();
        if GROUPING.contains(&&*lower) {
            if sign(at, "(") {
                let end =
                    (at..tokens.len()).find(|end| sign(*end, ")")).expect("a closing bracket");
                names.labels.extend(words(&tokens[at + 1..end]));
                at = end + 1;
            }
        } else if sign(at, "(") || (sign_word(&tokens, at) && !OPERATORS.contains(&&*lower)) {
            // A call, or an aggregation whose grouping comes first.
            if MAKERS.contains(&&*lower) {
                let text = tokens[at..].iter().find_map(|token| match token {
                    Token::Text(text) => Some(text.clone()),
                    _ => None,
                });
                names.made.extend(text);
            }
            names.called.insert(lower);
        } else if !OPERATORS.contains(&&*lower) {
            let mut matchers = Vec::new();
            if sign(at, "{") {
                let end = (at..tokens.len()).find(|end| sign(*end, "}")).expect("a closing brace");
                matchers = self::matchers(&tokens[at + 1..end]);
                at = end + 1;
            }
            names.selectors.push(Selector { name: word.clone(), matchers, range: sign(at, "[") });
            if sign(at, "[") {
                at = (at..tokens.len()).find(|end| sign(*end, "]")).expect("a closing bracket") + 1;
            }
        }
    }
    names
}

/// Whether a grouping of an aggregation stands at `at`. Those of vector matching follow an operator.
fn sign_word(tokens: &[Token], at: usize) -> bool {
    matches!(tokens.get(at), Some(Token::Word(word)) if ["by", "without"].contains(&&**word))
}

fn words(tokens: &[Token]) -> Vec<String> {
    let word = |token: &Token| match token {
        Token::Word(word) => Some(word.clone()),
        _ => None,
    };
    tokens.iter().filter_map(word).collect()
}

fn matchers(tokens: &[Token]) -> Vec<(String, String, String)> {
    let parts = tokens.split(|token| *token == Token::Sign(",".into()));
    let one = |part: &[Token]| match part {
        [Token::Word(label), Token::Sign(operator), Token::Text(value)] => {
            (label.clone(), operator.clone(), value.clone())
        }
        other => panic!("no matcher: {other:?}"),
    };
    parts.filter(|part| !part.is_empty()).map(one).collect()
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = expression;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | '\n' | '\t' => {
                rest = &rest[1..];
                continue;
            }
            '#' => {
                rest = rest.split_once('\n').map_or("", |(_, rest)| rest);
                continue;
            }
            '"' | '\'' | '`' => {
                let end = closing(rest, first);
                tokens.push(Token::Text(rest[1..end].into()));
                rest = &rest[end + 1..];
                continue;
            }
            'a'..='z' | 'A'..='Z' | '_' | ':' => {
                let length = run(rest, |c| c.is_ascii_alphanumeric() || "_:".contains(c));
                tokens.push(Token::Word(rest[..length].into()));
                length
            }
            // A number, a duration, or a variable of Grafana's in the place of one.
            '0'..='9' | '$' => {
                tokens.push(Token::Number);
                run(rest, |c| c.is_ascii_alphanumeric() || "._$".contains(c))
            }
            _ => {
                let length = run(rest, |c| "=!<>~".contains(c)).max(first.len_utf8());
                tokens.push(Token::Sign(rest[..length].into()));
                length
            }
        };
        rest = &rest[length..];
    }
    tokens
}

/// Length of the beginning of which every character is so.
fn run(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}

/// Where a string that begins with `quote` ends.
fn closing(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if c == quote => return at,
            _ => {}
        }
    }
    panic!("no closing quote: {text}");
}

#[test]
fn an_expression_is_taken_apart() {
    let names = names(
        "histogram_quantile(0.5, sum by (a, le) (rate(x_bucket{t=~\"$t\", q!='}'}[$__rate_interval] offset 5m)))\n\
         or on () y:z # a comment with w\n / on (b) group_left (c) count_values(\"hash\", v > bool 1e3)",
    );
    let of = |wanted: &[&str], found: &BTreeSet<String>| {
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), wanted);
    };
    of(&["a", "b", "c", "le"], &names.labels);
    of(&["hash"], &names.made);
    of(&["count_values", "histogram_quantile", "rate", "sum"], &names.called);
    let [x, y, v] = &names.selectors[..] else { panic!("{names:?}") };
    assert_eq!((&*x.name, x.range, &*x.matchers[1].1), ("x_bucket", true, "!="));
    assert_eq!(x.matchers[1].2, "}");
    assert_eq!((&*y.name, y.range, &*v.name), ("y:z", false, "v"));
}
