//! Text that no working model writes.
//!
//! Conservative: a broken kernel, a wrong quantisation or a mismatched tokenizer is seen within a
//! few tokens, while odd, terse or wrong answers pass. Judging quality is not this check's office.

#[cfg(test)]
mod tests;

/// Longest unit whose repetition is looked for, in characters: a token, or a short sentence.
const LONGEST_UNIT: usize = 64;

/// How often a unit fits into a text before repetition means anything.
const REPEATS: usize = 10;

/// How often it has to stand in a row to count: rows of a table and numbers that are counted up
/// are alike, and not the same.
const IN_A_ROW: usize = 4;

/// Shortest run that counts, in characters: figures have zeros in a row.
const SHORTEST_RUN: usize = 8;

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
        return Some(format!(
            "{broken} of {total} characters are undecodable, control codes or a tokenizer's marks"
        ));
    }
    let longest = LONGEST_UNIT.min(letters.len() / REPEATS);
    let unit = (1..=longest).find(|unit| repeats(&letters, *unit))?;
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

/// A replacement character, which stands for bytes that are no text; a control code, white space
/// apart; or what stands for a blank or a line's end inside a tokenizer's vocabulary, and is in the
/// text of no language as often as blanks are.
fn is_broken(letter: char) -> bool {
    matches!(letter, char::REPLACEMENT_CHARACTER | 'Ġ' | 'Ċ' | '▁') || letter.is_control()
}

/// Whether at least four fifths of the text are runs in which a piece of `unit` characters stands
/// several times in a row, letter by letter the same.
fn repeats(letters: &[char], unit: usize) -> bool {
    let shortest = SHORTEST_RUN.max(IN_A_ROW * unit);
    let (mut covered, mut covered_to, mut start) = (0, 0, 0);
    for at in unit..=letters.len() {
        if at < letters.len() && letters[at] == letters[at - unit] {
            continue;
        }
        // The run began at `start` and ends here; the next one can begin `unit` before.
        if at - start >= shortest {
            covered += at - covered_to.max(start);
            covered_to = at;
        }
        start = at + 1 - unit;
    }
    letters.len() >= SHORTEST && covered * 5 >= letters.len() * 4
}
