use super::*;
use crate::timeline::Usage;

fn everything() -> Expect {
    Expect {
        contains: Some("Paris".into()),
        regex: Some(Regex::new("(?i)city").expect("valid")),
        exact: Some("Paris is a city.".into()),
        json_schema: None,
        finish: vec![Finish::Stop, Finish::ToolCalls],
        min_output_tokens: Some(4),
        same_model: true,
        consistent_usage: true,
        no_garbage: true,
    }
}

fn answer() -> Answer<'static> {
    Answer {
        asked_model: "llama",
        answered_model: Some("llama"),
        max_tokens: 16,
        usage: usage(8),
        token_events: 8,
        counted: Some(7),
        finish: Some(Finish::Stop),
        text: Some(" Paris is a city.\n"),
    }
}

fn usage(tokens: u64) -> Option<Usage> {
    Some(Usage { completion_tokens: Some(tokens), ..Usage::default() })
}

fn outcome(expect: &Expect, answer: &Answer<'_>) -> Option<Outcome> {
    expect.check(answer).map(|(outcome, _)| outcome)
}

#[test]
fn an_answer_as_expected_passes() {
    assert_eq!(everything().check(&answer()), None);
}

#[test]
fn each_check_has_its_outcome() {
    use Outcome::{ContentMismatch, Garbage, LengthMismatch, ModelMismatch, UsageMismatch};
    let repeated = " the".repeat(30);
    for (wrong, expected) in [
        (Answer { answered_model: Some("phi"), ..answer() }, ModelMismatch),
        (Answer { usage: usage(0), ..answer() }, UsageMismatch),
        (Answer { usage: usage(17), ..answer() }, UsageMismatch),
        (Answer { usage: usage(6), ..answer() }, UsageMismatch),
        (Answer { counted: Some(5), ..answer() }, UsageMismatch),
        (Answer { counted: Some(11), ..answer() }, UsageMismatch),
        (Answer { usage: usage(3), token_events: 3, counted: None, ..answer() }, LengthMismatch),
        (Answer { usage: None, token_events: 3, ..answer() }, LengthMismatch),
        (Answer { text: Some(&repeated), ..answer() }, Garbage),
        (Answer { text: Some("Rome is a city."), ..answer() }, ContentMismatch),
        (Answer { text: Some("Paris is a town."), ..answer() }, ContentMismatch),
        (Answer { text: None, ..answer() }, ContentMismatch),
        (Answer { text: Some("Paris is a city. "), finish: None, ..answer() }, ContentMismatch),
        (Answer { finish: Some(Finish::Length), ..answer() }, ContentMismatch),
    ] {
        assert_eq!(outcome(&everything(), &wrong), Some(expected), "{wrong:?}");
        assert_eq!(outcome(&Expect::default(), &wrong), None, "checks are opt-in");
    }
}

#[test]
fn of_several_the_first_by_precedence_is_told() {
    let wrong = Answer { answered_model: Some("phi"), usage: usage(0), text: None, ..answer() };
    assert_eq!(outcome(&everything(), &wrong), Some(Outcome::ModelMismatch));
    let wrong = Answer { usage: usage(0), text: None, ..answer() };
    assert_eq!(outcome(&everything(), &wrong), Some(Outcome::UsageMismatch));
}

#[test]
fn names_of_one_model() {
    let expect = Expect { same_model: true, ..Expect::default() };
    for (answered, same) in [
        (None, true),
        (Some("llama"), true),
        (Some("llama-2024-08-06"), true),
        (Some("llama-20240806"), true),
        (Some("llama-2"), false),
        (Some("llama-70b-20240806"), false),
        (Some("org/llama"), false),
        (Some(""), false),
    ] {
        let answer = Answer { answered_model: answered, ..answer() };
        assert_eq!(expect.check(&answer).is_none(), same, "{answered:?}");
    }
}

#[test]
fn counts_that_a_tokenization_can_explain() {
    let expect = Expect { consistent_usage: true, ..Expect::default() };
    for (reported, events, consistent) in [
        (16, 4, true),
        (15, 16, true),
        (14, 16, false),
        (96, 100, true),
        (95, 100, true),
        (94, 100, false),
        (0, 0, true),
        (0, 1, false),
    ] {
        let answer = Answer {
            max_tokens: 100,
            usage: usage(reported),
            token_events: events,
            counted: None,
            ..answer()
        };
        assert_eq!(expect.check(&answer).is_none(), consistent, "{reported} of {events}");
    }
    let silent = Answer { usage: Some(Usage::default()), ..answer() };
    assert_eq!(expect.check(&silent), None);
}

#[test]
fn a_detail_does_not_quote_the_text() {
    let secret = Answer { text: Some("hunter2"), ..answer() };
    let (_, detail) = everything().check(&secret).expect("it does not contain Paris");
    assert!(!detail.contains("hunter2"), "{detail}");
}

#[test]
fn counts_of_the_tokenizer_that_a_text_can_explain() {
    let expect = Expect { consistent_usage: true, ..Expect::default() };
    for (reported, hidden, counted, consistent) in [
        (8, 0, 8, true),
        (8, 0, 6, true),
        (8, 0, 5, false),
        (8, 0, 10, true),
        (8, 0, 11, false),
        (100, 0, 90, true),
        (100, 0, 89, false),
        // It is billed, and not shown.
        (100, 60, 40, true),
        (100, 60, 90, false),
    ] {
        let reasoning_tokens = Some(hidden);
        let usage =
            Usage { completion_tokens: Some(reported), reasoning_tokens, ..Usage::default() };
        let answer = Answer {
            max_tokens: 100,
            usage: Some(usage),
            token_events: 1,
            counted: Some(counted),
            ..answer()
        };
        assert_eq!(expect.check(&answer).is_none(), consistent, "{reported} {hidden} {counted}");
    }
}

#[test]
fn a_text_is_held_exactly_but_for_its_ends() {
    let expect = Expect { exact: Some("Paris".into()), ..Expect::default() };
    for (text, same) in
        [("Paris", true), (" Paris\n", true), ("paris", false), ("Paris.", false), ("", false)]
    {
        let answer = Answer { text: Some(text), ..answer() };
        assert_eq!(expect.check(&answer).is_none(), same, "{text:?}");
    }
}

#[test]
fn json_is_held_against_its_schema() {
    let schema =
        r#"{"type": "object", "required": ["city"], "properties": {"city": {"const": "Paris"}}}"#;
    let expect =
        Expect { json_schema: Some(Schema::parse(schema).expect("a schema")), ..Expect::default() };
    assert!(expect.needs_text());
    for (text, detail) in [
        (" {\"city\": \"Paris\"}\n", None),
        ("{\"city\": \"Rome\"}", Some("`/city` is against `/properties/city/const`")),
        ("{\"town\": \"Paris\"}", Some("`/` lacks \"city\", against `/required`")),
        ("```json\n{}\n```", Some("is not JSON: expected value at line 1 column 1")),
        ("{\"city\": \"Par", Some("is not JSON")),
    ] {
        let found = expect.check(&Answer { text: Some(text), ..answer() });
        match (found, detail) {
            (None, None) => {}
            (Some((Outcome::ContentMismatch, why)), Some(detail)) => {
                assert!(why.contains(detail), "{why}");
                assert!(!why.contains("Rome"), "{why}");
            }
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
}
