//! Text that no working model writes.
//!
//! Conservative: a broken kernel, a wrong quantisation or a mismatched tokenizer is seen within a
//! few tokens, while odd, terse or wrong answers pass. Judging quality is not this check's office.

/// Longest unit whose repetition is looked for, in characters: a token, or a few.
const LONGEST_UNIT: usize = 16;

/// How often a unit fits into a text before repetition means anything.
const REPEATS: usize = 10;

/// Shortest text in which repetition means anything, in characters: a round number is shorter.
const SHORTEST: usize = 16;

/// Most characters looked at; a longer text is judged by its beginning.
const LOOKED_AT: usize = 4096;

/// Fewest undecodable characters that mean anything.
const UNDECODABLE: usize = 4;

/// Why `text` is degenerate, if it is.
pub(super) fn why(text: &str) -> Option<String> {
    let letters = squeezed(text);
    let broken = letters.iter().filter(|letter| is_broken(**letter)).count();
    if broken >= UNDECODABLE && broken * 10 > letters.len() {
        let total = letters.len();
        return Some(format!("{broken} of {total} characters are undecodable or control codes"));
    }
    let unit = (1..=LONGEST_UNIT).find(|unit| repeats(&letters, *unit))?;
    Some(format!("a piece of {unit} characters is repeated over most of the text"))
}

/// The text's characters, each run of white space as one space: indentation is no repetition.
fn squeezed(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = Vec::new();
    for letter in text.chars() {
        let letter = if letter.is_whitespace() { ' ' } else { letter };
        if letter != ' ' || letters.last() != Some(&' ') {
            letters.push(letter);
        }
        if letters.len() == LOOKED_AT {
            break;
        }
    }
    letters
}

/// A replacement character, which stands for bytes that are no text, or a control code; white
/// space is none of them.
fn is_broken(letter: char) -> bool {
    letter == char::REPLACEMENT_CHARACTER || letter.is_control()
}

/// Whether at least four fifths of the text repeat what stands `unit` characters before. Prose
/// reaches about a tenth.
fn repeats(letters: &[char], unit: usize) -> bool {
    let pairs = letters.len().saturating_sub(unit);
    let same = letters.iter().zip(letters.iter().skip(unit)).filter(|(a, b)| a == b).count();
    letters.len() >= SHORTEST.max(REPEATS * unit) && same * 5 >= pairs * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_models_are_seen() {
        for text in [
            "!".repeat(16),
            " the".repeat(16),
            "<unk>".repeat(12),
            "<|reserved_7|>".repeat(10),
            format!("Sure: {}", "ok ".repeat(30)),
            "\u{fffd}".repeat(5),
            "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}".to_owned(),
            "\u{0}\u{1}\u{2}\u{3}".to_owned(),
        ] {
            assert!(why(&text).is_some(), "{text:?}");
        }
    }

    #[test]
    fn odd_answers_pass() {
        for text in [
            "",
            "Paris",
            "No no no no.",
            "Ha ha ha ha ha!",
            "1000000000000",
            "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20",
            "fn main() {\n        if x {\n                return;\n        }\n}\n",
            "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n",
            "A café in Zürich \u{fffd} closed early, said the old man by the door.",
            "東京は日本の首都であり、世界最大級の都市の一つです。",
            "The cat sat on the mat and the dog sat on the log and the frog sat on the bog.",
            "line one\r\n\tline two\r\n\tline three\r\n",
        ] {
            assert_eq!(why(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_judged_by_its_beginning() {
        let text = "x".repeat(LOOKED_AT) + &"Now for something else. ".repeat(500);
        assert!(why(&text).is_some());
    }
}
