//! The model of a page in the process itself.

use metrics_runtime::description::Description;

use crate::dashboard;
use crate::document::{Node, list, map};
use crate::metric::{Metric, WorstCase};
use crate::model::Model;
use crate::rules::{Budget, budgets};
use crate::scope::Scope;
use crate::series::worst_case;

/// The window of the queries of objectives: the time since the page was opened.
const OPENED: &str = "$opened";

/// Returns the model in one line of JSON.
pub(crate) fn json(mut description: Description) -> String {
    for metric in &mut description.metrics {
        // The page gets native buckets as classic ones.
        metric.native = false;
    }
    let model = Model::of(description);
    let budgets = budgets(&model, &Scope::process().over(OPENED));
    let [rows, variables] = dashboard::process_rows(&model);
    map([
        ("service", model.service.as_str().into()),
        ("prefix", model.prefix.as_str().into()),
        ("route", model.http.as_ref().map_or(Node::Null, |http| http.route.as_str().into())),
        ("states", dashboard::states()),
        ("variables", variables),
        ("rows", rows),
        ("objectives", list(budgets.iter().map(budget))),
        ("metrics", list(model.metrics.iter().map(metric))),
    ])
    .line()
}

fn budget(budget: &Budget) -> Node {
    map([
        ("id", budget.id.as_str().into()),
        ("about", budget.about.as_str().into()),
        ("fault", budget.fault.as_str().into()),
        ("percent", budget.percent.into()),
        ("total", dashboard::query(&budget.total)),
        ("bad", dashboard::query(&budget.bad)),
    ])
}

fn metric(metric: &Metric) -> Node {
    let labels = metric.labels.iter().map(|label| {
        let values = label
            .values
            .as_ref()
            .map_or(Node::Null, |values| Node::Int(i64::try_from(values.len()).unwrap_or(i64::MAX)));
        Node::List(vec![label.name.as_str().into(), values])
    });
    let series = worst_case(metric);
    let limit = match &series {
        WorstCase::Exactly(series) | WorstCase::Limited(series) => {
            Node::Int(i64::try_from(*series).unwrap_or(i64::MAX))
        }
        WorstCase::Each(..) | WorstCase::Unknown => Node::Null,
    };
    map([
        ("name", metric.name.as_str().into()),
        ("kind", metric.kind.as_str().into()),
        ("unit", metric.unit.as_deref().map_or(Node::Null, Node::from)),
        ("help", metric.help.as_str().into()),
        ("labels", list(labels)),
        ("limit", limit),
        ("limited", series.to_string().into()),
        ("places", list(metric.places.iter().map(String::as_str))),
    ])
}
