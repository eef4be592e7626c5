//! The shipped rules: what the binary makes, documented, and right in a real `promtool`.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "support/externals.rs"]
mod externals;
#[path = "rules/promtool.rs"]
mod promtool;
#[path = "rules/table.rs"]
mod table;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use promtool::Promtool;
use tokenbeat::{config, rules};

const SHIPPED: &str = "alerts/tokenbeat.rules.yml";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs `tokenbeat rules` with these arguments.
fn tokenbeat(arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_tokenbeat"));
    program.env_remove("TOKENBEAT_CONFIG_FILE").current_dir(root());
    program.arg("rules").args(arguments).output().expect("the binary runs")
}

fn printed(arguments: &[&str]) -> (String, String) {
    let output = tokenbeat(arguments);
    let told = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{told}");
    (String::from_utf8(output.stdout).expect("UTF-8"), told)
}

/// A configuration with a probe of every speed.
fn speeds() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("speeds.yml");
    fs::write(
        &file,
        "\
targets:
  - {name: one, url: \"http://127.0.0.1:1\", models: [m/1, m2]}
  - {name: two, url: \"http://127.0.0.1:2\", models: all}
workloads:
  hello: {synthetic: {output_tokens: 16}}
slos:
  fast: {thresholds: {ttft: {max: 450ms, objective: 99%}, tpot: 30ms}, objective: 95%}
  loose: {thresholds: {e2e: 10s}, objective: 90%, window: 30d}
probes:
  - {name: canary, targets: all, workload: hello, interval: 30s, slo: [fast, loose]}
  - {name: slow, targets: [two], workload: hello, interval: 10m, slo: loose}
  - {name: sparse, targets: [two], workload: hello, interval: 2h, slo: loose}
  - {name: unjudged, targets: all, workload: hello, interval: 30s}
",
    )
    .expect("written");
    (folder, file)
}

#[test]
fn the_shipped_files_are_what_the_binary_makes() {
    for (file, arguments) in [
        (SHIPPED, [].as_slice()),
        ("alerts/tokenbeat.prometheusrule.yml", &["--format", "prometheus-operator"]),
    ] {
        let (made, _) = printed(arguments);
        assert!(made == read(file), "{file} differs: write it anew with `make generate`");
    }
}

#[test]
fn every_alert_has_its_page_and_every_page_its_alert() {
    let (_folder, file) = speeds();
    let config = config::load(&file).map_err(|problems| problems.to_string()).expect("valid");
    let groups = [rules::shipped(), rules::configured(&config).groups].concat();
    let alerts: BTreeSet<String> =
        groups.iter().flat_map(rules::Group::alerts).map(|alert| alert.name.to_owned()).collect();
    let pages: BTreeSet<String> = fs::read_dir(root().join("docs/runbooks"))
        .expect("the runbooks")
        .map(|entry| entry.expect("readable").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| name != "README")
        .collect();
    assert_eq!(alerts, pages);
    let index = read("docs/runbooks/README.md");
    for alert in alerts {
        assert!(index.contains(&format!("[{alert}]({alert}.md)")), "the index lacks {alert}");
        let page = read(format!("docs/runbooks/{alert}.md"));
        for part in ["Meaning", "Impact", "Telling the causes apart", "What to do"] {
            assert!(page.contains(&format!("\n## {part}\n")), "{alert} has no {part}");
        }
    }
}

#[test]
fn every_alert_says_what_an_operator_needs() {
    for alert in rules::shipped().iter().flat_map(rules::Group::alerts) {
        let name = alert.name;
        assert!(name.starts_with("Tokenbeat"), "{name}");
        assert!(alert.summary.ends_with('.') && !alert.summary.contains("$value"), "{name}");
        assert!(alert.description.ends_with('.'), "{name}");
        assert!(!alert.expr.contains("le="), "{name} selects a bucket");
        assert!(!alert.expr.contains("or vector"), "{name} makes up data");
    }
}

#[test]
fn replicas_are_one_everywhere() {
    for group in rules::shipped() {
        for rule in &group.rules {
            let expr = match rule {
                rules::Rule::Record(record) => &record.expr,
                rules::Rule::Alert(alert) => &alert.expr,
            };
            // A raw metric stands below an aggregation; what is recorded already is one.
            let raw = expr.contains("tokenbeat_") && !expr.starts_with("absent");
            let recorded = expr.contains("target_model_probe");
            let aggregated = expr.contains("without (instance, pod");
            assert!(!raw || recorded || aggregated, "{expr}");
            assert!(!expr.contains(" by ("), "labels that others add would be lost: {expr}");
        }
    }
}

#[test]
fn a_configuration_is_written_in_and_what_cannot_be_had_is_said() {
    let (_folder, file) = speeds();
    let (made, told) = printed(&["--config.file", file.to_str().expect("UTF-8")]);
    for expected in [
        r#"ratio_increase1h{probe="canary",slo="fast"} > 0.5"#,
        r#"ratio_increase6h{probe="canary",slo="fast"} > 0.3"#,
        // The first token has an objective of its own.
        r#"ratio_increase6h{probe="canary",slo="fast",metric="ttft"} > 0.06"#,
        r#"ratio_increase6h{probe="canary",slo="fast",metric="tpot"} > 0.3"#,
        r#"ratio_increase1d{probe="slow",slo="loose"} > 0.3"#,
        r#"absent(tokenbeat_slo_requests_total{target="one",probe="canary",slo="fast"})"#,
    ] {
        assert!(made.contains(expected), "{expected} is not in\n{made}");
    }
    assert!(
        !made.contains(r#"ratio_increase30m{probe="slow""#),
        "half an hour holds too few beats"
    );
    assert!(!made.contains(r#"increase3d{probe="sparse""#), "three days hold too few beats");
    assert_eq!(
        told,
        "\
warning: probe `slow`, SLO `loose`: no alert on 1h/5m and 6h/30m: a beat comes every 10m, and the short \
window is to hold five. For all windows: `interval: 1m` or less
warning: probe `sparse`, SLO `loose`: this SLO at this probe rate cannot be alerted without false pages: a \
beat comes every 2h, and the short window is to hold five. Need `interval: 1h12m` or less, for all windows \
1m
"
    );
}

#[test]
fn what_cannot_be_made_is_told_with_its_remedy() {
    let (folder, valid) = speeds();
    let text = fs::read_to_string(&valid).expect("readable");
    let shouted = folder.path().join("shouted.yml");
    fs::write(&shouted, text.replace("fast", "Fast_1")).expect("written");
    let (valid, shouted) = (valid.to_str().expect("UTF-8"), shouted.to_str().expect("UTF-8"));
    let bare = folder.path().join("bare.yml");
    fs::write(&bare, "targets: [{name: t, url: \"http://127.0.0.1:1\", models: [m]}]\n")
        .expect("written");
    let bare = bare.to_str().expect("UTF-8");
    for (arguments, told) in [
        (["--format", "sloth", "--static"].as_slice(), "give --config.file FILE"),
        (&["--format", "pyrra", "--config.file", bare], "add `slo: NAME` to one"),
        (&["--config.file", "no-such.yml"], "no-such.yml"),
        (&["--label", "team"], "a label is NAME=VALUE"),
        (&["--label", "severity=page"], "label `severity`: the rules set it"),
        (
            &["--label", "team=a", "--label", "team=b"],
            "label `team`: the rules set it, or it is given twice",
        ),
        (
            &["--label", "app.kubernetes.io/part-of=x"],
            "label `app.kubernetes.io/part-of`: a name has letters",
        ),
        (
            &["--format", "sloth", "--label", "1st=x", "--config.file", valid],
            "label `1st`: a name has letters",
        ),
        (
            &["--format", "pyrra", "--config.file", shouted],
            "SLO `Fast_1`: Pyrra's object takes its name",
        ),
        (&["--output", "no/such/folder/rules.yml"], "cannot be written"),
    ] {
        let output = tokenbeat(arguments);
        let error = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
}

#[test]
fn a_label_of_an_object_is_there_once_and_the_last_word_on_it_stands() {
    let arguments =
        ["--label", "app.kubernetes.io/name=ours", "--label", "release=a", "--label", "release=b"];
    let (made, _) = printed(&[&["--format", "prometheus-operator"], arguments.as_slice()].concat());
    let (metadata, _) = made.split_once("spec:").expect("a specification");
    assert!(
        metadata.contains("labels:\n    app.kubernetes.io/name: ours\n    release: b\n"),
        "{metadata}"
    );
}

#[test]
fn slos_for_other_tools_are_known() {
    let (_folder, file) = speeds();
    let file = file.to_str().expect("UTF-8");
    for format in ["sloth", "pyrra", "openslo"] {
        let options = ["--label", "team=inference", "--namespace", "monitoring"];
        let arguments = [&["--config.file", file, "--format", format], options.as_slice()].concat();
        let (made, _) = printed(&arguments);
        insta::with_settings!({ snapshot_path => "snapshots/rules", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(format, made);
        });
    }
}

#[test]
fn an_object_for_pyrra_has_the_name_that_its_series_carry() {
    let (_folder, file) = speeds();
    let file = file.to_str().expect("UTF-8");
    let (made, _) = printed(&["--config.file", file, "--format", "pyrra"]);
    let mut names = Vec::new();
    for object in made.split("---\n").skip(1) {
        let object: serde_json::Value = serde_saphyr::from_str(object).expect("YAML");
        let name = object["metadata"]["name"].as_str().expect("a name");
        let ratio = &object["spec"]["indicator"]["ratio"];
        for side in ["errors", "total"] {
            let metric = ratio[side]["metric"].as_str().expect("a selector");
            assert!(metric.ends_with(&format!("_total{{slo=\"{name}\"}}")), "{name}: {metric}");
        }
        names.push(name.to_owned());
    }
    assert_eq!(names, ["fast", "loose"]);
}

#[test]
fn promtool_finds_no_fault() {
    let Some(promtool) = Promtool::find("promtool_finds_no_fault") else { return };
    promtool.check(&root().join(SHIPPED));
    let (folder, file) = speeds();
    let made = folder.path().join("made.yml");
    let (file, output) = (file.to_str().expect("UTF-8"), made.to_str().expect("UTF-8"));
    printed(&["--config.file", file, "--output", output, "--label", "team=inference"]);
    promtool.check(&made);
}

#[test]
fn every_query_of_a_runbook_can_be_pasted() {
    let Some(promtool) = Promtool::find("every_query_of_a_runbook_can_be_pasted") else { return };
    let mut rules = String::from("groups:\n- name: pasted\n  rules:\n");
    let mut count = 0;
    for entry in fs::read_dir(root().join("docs/runbooks")).expect("the runbooks") {
        let page = fs::read_to_string(entry.expect("readable").path()).expect("text");
        for block in page.split("```promql\n").skip(1) {
            let query = block.split("\n```").next().expect("an end");
            let query = serde_json::to_string(query).expect("a string");
            rules.push_str(&format!("  - {{record: \"pasted:{count}\", expr: {query}}}\n"));
            count += 1;
        }
    }
    assert!(count > 50, "{count} queries");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pasted.yml");
    fs::write(&file, rules).expect("written");
    promtool.check(&file);
}

#[test]
fn alerts_fire_at_their_time_and_resolve() {
    let Some(promtool) = Promtool::find("alerts_fire_at_their_time_and_resolve") else { return };
    let mut cases = 0;
    for entry in fs::read_dir(root().join("tests/rules")).expect("the cases") {
        let path = entry.expect("readable").path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            promtool.test(&path);
            cases += 1;
        }
    }
    assert!(cases >= 5, "{cases} files of cases");
}

#[test]
fn the_table_of_minutes_is_what_the_shipped_rules_do() {
    let Some(promtool) = Promtool::find("the_table_of_minutes_is_what_the_shipped_rules_do") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    for files in table::files(&read(SHIPPED)) {
        let write = |(name, text): (String, String)| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("written");
            path
        };
        write(files.rules);
        promtool.test(&write(files.cases));
    }
}

#[test]
fn the_table_of_minutes_is_in_the_documentation() {
    let page = read("docs/alerts.md");
    for table in table::markdown() {
        assert!(page.contains(&table), "docs/alerts.md lacks this table:\n{table}");
    }
}
