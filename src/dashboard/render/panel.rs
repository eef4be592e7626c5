//! One panel: its queries, and what they have in common however they are drawn.

use serde_json::{Map, Value, json};

use super::{colour, options};
use crate::dashboard::{
    board::Board,
    model::{Exemplars, Kind, Panel, Query, Role, State, Step, Unit},
};

/// The data source that was chosen at the top.
pub(super) fn source() -> Value {
    json!({"type": "prometheus", "uid": "${datasource}"})
}

pub(super) fn panel(id: usize, of: &Panel, place: &Value) -> Value {
    let targets = of.queries.iter().enumerate().map(|(at, query)| target(at, query, of));
    let targets: Vec<Value> = targets.collect();
    let mut value = json!({
        "id": id,
        "type": options::plugin(of.kind),
        "title": of.title,
        "description": description(of),
        "datasource": source(),
        "gridPos": place,
        "targets": targets,
        "fieldConfig": {"defaults": defaults(of), "overrides": overrides(of)},
        "options": options::options(of),
    });
    let transformations = transformations(of);
    if let (Some(value), false) = (value.as_object_mut(), transformations.is_empty()) {
        value.insert("transformations".into(), transformations.into());
    }
    value
}

/// How to read it, and when there is nothing to read.
fn description(of: &Panel) -> String {
    match of.needs {
        Some(need) => format!("{} {}", of.description, need.sentence()),
        None => of.description.to_owned(),
    }
}

/// The letter by which a query is known: A, B, C …
fn letter(at: usize) -> String {
    let offset = u8::try_from(at).unwrap_or(u8::MAX);
    char::from(b'A'.saturating_add(offset)).to_string()
}

fn target(at: usize, of: &Query, panel: &Panel) -> Value {
    let kind = panel.kind;
    let instant = match kind {
        Kind::Lines | Kind::Stack | Kind::Heatmap | Kind::StateTimeline => false,
        Kind::Stat | Kind::BarGauge | Kind::Table | Kind::XyChart => true,
    };
    let format = match kind {
        Kind::Table | Kind::XyChart => "table",
        Kind::Heatmap => "heatmap",
        _ => "time_series",
    };
    json!({
        "refId": letter(at),
        "datasource": source(),
        "expr": of.expr,
        "legendFormat": of.legend,
        "format": format,
        "instant": instant,
        "range": !instant,
        "exemplar": panel.exemplars == Exemplars::Shown && of.role == Role::Value,
        "editorMode": "code",
    })
}

fn defaults(of: &Panel) -> Value {
    let mut defaults = json!({
        "unit": unit(of.unit),
        "mappings": mappings(of.states),
        "color": {"mode": colouring(of)},
        "custom": options::custom(of),
    });
    let Some(map) = defaults.as_object_mut() else { return defaults };
    if !of.steps.is_empty() {
        map.insert("thresholds".into(), thresholds(of.steps));
    }
    if let (Some(board), false) = (of.drill, of.kind == Kind::Table) {
        map.insert(
            "links".into(),
            drill(board, "${__field.labels.target}", "${__field.labels.model}"),
        );
    }
    match (of.kind, of.unit) {
        (Kind::BarGauge, Unit::Ratio) => {
            map.insert("min".into(), json!(0));
            map.insert("max".into(), json!(1));
        }
        // A line that only trembles must not look like a cliff.
        (Kind::Lines | Kind::Stack, _) => {
            map.insert("min".into(), json!(0));
        }
        _ => {}
    }
    defaults
}

/// By what values are coloured: by their own meaning where they have one.
fn colouring(of: &Panel) -> &'static str {
    match of.kind {
        Kind::Lines | Kind::Stack | Kind::XyChart => "palette-classic",
        _ if of.steps.is_empty() && of.states.is_empty() && of.kind == Kind::Stat => "fixed",
        _ => "thresholds",
    }
}

fn thresholds(steps: &[Step]) -> Value {
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| json!({"value": step.from, "color": colour(step.colour)}))
        .collect();
    json!({"mode": "absolute", "steps": steps})
}

fn mappings(states: &[State]) -> Vec<Value> {
    if states.is_empty() {
        return Vec::new();
    }
    let named = states.iter().enumerate().map(|(at, state)| {
        let result = json!({"text": state.text, "color": colour(state.colour), "index": at});
        (state.value.to_owned(), result)
    });
    vec![json!({"type": "value", "options": named.collect::<Map<_, _>>()})]
}

/// What single queries look like.
fn overrides(of: &Panel) -> Vec<Value> {
    let table = of.kind == Kind::Table;
    let mut overrides = Vec::new();
    for (at, query) in of.queries.iter().enumerate() {
        let mut properties = match query.role {
            Role::Value => Vec::new(),
            Role::Limit => options::limit(),
            Role::Before => options::before(),
        };
        let mut set = |id: &str, value: Value| properties.push(json!({"id": id, "value": value}));
        if let Some(of) = query.unit {
            set("unit", json!(unit(of)));
        }
        if !query.steps.is_empty() {
            set("thresholds", thresholds(query.steps));
            set("custom.cellOptions", json!({"type": "color-text"}));
        }
        if !query.states.is_empty() {
            set("mappings", mappings(query.states).into());
            set("custom.cellOptions", json!({"type": "color-text"}));
        }
        let matcher = if table || of.kind == Kind::XyChart {
            json!({"id": "byName", "options": query.legend})
        } else {
            json!({"id": "byFrameRefID", "options": letter(at)})
        };
        if !properties.is_empty() {
            overrides.push(json!({"matcher": matcher, "properties": properties}));
        }
    }
    if let (Some(board), true) = (of.drill, table) {
        let links = drill(board, "${__data.fields.target}", "${__data.fields.model}");
        overrides.push(json!({
            "matcher": {"id": "byName", "options": "target"},
            "properties": [{"id": "links", "value": links}],
        }));
    }
    overrides
}

/// The way to another dashboard, for the target and model that was clicked at.
fn drill(board: Board, target: &str, model: &str) -> Value {
    let uid = board.uid();
    json!([{
        "title": board.title(),
        "targetBlank": false,
        "url": format!(
            "/d/{uid}?var-datasource=${{datasource}}&var-target={target}&var-model={model}&${{__url_time_range}}"
        ),
    }])
}

/// What brings the answers of several queries into one table.
fn transformations(of: &Panel) -> Vec<Value> {
    if !matches!(of.kind, Kind::Table | Kind::XyChart) {
        return Vec::new();
    }
    let heading = |(at, query): (usize, &Query)| {
        let column =
            if of.queries.len() == 1 { "Value".into() } else { format!("Value #{}", letter(at)) };
        (column, Value::from(query.legend))
    };
    let headings: Map<String, Value> = of.queries.iter().enumerate().map(heading).collect();
    let mut transformations = vec![
        json!({"id": "merge", "options": {}}),
        json!({
            "id": "organize",
            "options": {"excludeByName": {"Time": true}, "indexByName": {}, "renameByName": headings},
        }),
    ];
    if of.kind == Kind::XyChart {
        // One colour a run, whatever the number of its steps.
        transformations.push(json!({
            "id": "partitionByValues",
            "options": {"fields": ["target", "model", "sweep"], "keepFields": false},
        }));
    }
    transformations
}

/// A unit as Grafana names it.
fn unit(of: Unit) -> &'static str {
    match of {
        Unit::Seconds => "s",
        Unit::Ratio => "percentunit",
        Unit::Count => "short",
        Unit::PerSecond => "cps",
        Unit::TokensPerSecond => "suffix: tok/s",
        Unit::RequestsPerSecond => "reqps",
        Unit::Factor => "suffix:×",
        Unit::Bytes => "bytes",
        Unit::BytesPerSecond => "Bps",
        Unit::Watts => "watt",
        Unit::Joules => "joule",
        Unit::Celsius => "celsius",
        Unit::Hertz => "hertz",
        Unit::Dollars => "currencyUSD",
    }
}
