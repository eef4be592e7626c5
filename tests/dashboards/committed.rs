//! The dashboards as they ship, and the rules that all of them keep.

use std::{collections::BTreeSet, fs, process::Command};

use serde_json::Value;
use tokenbeat::{
    dashboard::{self, Board, Kind},
    measure::catalogue::{CATALOGUE, Family, Row},
};

use crate::{daemon, file, promql};

#[test]
fn the_files_are_those_of_the_description() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new");
    let output = daemon::tokenbeat(&["dashboards", "--output.dir", path.to_str().expect("UTF-8")])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = |folder| -> BTreeSet<_> {
        let entries = fs::read_dir(folder).expect("a folder");
        entries.map(|entry| entry.expect("an entry").file_name()).collect()
    };
    assert_eq!(names(path.clone()), names(file("dashboards")));
    for board in Board::ALL {
        let written = fs::read_to_string(path.join(board.file())).expect("written");
        let shipped = fs::read_to_string(file("dashboards").join(board.file())).expect("shipped");
        assert!(written == shipped, "{} differs: `make generate` writes it anew", board.file());
    }
}

#[test]
fn one_is_printed_and_several_want_a_folder() {
    let run = |arguments: &[&str]| -> (bool, String, String) {
        let mut command: Command = daemon::tokenbeat(&[&["dashboards"], arguments].concat());
        let output = command.output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    assert_eq!(run(&["slo"]).1, dashboard::json(Board::Slo));
    let (ok, printed, said) = run(&[]);
    assert!(!ok && printed.is_empty() && said.contains("--output.dir DIR"), "{said}");
    let (ok, _, said) = run(&["slos"]);
    assert!(!ok && said.contains("no dashboard `slos`") && said.contains("sweeps"), "{said}");
    let (ok, printed, _) = run(&["--format", "configmap"]);
    assert!(ok);
    for (document, board) in printed.split("---\n").skip(1).zip(Board::ALL) {
        let object: Value = serde_saphyr::from_str(document).expect("YAML");
        assert_eq!(object["metadata"]["labels"]["grafana_dashboard"], "1");
        assert_eq!(object["data"][board.file()], dashboard::json(board));
    }
}

#[test]
fn every_panel_says_what_it_shows_and_none_is_one_too_many() {
    for board in Board::ALL {
        let of = board.dashboard();
        let panels: Vec<_> = of.rows.iter().flat_map(|row| &row.panels).collect();
        assert!((8..=19).contains(&panels.len()), "{board:?} has {} panels", panels.len());
        assert!(of.rows[0].title.ends_with('?'), "the first row of {board:?} answers a question");
        for panel in panels {
            let title = panel.title;
            assert!(!panel.description.is_empty() && !panel.queries.is_empty(), "{title}");
            let legends: BTreeSet<_> = panel.queries.iter().map(|query| query.legend).collect();
            assert_eq!(legends.len(), panel.queries.len(), "{title}: two queries of one name");
            assert!(panel.kind != Kind::XyChart || panel.queries.len() == 2, "{title}");
        }
    }
}

#[test]
fn a_panel_that_not_every_installation_fills_says_so() {
    // What every daemon that beats has series of.
    let given = |name: &str| {
        let of = |row: &&Row| {
            name.strip_prefix(row.name)
                .is_some_and(|rest| ["", "_bucket", "_count", "_sum"].contains(&rest))
        };
        let family = CATALOGUE.iter().find(of).map(|row| row.family);
        matches!(family, Some(Family::Probe | Family::Daemon | Family::Process))
    };
    for board in Board::ALL {
        for panel in board.dashboard().rows.into_iter().flat_map(|row| row.panels) {
            let filled = panel.queries.iter().any(|query| {
                promql::names(&query.expr).selectors.iter().all(|one| given(&one.name))
            });
            assert!(
                filled || panel.needs.is_some(),
                "{board:?}, {}: when is it empty?",
                panel.title
            );
        }
    }
}

#[test]
fn every_query_works_for_histograms_of_either_form() {
    for (place, expression) in crate::names::of_dashboards() {
        let names = promql::names(&expression);
        let metrics: BTreeSet<&str> =
            names.selectors.iter().map(|selector| &*selector.name).collect();
        for selector in &names.selectors {
            assert!(
                selector.matchers.iter().all(|(label, ..)| label != "le"),
                "{place} selects le"
            );
            for suffix in ["_bucket", "_count", "_sum"] {
                let native = selector.name.strip_suffix(suffix);
                let alone = native.is_some_and(|native| !metrics.contains(native));
                assert!(!alone, "{place}: {} without its native form", selector.name);
            }
            if crate::names::is_histogram(&selector.name) {
                let suffixed = |one: &&str| {
                    one.strip_prefix(&*selector.name).is_some_and(|rest| rest.starts_with('_'))
                };
                assert!(
                    metrics.iter().any(suffixed),
                    "{place}: {} without its classic form",
                    selector.name
                );
            }
        }
        assert!(!names.called.contains("vector"), "{place} makes up what is absent");
        assert!(!names.called.contains("absent"), "{place}: an absence is for alerts");
    }
}

#[test]
fn counters_are_read_as_rates_and_gauges_as_they_are() {
    for (place, expression) in crate::names::of_dashboards() {
        for selector in promql::names(&expression).selectors {
            let counts = ["_total", "_bucket", "_count", "_sum"];
            let counter = counts.iter().any(|suffix| selector.name.ends_with(suffix))
                || crate::names::is_histogram(&selector.name);
            assert_eq!(counter, selector.range, "{place}: {}", selector.name);
        }
    }
}

#[test]
fn links_identities_and_variables_fit_together() {
    let mut uids = BTreeSet::new();
    for board in Board::ALL {
        let text = dashboard::json(board);
        let json: Value = serde_json::from_str(&text).expect("JSON");
        let uid = json["uid"].as_str().expect("a uid");
        assert!((8..=40).contains(&uid.len()) && uids.insert(uid.to_owned()), "{uid}");
        assert_eq!(json["editable"], false);
        let panels = json["panels"].as_array().expect("panels");
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
        assert_eq!(ids.len(), panels.len(), "{uid}: ids");
        let variables = json["templating"]["list"].as_array().expect("variables");
        assert_eq!(
            (&variables[0]["name"], &variables[0]["label"]),
            (&"datasource".into(), &"Data source".into())
        );
        let names: Vec<&str> = variables.iter().filter_map(|one| one["name"].as_str()).collect();
        for (at, _) in text.match_indices('$') {
            let name = text[at + 1..].trim_start_matches('{');
            let name =
                &name[..name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(0)];
            assert!(name.starts_with("__") || names.contains(&name), "{uid} uses ${name}");
        }
        for name in names {
            let used = text.matches(&format!("${name}")).count()
                + text.matches(&format!("${{{name}}}")).count();
            assert!(used > 0, "{uid} does not use ${name}");
        }
        for (at, _) in text.match_indices("/d/") {
            let to = &text[at + 3..];
            let to = &to[..to.find('?').expect("a query")];
            assert!(Board::ALL.iter().any(|board| board.uid() == to), "{uid} leads to {to}");
        }
    }
}
