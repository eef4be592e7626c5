//! Configuration files: what loads, what does not and how that is said.
#![expect(clippy::expect_used, reason = "helpers of tests may panic as tests do")]

use std::path::{Path, PathBuf};

use tokenbeat::config::{self, Problems};

/// What stands in every bad file that holds a secret.
const PLANTED: &str = "planted";

/// The YAML files of a folder, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect(folder);
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|ext| ext == "yml")).collect();
    files.sort();
    assert!(!files.is_empty(), "{folder} has files");
    files
}

fn problems(path: &Path) -> Problems {
    config::load(path).expect_err(&format!("{} must not load", path.display()))
}

fn schema() -> jsonschema::Validator {
    let text = std::fs::read_to_string("config/schema.json").expect("the committed schema");
    let schema = serde_json::from_str(&text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(path).expect("a file");
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(&text, options).expect("YAML")
}

#[test]
fn every_good_file_loads() {
    for path in files("tests/config/ok").into_iter().chain(files("config")) {
        if let Err(problems) = config::load(&path) {
            panic!("{} must load:\n{problems}", path.display());
        }
    }
}

#[test]
fn every_bad_file_says_what_is_wrong() {
    for path in files("tests/config/bad") {
        let name = path.file_stem().expect("a stem").to_string_lossy().into_owned();
        insta::with_settings!({ snapshot_path => "config/bad", prepend_module_to_snapshot => false,
                                omit_expression => true }, {
            insta::assert_snapshot!(name, problems(&path).to_string());
        });
    }
}

#[test]
fn no_rendering_shows_a_planted_secret() {
    let mut planted = 0;
    for path in files("tests/config/bad") {
        let text = String::from_utf8_lossy(&std::fs::read(&path).expect("a file")).into_owned();
        if !text.contains(PLANTED) {
            continue;
        }
        planted += 1;
        let problems = problems(&path);
        let listed: Vec<_> = problems.iter().collect();
        let json = serde_json::to_string(&listed).expect("JSON");
        for shown in [problems.to_string(), format!("{problems:?}"), format!("{listed:#?}"), json] {
            assert!(!shown.contains(PLANTED), "{} shows it:\n{shown}", path.display());
        }
    }
    assert!(planted >= 10, "{planted} files have a planted secret");
}

#[test]
fn the_committed_schema_is_the_one_in_the_code() {
    let committed = std::fs::read_to_string("config/schema.json").expect("the committed schema");
    let current = format!("{:#}\n", config::schema());
    let advice = "write it anew with: cargo run -- schema > config/schema.json";
    assert!(committed == current, "{advice}\n{current}");
}

#[test]
fn the_schema_accepts_what_loads() {
    let schema = schema();
    for path in files("tests/config/ok").into_iter().chain(files("config")) {
        let json = json(&path);
        let errors: Vec<String> =
            schema.iter_errors(&json).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
}

#[test]
fn the_schema_refuses_what_has_a_structural_fault() {
    let schema = schema();
    let structural = ["unknown-", "wrong-type-", "missing-", "bad-duration", "bad-size", "too-few"];
    for path in files("tests/config/bad") {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if structural.iter().any(|start| name.starts_with(start)) {
            assert!(!schema.is_valid(&json(&path)), "{name} is valid by the schema");
        }
    }
}
