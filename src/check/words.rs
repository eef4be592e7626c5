//! How values and foreign text are put into words.
//!
//! Owns units, and the making visible of what a server sent: it goes to a terminal, which obeys
//! control characters.

use std::time::Duration;

/// A duration in the unit that suits it, with three digits or so.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        s if s < 1e-3 => (s * 1e6, "µs"),
        s if s < 1.0 => (s * 1e3, "ms"),
        s => (s, "s"),
    };
    let digits = match value {
        0.0 => 0,
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// Milliseconds with three decimals, for JSON.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// `text` with its control characters made visible, cut after `most` characters.
pub(super) fn visible(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most * 4));
    for (count, letter) in text.chars().enumerate() {
        if count == most {
            shown.push('…');
            break;
        }
        if letter.is_control() || is_hidden(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}

/// `1 model`, `2 models`.
pub(super) fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// Whether `letter` is no control character and yet turns the direction of text, has no width, or
/// ends a line.
fn is_hidden(letter: char) -> bool {
    matches!(
        letter,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        for (nanos, text) in [
            (0, "0 µs"),
            (412_300, "412 µs"),
            (1_240_000, "1.24 ms"),
            (33_120_000, "33.1 ms"),
            (235_000_000, "235 ms"),
            (13_000_000_000, "13.0 s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        assert_eq!(visible("a\n\u{1b}[31mb\u{202e}", 200), "a\\n\\u{1b}[31mb\\u{202e}");
        assert_eq!(visible("Überlänge", 4), "Über…");
        assert_eq!(visible("four", 4), "four");
    }
}
