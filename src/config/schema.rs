//! The JSON Schema of the configuration.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::spec::FileSpec;

/// The JSON Schema of a configuration file: what `config/schema.json` holds, and what the loader
/// itself checks files against.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut schema = settings.into_generator().into_root_schema_for::<FileSpec>().to_value();
    forbid_null(&mut schema);
    schema
}

/// Takes `null` out of every optional key: a key without a value is a slip, not an absence.
fn forbid_null(schema: &mut Value) {
    match schema {
        Value::Object(keys) => {
            if keys.get("default").is_some_and(Value::is_null) {
                keys.remove("default");
            }
            if let Some(Value::Array(types)) = keys.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    keys.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(branches)) = keys.get_mut("anyOf") {
                branches.retain(|branch| branch["type"] != "null");
                if let [Value::Object(one)] = branches.as_slice() {
                    let one = one.clone();
                    keys.remove("anyOf");
                    keys.extend(one);
                }
            }
            keys.values_mut().for_each(forbid_null);
        }
        Value::Array(items) => items.iter_mut().for_each(forbid_null),
        _ => {}
    }
}
