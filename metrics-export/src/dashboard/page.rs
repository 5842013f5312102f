//! The rows and panels for a page in the process itself, with queries as trees.

use super::View;
use super::panel::{Column, Draw, Panel, STATES};
use super::rows::{Fixed, Row, of_process, overview};
use crate::document::{Node, list, map, number};
use crate::metric::Role;
use crate::model::Model;
use crate::promql::{Compare, Expr, Matcher};
use crate::scope::Scope;

/// Returns all rows that have a panel, and the values of the variables of their queries.
pub(crate) fn rows(model: &Model) -> [Node; 2] {
    let view = View { model, service: &model.service, scope: Scope::process() };
    let mut rows = vec![overview(&view)];
    rows.extend(Role::ALL.into_iter().flat_map(|(role, title)| of_process(&view, role, title)));
    for row in &mut rows {
        // A process that shows its own page is up.
        row.panels.retain(|panel| !panel.targets.iter().all(|target| is_about_scrapes(&target.expr)));
    }
    rows.retain(|row| !row.panels.is_empty());
    let variables = rows.iter().flat_map(|row| &row.variables).filter_map(|(name, values)| match values {
        Fixed::Constant(value) => Some((name.clone().into(), value.as_str().into())),
        Fixed::Each(_) => None,
    });
    [list(rows.iter().map(row)), Node::Map(variables.collect())]
}

/// Returns the names and the colors of the states of circuit breakers.
pub(crate) fn states() -> Node {
    list(STATES.map(|(name, color)| list([name, color])))
}

/// Returns `true` if the query only reads what Prometheus adds to the samples of a target.
fn is_about_scrapes(expr: &Expr) -> bool {
    match expr {
        Expr::Aggregate { operand, .. } => is_about_scrapes(operand),
        Expr::Series { metric, .. } => metric == "up",
        _ => false,
    }
}

fn row(row: &Row) -> Node {
    let Row { title, panels, closed, .. } = row;
    map([("title", title.as_str().into()), ("closed", (*closed).into()), ("panels", list(panels.iter().map(panel)))])
}

fn panel(panel: &Panel) -> Node {
    let draw = match panel.draw {
        Draw::Lines => "lines",
        Draw::Stacked => "stacked",
        Draw::Stat => "stat",
        Draw::Heatmap => "heatmap",
        Draw::States => "states",
        Draw::Table => "table",
    };
    let queries = panel
        .targets
        .iter()
        .map(|target| map([("expr", query(&target.expr)), ("legend", target.legend.as_str().into())]));
    let mut node = map([
        ("title", panel.title.as_str().into()),
        ("about", panel.description.as_str().into()),
        ("draw", draw.into()),
        ("unit", panel.unit.into()),
        ("width", panel.width.into()),
        ("queries", list(queries)),
    ]);
    let texts = [
        ("metric", panel.metric.as_str()),
        ("empty", panel.empty),
        ("subject", panel.subject.as_deref().unwrap_or_default()),
    ];
    for (key, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        node = node.with(key, text);
    }
    if let Some(pair) = limits(panel.limits) {
        node = node.with("limits", pair);
    }
    if panel.signed {
        node = node.with("signed", true);
    }
    if !panel.colors.is_empty() {
        let colors = panel.colors.iter().map(|(name, color)| ((*name).into(), (*color).into()));
        node = node.with("colors", Node::Map(colors.collect()));
    }
    if !panel.columns.is_empty() {
        node = node.with("columns", panel.columns.iter().map(column).collect::<Vec<_>>());
    }
    node
}

fn column(column: &Column) -> Node {
    let node = map([("title", column.title.into()), ("unit", column.unit.into())]);
    if let Some(pair) = limits(column.limits) { node.with("limits", pair) } else { node }
}

fn limits(limits: Option<(f64, f64)>) -> Option<Node> {
    limits.map(|(yellow, red)| list([yellow, red]))
}

/// Returns an expression as a list: the kind of the node and its parts.
pub(crate) fn query(expr: &Expr) -> Node {
    let node = |kind: &str, parts: Vec<Node>| Node::List([kind.into()].into_iter().chain(parts).collect());
    match expr {
        // JSON has no infinite numbers.
        Expr::Number(value) if value.is_finite() => Node::Float(*value),
        Expr::Number(value) => node("number", vec![number(*value).into()]),
        Expr::Text(text) => node("text", vec![text.as_str().into()]),
        Expr::Series { metric, matchers, window } => {
            let window = window.as_deref().map_or(Node::Null, Node::from);
            node("series", vec![metric.as_str().into(), list(matchers.iter().map(matched)), window])
        }
        Expr::Offset { series, by } => node("offset", vec![query(series), by.as_str().into()]),
        Expr::Subquery { operand, window, .. } => node("subquery", vec![query(operand), window.as_str().into()]),
        Expr::Call { function, arguments } => {
            node("call", [(*function).into()].into_iter().chain(arguments.iter().map(query)).collect())
        }
        Expr::Aggregate { operator, by, number, operand } => {
            let number = number.map_or(Node::Null, |number| Node::Int(number.into()));
            node("aggregate", vec![(*operator).into(), texts(by), number, query(operand)])
        }
        Expr::Without { operator, labels, operand } => {
            node("without", vec![(*operator).into(), texts(labels), query(operand)])
        }
        Expr::Binary { left, operator, modifier, right } => {
            node("binary", vec![(*operator).into(), query(left), query(right), modifier.as_str().into()])
        }
    }
}

fn texts(labels: &[String]) -> Node {
    list(labels.iter().map(String::as_str))
}

fn matched(matcher: &Matcher) -> Node {
    let compare = match matcher.compare {
        Compare::Is => "=",
        Compare::IsNot => "!=",
        Compare::Matches => "=~",
        Compare::MatchesNot => "!~",
    };
    list([matcher.label.as_str(), compare, matcher.value.as_str()])
}
