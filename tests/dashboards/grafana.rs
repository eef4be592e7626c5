//! Grafana's own types read the dashboards, and nothing is lost on the way.

use std::{fs, path::Path, process::Command};

use tokenbeat::dashboard::Board;

use crate::{externals, file};

fn read(python: &Path, files: &[&Path]) -> (bool, String) {
    let output = Command::new(python)
        .arg(file("tests/tools/grafana_schema.py"))
        .args(files)
        .output()
        .expect("Python runs");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

#[test]
fn grafana_reads_every_field_that_is_written() {
    let test = "grafana_reads_every_field_that_is_written";
    let Some(python) = externals::external(test, "grafana-python") else { return };
    let files = Board::ALL.map(|board| file("dashboards").join(board.file()));
    let (ok, said) = read(&python, &files.each_ref().map(|file| &**file));
    assert!(ok, "{said}");
    assert_eq!(said.matches(" panels with ").count(), Board::ALL.len(), "{said}");
    // That it can fail: names that Grafana does not have, at every depth.
    let shipped = fs::read_to_string(&files[0]).expect("shipped");
    let folder = tempfile::tempdir().expect("a folder");
    for (right, wrong) in [
        ("\"graphTooltip\"", "\"graphToolTip\""),
        ("\"gridPos\"", "\"gridPosition\""),
        ("\"legendFormat\"", "\"legend\""),
        ("\"reduceOptions\"", "\"reduce\""),
        ("\"fillOpacity\"", "\"opacity\""),
        ("\"allValue\"", "\"all\""),
    ] {
        assert!(shipped.contains(right), "{right}");
        let path = folder.path().join("wrong.json");
        fs::write(&path, shipped.replace(right, wrong)).expect("written");
        let (ok, said) = read(&python, &[&path]);
        assert!(!ok && said.contains(wrong.trim_matches('"')), "{wrong}: {said}");
    }
}
