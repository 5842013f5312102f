//! Dashboards as Grafana shows them: variables that users do not choose are replaced, rows opened, panels repeated.

use serde_json::{Value, json};

/// Returns the dashboard with the values of its constants in all queries.
#[must_use]
pub fn filled(dashboard: &Value) -> Value {
    let mut text = dashboard["panels"].to_string();
    for variable in variables(dashboard, "constant") {
        let (name, value) = (string(&variable["name"]), string(&variable["query"]));
        text = text.replace(&format!("${{{name}}}"), value);
        for end in ["\\\"", ")"] {
            text = text.replace(&format!("${name}{end}"), &format!("{value}{end}"));
        }
    }
    let mut filled = dashboard.clone();
    filled["panels"] = serde_json::from_str(&text).unwrap();
    filled
}

/// Returns the [`filled`] dashboard with all rows open and all copies of repeated panels, laid out again.
#[must_use]
pub fn opened(dashboard: &Value) -> Value {
    let filled = filled(dashboard);
    let mut out = Vec::new();
    let (mut end, mut down) = (0, 0);
    for panel in list(&filled["panels"]) {
        // The panels of an open row follow it.
        if panel["type"] != "row" {
            end = end.max(place(&mut out, panel, down));
            continue;
        }
        let mut row = panel.clone();
        row["panels"] = json!([]);
        row["collapsed"] = false.into();
        down = end - int(&panel["gridPos"]["y"]);
        end = place(&mut out, &row, down);
        let mut moved = down;
        for panel in list(&panel["panels"]) {
            let copies = copies(dashboard, panel);
            for copy in &copies {
                end = end.max(place(&mut out, copy, moved));
            }
            let last = copies.last().map_or(0, |copy| int(&copy["gridPos"]["y"]));
            moved += last - int(&panel["gridPos"]["y"]);
        }
    }
    let mut opened = filled.clone();
    opened["panels"] = out.into();
    opened
}

/// Returns the panels of the [`opened`] dashboard with their queries for these instances of a job, a regular expression,
/// over windows of twenty seconds.
#[must_use]
pub fn panels(dashboard: &Value, job: &str, instances: &str) -> Vec<(Value, Vec<String>)> {
    let opened = opened(dashboard);
    let panels = list(&opened["panels"]).filter(|panel| panel["type"] != "row").map(|panel| {
        let queries = list(&panel["targets"]).map(|target| {
            let query = string(&target["expr"]).replace("$__rate_interval", "20s").replace("$job", job);
            let query = query.replace("$instance", instances);
            ["$route", "$grpc_service", "$rpc_method", "$cluster"]
                .iter()
                .fold(query, |query, name| query.replace(name, ".+"))
        });
        (panel.clone(), queries.collect())
    });
    panels.collect()
}

/// Adds a panel that is moved down, and returns its end.
fn place(out: &mut Vec<Value>, panel: &Value, down: i64) -> i64 {
    let mut panel = panel.clone();
    let y = int(&panel["gridPos"]["y"]) + down;
    panel["gridPos"]["y"] = y.into();
    let end = y + int(&panel["gridPos"]["h"]);
    out.push(panel);
    end
}

/// Returns a copy of a repeated panel for each value of its variable, or the panel itself.
fn copies(dashboard: &Value, panel: &Value) -> Vec<Value> {
    let Some(name) = panel["repeat"].as_str() else { return vec![panel.clone()] };
    let variable = variables(dashboard, "custom").find(|variable| variable["name"] == name);
    let values = string(&variable.unwrap_or_else(|| panic!("no variable `{name}`"))["query"]).split(',');
    let (width, height, each) = (&panel["gridPos"]["w"], int(&panel["gridPos"]["h"]), int(&panel["maxPerRow"]));
    let copies = (0..).zip(values).map(|(i, value)| {
        let text = panel.to_string().replace(&format!("${{{name}}}"), value);
        let mut copy: Value = serde_json::from_str(&text).unwrap();
        copy["id"] = (int(&panel["id"]) * 1000 + i).into();
        copy["gridPos"]["x"] = (i % each * int(width)).into();
        copy["gridPos"]["y"] = (int(&panel["gridPos"]["y"]) + i / each * height).into();
        copy
    });
    copies.collect()
}

fn variables<'d>(dashboard: &'d Value, kind: &'d str) -> impl Iterator<Item = &'d Value> {
    list(&dashboard["templating"]["list"]).filter(move |variable| variable["type"] == kind)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("expected a text, found {value}"))
}

fn int(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("expected a number, found {value}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_opened_and_panels_repeated() {
        let panel = |id: i64, y: i64, expr: &str| {
            json!({ "id": id, "type": "timeseries", "title": "${f}", "gridPos": { "x": 0, "y": y, "w": 12, "h": 8 },
                    "targets": [{ "expr": expr }] })
        };
        let mut repeated = panel(1, 1, "rate(${f}{job=~\"$job\"}[5m])");
        repeated["repeat"] = "f".into();
        repeated["maxPerRow"] = 2.into();
        let row = |y: i64, panels: Value| json!({ "id": 9, "type": "row", "gridPos": { "x": 0, "y": y, "w": 24, "h": 1 }, "panels": panels });
        let dashboard = json!({
            "templating": { "list": [
                { "type": "constant", "name": "all", "query": "a|b" },
                { "type": "custom", "name": "f", "query": "a,b,c" },
            ]},
            "panels": [row(0, json!([repeated, panel(2, 9, "{__name__=~\"$all\"}")])), row(1, json!([])), panel(3, 2, "x")],
        });
        let opened = opened(&dashboard);
        let places = list(&opened["panels"]).map(|panel| (int(&panel["gridPos"]["x"]), int(&panel["gridPos"]["y"])));
        assert_eq!(places.collect::<Vec<_>>(), [(0, 0), (0, 1), (12, 1), (0, 9), (0, 17), (0, 25), (0, 26)]);
        let queries: Vec<_> =
            list(&opened["panels"]).filter_map(|panel| panel["targets"][0]["expr"].as_str()).collect();
        assert_eq!(queries[2..4], ["rate(c{job=~\"$job\"}[5m])", "{__name__=~\"a|b\"}"]);
    }
}
