use proptest::prelude::*;
use serde_json::json;

use super::*;

fn schema(json: &Value) -> Schema {
    Schema::parse(&json.to_string()).expect("a schema")
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    for (text, error) in [
        ("{", "not JSON: EOF while parsing an object at line 1 column 1"),
        ("[]", "`/` must be a schema: an object, `true` or `false`"),
        (r#"{"type": "text"}"#, "`/type` must be null, boolean,"),
        (
            r#"{"properties": {"a": {"minLength": -1}}}"#,
            "`/properties/a/minLength` must be a whole",
        ),
        (
            r#"{"items": {"patern": "x"}}"#,
            "`patern` at `/items` is no keyword that is checked here",
        ),
        (r#"{"items": [true]}"#, "`/items` must be a schema"),
        (r#"{"oneOf": [true]}"#, "`oneOf` at `/` is no keyword"),
        (r#"{"anyOf": []}"#, "`/anyOf` must be a list of schemas that is not empty"),
        (r#"{"enum": 1}"#, "`/enum` must be a list"),
        (r#"{"required": "a"}"#, "`/required` must be a list of names"),
        (r#"{"pattern": "(a"}"#, "`/pattern` is not a regular expression: unclosed group"),
        (r##"{"$ref": "#/$defs/a"}"##, "`/$ref` refers to \"#/$defs/a\", which is not below"),
        (r##"{"$ref": "http://127.0.0.1/a"}"##, "refers to"),
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
    assert_eq!(Schema::parse(&text).expect_err("too large"), SchemaError::Large(1000));
}

#[test]
fn a_miss_tells_where_and_quotes_nothing_of_the_answer() {
    let schema = schema(&json!({
        "type": "object",
        "properties": {"list": {"items": {"type": "object", "properties": {"n": {"maximum": 3}}}}},
        "additionalProperties": false,
    }));
    for (answer, miss) in [
        (json!({"list": [{"n": 3}, {"n": 4}]}), "`/list/1/n` must be at most 3"),
        (json!({"list": ["secret"]}), "`/list/0` must be of type object"),
        (json!({"secret": 1}), "`/*` must not be there"),
    ] {
        let found = schema.unlike(&answer.to_string()).expect("it is not of the schema");
        assert_eq!(found, format!("the answer is not of its JSON Schema: {miss}"));
    }
}

#[test]
fn references_and_numbers_are_as_the_standard_has_them() {
    let schema = schema(&json!({
        "definitions": {"city": {"type": "string", "minLength": 2}},
        "properties": {
            "a": {"$ref": "#/definitions/city", "maxLength": 4},
            "n": {"enum": [1, 2]},
            "i": {"type": "integer"},
        },
    }));
    for (answer, good) in [
        (json!({"a": "Rome", "n": 1.0, "i": 2.0}), true),
        (json!({"a": "é"}), false),
        (json!({"a": "Paris"}), false),
        (json!({"n": 1.5}), false),
        (json!({"i": 2.5}), false),
        (json!("anything else"), true),
    ] {
        assert_eq!(schema.unlike(&answer.to_string()).is_none(), good, "{answer}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// The referee is a whole validator of the standard.
    #[test]
    fn a_verdict_is_that_of_a_whole_validator(schema in schemas(), value in values()) {
        let referee = jsonschema::draft202012::new(&schema).expect("a schema");
        let ours = Schema::parse(&schema.to_string()).expect("a schema");
        let unlike = ours.unlike(&value.to_string());
        prop_assert_eq!(unlike.is_none(), referee.is_valid(&value), "{} {}", schema, value);
    }
}

/// Few names, texts and numbers, so that schemas and values often meet.
fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i32..4).prop_map(Value::from),
        (-4_i32..8).prop_map(|half| json!(f64::from(half) / 2.0)),
        "[ab]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("[abc]", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A schema that may refer to another.
fn schemas() -> impl Strategy<Value = Value> {
    let referring = prop_oneof![4 => rules(), 1 => Just(json!({"$ref": "#/$defs/x"}))];
    (nested(rules()), nested(referring))
        .prop_map(|(x, schema)| json!({"$defs": {"x": x}, "allOf": [schema]}))
}

/// Schemas of one rule.
fn rules() -> impl Strategy<Value = Value> {
    let kind = || prop::sample::select(&Kinds::NAMES[..]);
    let bound = || (-4_i32..8).prop_map(|half| json!(f64::from(half) / 2.0));
    let size = || (0_u8..4).prop_map(Value::from);
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        kind().prop_map(|kind| json!({"type": kind})),
        (kind(), kind())
            .prop_filter("distinct", |(a, b)| a != b)
            .prop_map(|(a, b)| json!({"type": [a, b]})),
        prop::collection::vec(values(), 1..4).prop_map(|values| json!({"enum": values})),
        values().prop_map(|value| json!({"const": value})),
        (bound(), bound()).prop_map(|(a, b)| json!({"minimum": a, "maximum": b})),
        (bound(), bound()).prop_map(|(a, b)| json!({"exclusiveMinimum": a, "exclusiveMaximum": b})),
        (size(), size()).prop_map(|(a, b)| json!({"minLength": a, "maxLength": b})),
        (size(), size()).prop_map(|(a, b)| json!({"minItems": a, "maxItems": b})),
        prop::sample::select(&["^a", "b$", "ab", "^[ab]{2}$"][..])
            .prop_map(|pattern| json!({"pattern": pattern})),
        prop::collection::hash_set("[abc]", 0..3).prop_map(|names| json!({"required": names})),
    ]
}

/// Schemas within schemas.
fn nested(leaf: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 1..3);
        prop_oneof![
            list.clone().prop_map(|parts| json!({"anyOf": parts})),
            list.prop_map(|parts| json!({"allOf": parts, "title": "t"})),
            inner.clone().prop_map(|part| json!({"items": part, "type": ["array", "object"]})),
            (inner.clone(), inner).prop_map(|(a, others)| {
                json!({"properties": {"a": a}, "additionalProperties": others})
            }),
        ]
    })
}

struct Kinds;

impl Kinds {
    const NAMES: [&'static str; 7] =
        ["null", "boolean", "integer", "number", "string", "array", "object"];
}
