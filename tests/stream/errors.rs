//! The message of an error body.

use proptest::prelude::*;
use tokenbeat::protocol::error_message;

#[test]
fn error_bodies_give_their_message() {
    let table = [
        (r#"{"error":{"message":"boom","type":"server_error"}}"#, Some("boom")),
        (r#"{"error":"Unauthorized"}"#, Some("Unauthorized")),
        (r#"{"error":{"message":"","type":"server_error"}}"#, Some("server_error")),
        (r#"{"error":{"error":{"message":"wrapped"}}}"#, Some("wrapped")),
        (r#"{"message":"boom","object":"error"}"#, Some("boom")),
        (r#"{"detail":"Not Found"}"#, Some("Not Found")),
        (
            r#"{"detail":[{"loc":["body","n",0],"msg":"required"},{"msg":"too long"}]}"#,
            Some("body.n.0: required; too long"),
        ),
        (r#"{"detail":{"reason":"quota"}}"#, Some("quota")),
        (r#"{"status":500}"#, Some(r#"{"status":500}"#)),
        (r#""just text""#, Some("just text")),
        ("Internal Server Error", Some("Internal Server Error")),
        ("two\r\n  lines\t\u{7}here\u{1b}[31m", Some("two lines here[31m")),
        ("<html><head><title>502 Bad\nGateway</title>", Some("502 Bad Gateway")),
        ("<h1>no title</h1>", Some("<h1>no title</h1>")),
        ("", None),
        (" \n", None),
        ("null", None),
        ("{}", None),
        (r#""""#, None),
    ];
    for (body, message) in table {
        assert_eq!(error_message(body.as_bytes()).as_deref(), message, "{body:?}");
    }
    assert_eq!(error_message(b"\xFFtext").as_deref(), Some("\u{FFFD}text"));
}

#[test]
fn a_long_message_is_cut_where_a_character_ends() {
    let long = error_message("é".repeat(5_000).as_bytes()).expect("a message");
    assert_eq!(long, "é".repeat(299) + "…");
    let exact = "a ".repeat(149) + "bc";
    assert_eq!(error_message(exact.as_bytes()), Some(exact));
}

proptest! {
    #[test]
    fn a_message_is_one_short_clean_line(body in prop::collection::vec(any::<u8>(), 0..2_000)) {
        if let Some(message) = error_message(&body) {
            prop_assert!(!message.trim().is_empty());
            prop_assert!(message.chars().count() <= 300);
            prop_assert!(!message.chars().any(char::is_control));
        }
    }
}
