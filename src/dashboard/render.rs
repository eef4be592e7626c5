//! A dashboard as Grafana's classic JSON, the form that imports, provisioning and the sidecar of
//! Kubernetes take alike.
//!
//! Identities are stable: the uid is the board's, the id of a panel its place. What looks alike is
//! written once, here and below.

mod options;
mod panel;

use serde_json::{Value, json};

use super::{
    board::Board,
    model::{Annotation, Colour, Dashboard, Row, Variable},
};

/// The version of the form. Newer Grafanas bring it up to theirs when they load it.
const SCHEMA_VERSION: u32 = 39;
/// The tag by which the dashboards find each other.
const TAG: &str = "tokenbeat";
/// Width of the screen in Grafana's units.
const SCREEN: usize = 24;
/// How often annotations are looked for.
const ANNOTATION_STEP: &str = "60s";

/// The dashboard as a JSON document, with a line break at its end.
pub fn json(board: Board) -> String {
    format!("{:#}\n", dashboard(&board.dashboard()))
}

fn dashboard(of: &Dashboard) -> Value {
    json!({
        "uid": of.board.uid(),
        "title": of.board.title(),
        "description": of.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": false,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "1m",
        "time": {"from": format!("now-{}", of.range), "to": "now"},
        "templating": {"list": variables(&of.variables)},
        "annotations": {"list": annotations(&of.annotations)},
        "links": [{
            "type": "dashboards",
            "title": "Tokenbeat",
            "tooltip": "The other dashboards, for the same time and choice",
            "icon": "external link",
            "tags": [TAG],
            "url": "",
            "asDropdown": false,
            "includeVars": true,
            "keepTime": true,
            "targetBlank": false,
        }],
        "panels": panels(&of.rows),
    })
}

/// Every row with its heading, from top to bottom.
fn panels(rows: &[Row]) -> Vec<Value> {
    let mut panels: Vec<Value> = Vec::new();
    let mut y = 0;
    for row in rows {
        panels.push(json!({
            "id": panels.len() + 1,
            "type": "row",
            "title": row.title,
            "collapsed": false,
            "gridPos": {"x": 0, "y": y, "w": SCREEN, "h": 1},
            "panels": [],
        }));
        y += 1;
        let mut x = 0;
        for (at, panel) in row.panels.iter().enumerate() {
            // What the division leaves over goes to the last.
            let end = SCREEN * (at + 1) / row.panels.len();
            let place = json!({"x": x, "y": y, "w": end - x, "h": row.height});
            panels.push(panel::panel(panels.len() + 1, panel, &place));
            x = end;
        }
        y += row.height;
    }
    panels
}

fn variables(of: &[Variable]) -> Vec<Value> {
    let source = json!({
        "type": "datasource",
        "name": "datasource",
        "label": "Data source",
        "query": "prometheus",
        "hide": 0,
        "includeAll": false,
        "multi": false,
        "refresh": 1,
        "regex": "",
        "skipUrlSync": false,
        "options": [],
    });
    std::iter::once(source).chain(of.iter().map(variable)).collect()
}

fn variable(of: &Variable) -> Value {
    match *of {
        Variable::Label { label, series, all } => {
            let query = format!("label_values({series}, {label})");
            json!({
                "type": "query",
                "name": label,
                "label": label,
                "datasource": panel::source(),
                "definition": query,
                "query": {"query": query, "refId": format!("variable-{label}")},
                "current": {"text": ["All"], "value": ["$__all"]},
                "options": [],
                "multi": true,
                "includeAll": true,
                "allValue": all,
                // Whenever the time range changes: what was there then is not what is there now.
                "refresh": 2,
                "sort": 1,
                "regex": "",
                "hide": 0,
                "skipUrlSync": false,
            })
        }
        Variable::Choice { name, label, options } => {
            let option = |(at, text): (usize, &&str)| json!({"text": text, "value": text, "selected": at == 0});
            let options_of: Vec<Value> = options.iter().enumerate().map(option).collect();
            json!({
                "type": "custom",
                "name": name,
                "label": label,
                "query": options.join(","),
                "current": options_of.first(),
                "options": options_of,
                "multi": false,
                "includeAll": false,
                "hide": 0,
                "skipUrlSync": false,
            })
        }
    }
}

fn annotations(of: &[Annotation]) -> Vec<Value> {
    of.iter().map(annotation).collect()
}

fn annotation(of: &Annotation) -> Value {
    json!({
        "name": of.name,
        "datasource": panel::source(),
        "enable": true,
        "hide": false,
        "iconColor": colour(of.colour),
        // The value is the instant, and Grafana counts in milliseconds.
        "expr": format!("1000 * ({})", of.expr),
        "useValueForTime": true,
        "step": ANNOTATION_STEP,
        "titleFormat": of.title,
        "textFormat": "",
        "tagKeys": "",
    })
}

/// The name of a colour, as Grafana has it in its palette.
fn colour(of: Colour) -> &'static str {
    match of {
        Colour::Green => "green",
        Colour::Yellow => "yellow",
        Colour::Red => "red",
        Colour::Blue => "blue",
        Colour::Grey => "text",
    }
}
