//! Configuration files that were damaged at random: nothing panics, nothing leaks.

use proptest::prelude::*;
use tokenbeat::config;

/// A file with a secret in every place where people put one.
const LEAKY: &str = "\
targets:
  - name: a
    url: http://user:sk-planted@a.example.com/?key=sk-planted
    models: [m]
    authorization: {credentials: sk-planted, type: Bearer}
    http_headers:
      x-api-key: {values: [sk-planted, 'sk-planted']}
      cookie: {secrets_env: sk-planted}
      x-tenant: {values: [a]}
    password: |
      sk-planted
      sk-planted
  - &b {name: b, url: 'http://b.example.com', models: all, api_token: \"sk-planted\"}
workloads:
  w: {fixed: {prompt: größe, expect: {regex: '(a'}}}
slos:
  s: {thresholds: {ttft: 1s, tpot: {max: 2s, objective: 99%}}}
probes:
  - {name: p, targets: [a, b, c], workload: v, interval: 1s, slo: [s, t], maintenance: [x]}
  - {<<: *b}
";

/// What damages: what YAML gives a meaning to, line breaks, and characters of several bytes.
const PIECES: [&str; 26] = [
    ":", ": ", "-", "- ", "{", "}", "[", "]", ",", "'", "\"", "|", ">", "&x ", "*x", "*b", "!",
    "#", "%", "@", "\t", "\n", "\r", "é", "\u{feff}", "\0",
];

/// A place and what is put there, or how many characters are taken away.
fn damage() -> impl Strategy<Value = (usize, Option<&'static str>, usize)> {
    (any::<usize>(), prop::option::of(prop::sample::select(PIECES.to_vec())), 0..12_usize)
}

fn damaged(text: &str, damages: &[(usize, Option<&'static str>, usize)]) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    for (place, piece, taken) in damages {
        let place = place % (characters.len() + 1);
        match piece {
            Some(piece) => drop(characters.splice(place..place, piece.chars())),
            None => drop(characters.drain(place..(place + taken).min(characters.len()))),
        }
    }
    characters.into_iter().collect()
}

/// The lines of the leaky file that hold no secret and name none: damaging a key's name would make
/// of its secret an ordinary word.
fn harmless(line: &str) -> bool {
    !["planted", "password", "http_headers", "values"].iter().any(|word| line.contains(word))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_file_makes_no_panic(damages in prop::collection::vec(damage(), 1..6)) {
        let text = damaged(LEAKY, &damages);
        if let Err(problems) = config::load_str("damaged.yml", &text) {
            prop_assert!(!problems.to_string().is_empty());
        }
    }

    #[test]
    fn a_damaged_file_leaks_no_secret(
        line in 0..LEAKY.lines().count(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let lines: Vec<String> = LEAKY
            .lines()
            .enumerate()
            .map(|(index, text)| match index == line && harmless(text) {
                true => damaged(text, &damages),
                false => text.to_owned(),
            })
            .collect();
        let text = lines.join("\n");
        let Err(problems) = config::load_str("damaged.yml", &text) else {
            panic!("loads:\n{text}");
        };
        let shown = format!("{problems}\n{problems:?}");
        prop_assert!(!shown.contains("planted"), "of\n{text}\ncame\n{shown}");
    }
}
