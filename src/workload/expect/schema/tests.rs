use serde_json::json;

use super::*;

fn schema(json: &Value) -> Schema {
    Schema::parse(&json.to_string()).expect("a schema")
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    for (text, error) in [
        ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "at `/`: "),
        (r#"{"type": "text"}"#, "at `/type`: \"text\" is not valid"),
        (r#"{"properties": {"a": {"minLength": -1}}}"#, "at `/properties/a/minLength`: -1 is"),
        (
            r#"{"items": {"patern": "x"}}"#,
            "at `/items`: no keyword of JSON Schema 2020-12: `patern`",
        ),
        (r#"{"items": [true]}"#, "at `/items`: "),
        (r#"{"anyOf": []}"#, "at `/anyOf`: "),
        (r#"{"required": "a"}"#, "at `/required`: \"a\" is not of type \"array\""),
        (r#"{"properties": {"b": {"pattern": "(a"}}}"#, "at `/properties/b/pattern`: "),
        (r#"{"properties": {"b": {"$id": "a"}}}"#, "at `/properties/b/$id`: this keyword is not"),
        (r##"{"$dynamicRef": "#meta"}"##, "at `/$dynamicRef`: this keyword is not"),
        (r##"{"$ref": "#/$defs/a"}"##, "\"#/$defs/a\" refers to nothing in this schema"),
        (r#"{"$ref": "http://127.0.0.1/a"}"#, "at `/$ref`: nothing is fetched"),
        (r##"{"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}"##, "contains itself"),
    ] {
        let found = Schema::parse(text).expect_err(text).to_string();
        assert!(found.contains(error), "{text}: {found}");
    }
}

#[test]
fn a_schema_that_multiplies_is_refused() {
    let mut defs = serde_json::Map::new();
    defs.insert("a0".into(), json!({"type": "null"}));
    for level in 1..40 {
        let below = json!({"$ref": format!("#/$defs/a{}", level - 1)});
        defs.insert(format!("a{level}"), json!({"anyOf": [below, below]}));
    }
    let text = json!({"$defs": defs, "$ref": "#/$defs/a39"}).to_string();
    assert_eq!(Schema::parse(&text).expect_err("too large"), SchemaError::Large(MOST_VALUES));
}

/// An engine of regular expressions that goes back would try 2^64 ways; one that knows no way back
/// knows no look-around.
#[test]
fn patterns_are_matched_without_going_back() {
    let schema = schema(&json!({"pattern": "^(a|a)*$"}));
    let answer = json!(format!("{}b", "a".repeat(64)));
    let found = schema.unlike(&answer.to_string());
    assert_eq!(
        found.as_deref(),
        Some("the answer is not of its JSON Schema: `/` is against `/pattern`")
    );
    for pattern in ["(?=a)b", r"(a)\1"] {
        let text = json!({"pattern": pattern}).to_string();
        assert!(matches!(Schema::parse(&text), Err(SchemaError::Form { .. })), "{pattern}");
    }
}

#[test]
fn a_miss_tells_where_and_quotes_nothing_of_the_answer() {
    let schema = schema(&json!({
        "type": "object",
        "properties": {
            "list": {"items": {"type": "object", "properties": {"n": {"maximum": 3}}}},
            "free": {"additionalProperties": {"type": "null"}, "propertyNames": {"maxLength": 6}},
            "one": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["n"]}]},
        },
        "additionalProperties": false,
    }));
    let list = "/properties/list/items";
    for (answer, miss) in [
        (
            json!({"list": [{"n": 3}, {"n": 4}]}),
            format!("`/list/1/n` is against `{list}/properties/n/maximum`"),
        ),
        (json!({"list": ["secret"]}), format!("`/list/0` is against `{list}/type`")),
        (json!({"secret": 1}), "`/` is against `/additionalProperties`".to_owned()),
        (
            json!({"free": {"secret": 1}}),
            "`/free/*` is against `/properties/free/additionalProperties/type`".to_owned(),
        ),
        (
            json!({"free": {"4711": 1}}),
            "`/free/*` is against `/properties/free/additionalProperties/type`".to_owned(),
        ),
        (
            json!({"free": {"secrets": null}}),
            "`/free` is against `/properties/free/propertyNames".to_owned(),
        ),
        (json!({"one": "secret"}), "`/one` is against `/properties/one/anyOf`".to_owned()),
    ] {
        let found = schema.unlike(&answer.to_string()).expect("it is not of the schema");
        assert!(
            found.starts_with(&format!("the answer is not of its JSON Schema: {miss}")),
            "{found}"
        );
        assert!(!found.contains("secret"), "{found}");
    }
}

#[test]
fn what_it_was_read_from_is_what_it_prints() {
    let (one, other) = (schema(&json!({"const": 1})), schema(&json!({"const": 2})));
    assert_eq!(format!("{one:?}"), r#"Schema({"const":1})"#);
    assert_ne!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn references_and_numbers_are_as_the_standard_has_them() {
    let schema = schema(&json!({
        "$id": "https://example.org/schema",
        "$schema": "http://json-schema.org/draft-07/schema#",
        "definitions": {"city": {"type": "string", "minLength": 2}},
        "properties": {
            "a": {"$ref": "#/definitions/city", "maxLength": 4},
            "n": {"enum": [1, 2]},
            "i": {"type": "integer"},
            "o": {"oneOf": [{"minimum": 3}, {"multipleOf": 2}]},
        },
    }));
    for (answer, good) in [
        (json!({"a": "Rome", "n": 1.0, "i": 2.0}), true),
        (json!({"a": "é"}), false),
        (json!({"a": "Paris"}), false),
        (json!({"n": 1.5}), false),
        (json!({"i": 2.5}), false),
        (json!({"o": 4}), false),
        (json!({"o": 2}), true),
        (json!("anything else"), true),
    ] {
        assert_eq!(schema.unlike(&answer.to_string()).is_none(), good, "{answer}");
    }
}
