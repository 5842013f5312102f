//! Panels of gRPC calls: those that the service answers, and those that it makes.

use super::{NONE, generic, quantiles};
use crate::dashboard::View;
use crate::dashboard::panel::{Draw, Panel};
use crate::metric::Role;
use crate::promql::{Compare, matcher};
use crate::roles::Grpc;
use crate::scope::Scope;

pub(super) fn grpc(view: &View<'_>, role: Role) -> Vec<Panel> {
    let Some(found) = view.model.grpc.iter().find(|grpc| grpc.role == role) else {
        return generic(view, role, &[]);
    };
    let Grpc { calls, started, duration, messages, by, .. } = found;
    let scope = match (role, by) {
        (Role::Grpc, [first, ..]) => view.scope.with([matcher(first, Compare::Matches, &format!("${first}"))]),
        _ => view.scope.clone(),
    };
    let [failed, completed] = [found.failed(), found.completed()].map(|of| scope.with(of).rate(calls, by));
    let code = found.code();
    let mut panels = vec![
        Panel::new("Calls by method", Draw::Stacked, "reqps").about("Calls a second that ended.").query_by(
            scope.rate(calls, by),
            by,
            "all",
        ),
        Panel::new("Failures by method", Draw::Lines, "percentunit")
            .about(
                "The share of calls that ended with a code that is the fault of who answers. Calls that were given up, and \
                 those of unknown methods, are not counted.",
            )
            .query_by(failed.ratio(&completed), by, "all"),
        Panel::new("Calls by code", Draw::Stacked, "reqps").about("Calls a second that ended.").query_by(
            scope.rate(calls, &[code]),
            &[code],
            "all",
        ),
    ];
    panels.extend(durations(found, &scope));
    if let Some(started) = started {
        let now = |counter: &str| scope.gauge("sum", counter, by);
        let open = now(&started.name).binary("-", now(&calls.series()));
        let panel = Panel::new("In flight by method", Draw::Lines, "short");
        panels.push(panel.about("Calls that have started and not ended yet.").query_by(open, by, "all"));
    }
    for counter in messages {
        let title = if counter.base.ends_with("_received_total") { "Messages received" } else { "Messages sent" };
        let panel = Panel::new(title, Draw::Lines, "cps").help(counter);
        panels.push(panel.query_by(scope.rate(&counter.name, by), by, "all"));
    }
    let mut shown = vec![calls.metric().to_owned()];
    shown.extend([started, duration].into_iter().flatten().chain(messages).map(|metric| metric.name.clone()));
    panels.extend(generic(view, role, &shown));
    panels
}

fn durations(grpc: &Grpc, scope: &Scope) -> Vec<Panel> {
    let mut panels = Vec::new();
    if let Some((duration, unary)) = grpc.unary() {
        let panel = Panel::new("Duration of unary calls", Draw::Lines, "s").help(duration);
        panels.push(quantiles(panel, &scope.with([unary]), &duration.histogram(), NONE));
    }
    if let Some(duration) = &grpc.duration {
        let panel = Panel::new("Duration by method (p95)", Draw::Lines, "s").help(duration);
        panels.push(panel.query_by(scope.quantile(0.95, &duration.histogram(), grpc.by), grpc.by, "p95"));
    }
    panels
}
