//! How each kind of panel is drawn. Everything that makes the dashboards look alike stands here.

use serde_json::{Value, json};

use crate::dashboard::model::{Kind, Panel};

/// Grafana's plug-in for a kind.
pub(super) fn plugin(of: Kind) -> &'static str {
    match of {
        Kind::Lines | Kind::Stack => "timeseries",
        Kind::Stat => "stat",
        Kind::BarGauge => "bargauge",
        Kind::Heatmap => "heatmap",
        Kind::Table => "table",
        Kind::StateTimeline => "state-timeline",
        Kind::XyChart => "xychart",
    }
}

/// What a kind asks for beside its fields.
pub(super) fn options(of: &Panel) -> Value {
    match of.kind {
        Kind::Lines | Kind::Stack => json!({
            "legend": legend(),
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        Kind::Stat => json!({
            "reduceOptions": last(),
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            // The name of the only series says nothing that the title does not.
            "textMode": if of.queries.len() > 1 { "value_and_name" } else { "auto" },
        }),
        Kind::BarGauge => json!({
            "reduceOptions": last(),
            "displayMode": "basic",
            "valueMode": "color",
            "orientation": "horizontal",
            "showUnfilled": true,
            "minVizWidth": 8,
            "minVizHeight": 16,
        }),
        Kind::Heatmap => json!({
            "calculate": false,
            "cellGap": 1,
            "color": {
                "mode": "scheme",
                "scheme": "Oranges",
                "scale": "exponential",
                "exponent": 0.5,
                "fill": "dark-orange",
                "steps": 64,
                "reverse": false,
            },
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            // What is empty is left blank.
            "filterValues": {"le": 1e-9},
            "legend": {"show": true},
            "rowsFrame": {"layout": "auto"},
            "showValue": "never",
            "tooltip": {"mode": "single", "yHistogram": false, "showColorScale": false},
            "yAxis": {"axisPlacement": "left", "reverse": false, "unit": "s"},
        }),
        Kind::Table => json!({
            "showHeader": true,
            "cellHeight": "sm",
            "footer": {"show": false, "reducer": ["sum"], "countRows": false, "fields": ""},
        }),
        Kind::StateTimeline => json!({
            "mergeValues": true,
            "rowHeight": 0.9,
            "showValue": "never",
            "alignValue": "left",
            "legend": legend(),
            "tooltip": {"mode": "single", "sort": "none"},
        }),
        Kind::XyChart => {
            let of = |at: usize| of.queries.get(at).map_or("", |query| query.legend);
            let field = |name| json!({"matcher": {"id": "byName", "options": name}});
            json!({
                "mapping": "manual",
                "legend": legend(),
                "tooltip": {"mode": "single", "sort": "none"},
                "series": [{"x": field(of(0)), "y": field(of(1))}],
            })
        }
    }
}

/// What a kind asks for in each of its fields.
pub(super) fn custom(of: &Panel) -> Value {
    match of.kind {
        Kind::Lines => lines("none", 0, if of.steps.is_empty() { "off" } else { "dashed" }),
        Kind::Stack => lines("normal", 40, "off"),
        Kind::StateTimeline => json!({"lineWidth": 0, "fillOpacity": 80}),
        Kind::Heatmap => json!({"scaleDistribution": {"type": "linear"}}),
        Kind::Table => json!({"align": "auto", "cellOptions": {"type": "auto"}, "inspect": false}),
        Kind::XyChart => json!({
            "show": "points+lines",
            "pointSize": {"fixed": 6},
            "lineWidth": 1,
            "fillOpacity": 60,
        }),
        Kind::Stat | Kind::BarGauge => json!({}),
    }
}

fn lines(stacking: &str, fill: u32, steps: &str) -> Value {
    json!({
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": fill,
        "showPoints": "never",
        // What is absent is unknown: no line is drawn over it.
        "spanNulls": false,
        "stacking": {"mode": stacking, "group": "A"},
        "thresholdsStyle": {"mode": steps},
        "axisPlacement": "auto",
        "scaleDistribution": {"type": "linear"},
    })
}

/// A limit: a dashed red line over the values.
pub(super) fn limit() -> Vec<Value> {
    vec![
        json!({"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [10, 10]}}),
        json!({"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}),
        json!({"id": "custom.fillOpacity", "value": 0}),
    ]
}

/// The past: a dotted line, thin beside the present.
pub(super) fn before() -> Vec<Value> {
    vec![
        json!({"id": "custom.lineStyle", "value": {"fill": "dot", "dash": [2, 6]}}),
        json!({"id": "custom.fillOpacity", "value": 0}),
    ]
}

fn legend() -> Value {
    json!({"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []})
}

/// The latest value of each series.
fn last() -> Value {
    json!({"values": false, "calcs": ["lastNotNull"], "fields": ""})
}
