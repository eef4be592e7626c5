//! A dashboard as an object of Kubernetes, as the sidecar of Grafana's chart looks for them.

use std::fmt::Write as _;

use super::{board::Board, render};

/// A ConfigMap with the dashboard in it, as YAML that begins a document of its own.
pub fn configmap(board: Board) -> String {
    let (name, file) = (board.uid(), board.file());
    let mut text = format!(
        "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  labels:\n    \
         grafana_dashboard: \"1\"\n    app.kubernetes.io/name: tokenbeat\ndata:\n  {file}: |\n"
    );
    for line in render::json(board).lines() {
        let _ = writeln!(text, "    {line}");
    }
    text
}
