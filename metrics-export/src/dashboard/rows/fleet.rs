//! The row of a fleet: its instances, and its clusters side by side.

use super::Row;
use crate::dashboard::panel::{Draw, Panel};
use crate::dashboard::{View, uid};
use crate::fleet::{Fleet, INSTANCES, RESTARTS};
use crate::promql::{Expr, aggregate, call};

/// The time within which instances were there that are lost now.
const BEFORE: &str = "2h";

pub(in crate::dashboard) fn fleet(view: &View<'_>, fleet: &Fleet) -> Row {
    let (model, scope) = (view.model, &view.scope);
    let by = [fleet.cluster.as_str()];
    let sum = |expr: Option<Expr>| expr.map(|expr| aggregate("sum", &by, expr));
    let lines = |title: &str, unit, about: &str, expr: Option<Expr>| {
        let panel = Panel::new(title, Draw::Lines, unit).about(about);
        expr.map(|expr| panel.query_by(expr, &by, "all"))
    };
    let known = scope.of_clusters("up", INSTANCES);
    let [all, up] = [known.clone(), Some(scope.now("up"))].map(sum);
    let usual = known.map(|known| {
        let median = call("quantile_over_time", [Expr::Number(0.5), known.clone().range(BEFORE)]);
        // Of a cluster without any instance, all are lost.
        let now = known.binary("or", Expr::Number(0.0).binary("*", median.clone()));
        aggregate("sum", &by, median.binary("-", now))
    });
    let start = model.find("process_start_time_seconds").and_then(|start| scope.of_clusters(&start.name, RESTARTS));
    let mut panels = vec![
        lines("Instances by cluster", "short", "The instances that agents know.", all.clone()),
        lines(
            "Instances down",
            "short",
            "Instances that are known and cannot be scraped.",
            all.zip(up).map(|(all, up)| all.binary("-", up)),
        ),
        lines(
            "Instances lost",
            "short",
            "The usual number of instances within two hours, without the present number. Below zero there are more.",
            usual,
        )
        .map(Panel::signed),
        Some(agents(view, fleet)),
        lines("Restarts", "short", "Starts of processes within five minutes.", sum(start)),
    ];
    if let Some(http) = &model.http {
        let all = scope.rate(&http.requests, &by);
        let failed = scope.with([http.failed()]).rate(&http.requests, &by).ratio(&all);
        panels.push(lines("Requests by cluster", "reqps", "Requests a second.", Some(all)));
        panels.push(lines(
            "Errors by cluster",
            "percentunit",
            "The share of requests answered with 5xx.",
            Some(failed),
        ));
        let p95 = http.duration.as_ref().map(|duration| scope.quantile(0.95, &duration.histogram(), &by));
        panels.push(lines(
            "Duration by cluster (p95)",
            "s",
            "Nineteen of twenty requests take at most this time.",
            p95,
        ));
    }
    if let Some(grpc) = model.grpc_server() {
        let [failed, completed] = [grpc.failed(), grpc.completed()].map(|of| scope.with(of).rate(&grpc.calls, &by));
        let all = scope.rate(&grpc.calls, &by);
        panels.push(lines("gRPC calls by cluster", "reqps", "Calls a second that ended.", Some(all)));
        panels.push(lines(
            "gRPC failures by cluster",
            "percentunit",
            "The share of calls that ended with a code that is the fault of the service.",
            Some(failed.ratio(&completed)),
        ));
    }
    let mut panels: Vec<_> = panels.into_iter().flatten().collect();
    panels.extend(tables(view, fleet));
    Row::new("Fleet", panels)
}

fn agents(view: &View<'_>, fleet: &Fleet) -> Panel {
    let replicas = view.scope.replicas();
    let by: Vec<_> = [&fleet.cluster].into_iter().chain(replicas).collect();
    let targets = view.scope.series_named(fleet.agents(replicas));
    let panel = Panel::new("Targets by agent", Draw::Lines, "short").about("The instances that each agent knows.");
    panel.query_by(aggregate("sum", &by, targets), &by, "agents")
}

/// Returns tables of single instances, which lead to the dashboard of instances.
fn tables(view: &View<'_>, fleet: &Fleet) -> [Panel; 2] {
    let instances = view.scope.clone().recorded(None);
    let by = [fleet.cluster.as_str(), "job", "instance"];
    let up = aggregate("max", &by, instances.now("up"));
    let down = up.clone().compared("==", 0.0);
    let before = aggregate("max", &by, instances.over(BEFORE).windowed("present_over_time", "up"));
    let url = format!(
        "/d/{}?var-{cluster}=${{__data.fields.{cluster}}}&var-job=${{__data.fields.job}}&var-instance=${{__value.raw}}&${{__url_time_range}}",
        uid(view.service, "metrics"),
        cluster = fleet.cluster,
    );
    let table = |title: &str, about: &str, expr| {
        let panel = Panel::new(title, Draw::Table, "short").about(about).sized(12, 6).details(url.clone());
        panel.empty("none").query(expr, "")
    };
    [
        table("Instances down now", "Instances that are known and cannot be scraped.", down),
        table(
            "Instances lost",
            "Instances that were known within two hours and are not any more.",
            before.binary("unless", up),
        ),
    ]
}
