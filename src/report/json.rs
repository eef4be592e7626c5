//! Records as JSON, and the schema of their form.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::event::RunRecord;

/// Records as JSON: of one run the object, of several an array of them.
///
/// # Errors
/// If a number cannot be written; none of a record is so.
pub fn json(runs: &[&RunRecord]) -> serde_json::Result<String> {
    let mut text = match runs {
        [run] => serde_json::to_string_pretty(run)?,
        runs => serde_json::to_string_pretty(runs)?,
    };
    text.push('\n');
    Ok(text)
}

/// The JSON Schema of a run's record: what `docs/run-record.schema.json` holds.
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<RunRecord>().to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_written_record_is_read_back_the_same() {
        let run = sample::sweep();
        let text = json(&[&run]).expect("a record can be written");
        assert_eq!(serde_json::from_str::<RunRecord>(&text).expect("read"), run);
        let text = json(&[&run, &run]).expect("records can be written");
        assert_eq!(serde_json::from_str::<Vec<RunRecord>>(&text).expect("read").len(), 2);
    }

    #[test]
    fn a_written_record_meets_the_schema() {
        let validator = jsonschema::validator_for(&schema()).expect("a schema");
        for run in [sample::sweep(), sample::failed()] {
            let value = serde_json::to_value(&run).expect("a record");
            let faults: Vec<_> =
                validator.iter_errors(&value).map(|fault| fault.to_string()).collect();
            assert!(faults.is_empty(), "{faults:?}");
            let mut wrong = value;
            wrong["steps"] = "none".into();
            assert!(!validator.is_valid(&wrong));
        }
    }

    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../docs/run-record.schema.json");
        let committed: Value = serde_json::from_str(committed).expect("JSON");
        let advice =
            "write it anew: cargo run -- schema --run-record > docs/run-record.schema.json";
        assert!(committed == schema(), "{advice}");
    }
}
