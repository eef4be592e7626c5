//! The fields of a cron expression: what each may hold, and what is said if it does not.
//!
//! croner reads them. Its messages name neither the field nor what stands in it, so each field is
//! tried by itself first. Knows nothing of time.

use croner::parser::{CronParser, Year};

/// Names that stand for an expression.
const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// One field.
struct Field {
    name: &'static str,
    /// What it takes besides `*`, lists, ranges and steps.
    takes: &'static str,
    /// Names that stand for numbers.
    names: &'static [&'static str],
    /// Signs of its own.
    signs: &'static str,
}

/// The fields, the seconds first.
const FIELDS: [Field; 6] = [
    Field { name: "second", takes: "a number from 0 to 59", names: &[], signs: "" },
    Field { name: "minute", takes: "a number from 0 to 59", names: &[], signs: "" },
    Field { name: "hour", takes: "a number from 0 to 23", names: &[], signs: "" },
    Field {
        name: "day of the month",
        takes: "a number from 1 to 31, `L` (the last) or `15W` (the weekday nearest to the 15th)",
        names: &[],
        signs: "?LW",
    },
    Field {
        name: "month",
        takes: "a number from 1 to 12 or JAN to DEC",
        names: &MONTHS,
        signs: "",
    },
    Field {
        name: "day of the week",
        takes: "a number from 0 (Sunday) to 7 or SUN to SAT, `MON#2` (the second) or `5L` (the last \
                Friday)",
        names: &DAYS,
        signs: "?L#",
    },
];

/// Reads five fields, or six with seconds.
pub(super) fn parser() -> CronParser {
    CronParser::builder().year(Year::Disallowed).build()
}

/// The fields of an expression, a nickname spelt out.
///
/// # Errors
/// What is wrong with it, and what to write.
pub(super) fn check(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    if trimmed.starts_with('@') {
        let known = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(trimmed));
        return known.map(|(_, fields)| (*fields).to_owned()).ok_or_else(|| {
            let names: Vec<String> =
                NICKNAMES.iter().map(|(name, _)| format!("`{name}`")).collect();
            format!("that name is not known: write one of {}", names.join(", "))
        });
    }
    let parts: Vec<&str> = trimmed.split_whitespace().collect();
    let fields = match parts.len() {
        5 => &FIELDS[1..],
        6 => &FIELDS[..],
        count => {
            return Err(format!(
                "it has {count} fields: write five (minute, hour, day of the month, month, day of \
                 the week), or six with the second first, such as `30 2 * * MON-FRI`"
            ));
        }
    };
    for (index, (field, part)) in fields.iter().zip(&parts).enumerate() {
        if !field.accepts(part, index, parts.len()) {
            return Err(format!(
                "its {}, `{part}`, is none: write {}; or `*`, a list `1,5`, an ascending range \
                 `1-5`, steps `*/5`",
                field.name, field.takes
            ));
        }
    }
    Ok(parts.join(" "))
}

impl Field {
    /// Whether `part` can stand in this field, which is the `index`th of `count`.
    fn accepts(&self, part: &str, index: usize, count: usize) -> bool {
        // croner reads names anywhere and skips what is empty; here both are slips.
        let word = |word: &str| {
            let letters = word.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
            let name = self.names.iter().any(|name| name.eq_ignore_ascii_case(letters));
            let number = word.chars().all(|c| c.is_ascii_digit() || "*".contains(c));
            let signs = |c: char| c.is_ascii_digit() || self.signs.contains(c.to_ascii_uppercase());
            !word.is_empty() && (number || word.chars().all(signs) || name && self.tail(word))
        };
        if !part.split([',', '-', '/']).all(word) {
            return false;
        }
        let mut fields = vec!["*"; count];
        fields[index] = part;
        parser().parse(&fields.join(" ")).is_ok()
    }

    /// Whether what follows the name in `word` is made of the field's own signs: `MON#2`, `FRI#L`.
    fn tail(&self, word: &str) -> bool {
        let tail = word.get(3..).unwrap_or_default();
        tail.chars().all(|c| c.is_ascii_digit() || self.signs.contains(c.to_ascii_uppercase()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cron_knows_is_accepted() {
        for text in [
            "* * * * *",
            "*/5 * * * *",
            "0,30 8-18/2 * * MON-FRI",
            "30 0 2 * * *",
            "0 0 1 jan *",
            "0 0 L * *",
            "0 0 15W * *",
            "0 0 * * MON#2",
            "0 0 * * 5L",
            "0 0 ? * SUN",
            "0 0 1 * 7",
            " 0  2 * * * ",
        ] {
            let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_eq!(check(text), Ok(joined), "{text}");
        }
        assert_eq!(check("@Daily").as_deref(), Ok("0 0 * * *"));
    }

    #[test]
    fn a_faulty_field_is_named_with_its_text() {
        for (text, told) in [
            ("60 * * * *", "its minute, `60`, is none"),
            ("0 24 * * *", "its hour, `24`, is none"),
            ("0 0 0 * *", "its day of the month, `0`, is none"),
            ("0 0 * 13 *", "its month, `13`, is none"),
            ("0 0 * MARCH *", "its month, `MARCH`, is none"),
            ("0 0 * * 8", "its day of the week, `8`, is none"),
            ("0 0 * * SUNDAY", "its day of the week, `SUNDAY`, is none"),
            ("0 MON * * *", "its hour, `MON`, is none"),
            ("0 22-4 * * *", "its hour, `22-4`, is none"),
            ("0 1,,2 * * *", "its hour, `1,,2`, is none"),
            ("0 */0 * * *", "its hour, `*/0`, is none"),
            ("61 0 0 * * *", "its second, `61`, is none"),
            ("0 0 1SUN * *", "its day of the month, `1SUN`, is none"),
            ("", "it has 0 fields"),
            ("0 2 * *", "it has 4 fields"),
            ("0 0 2 * * * 2030", "it has 7 fields"),
            ("@reboot", "that name is not known"),
        ] {
            let why = check(text).expect_err(text);
            assert!(why.starts_with(told), "{text}: {why}");
        }
    }
}
