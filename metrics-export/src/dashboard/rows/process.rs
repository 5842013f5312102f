//! Panels of the process and its runtime, by instance.

use super::generic;
use crate::dashboard::View;
use crate::dashboard::panel::{Draw, Panel, rate_unit};
use crate::histograms::Measure;
use crate::metric::{Metric, Role};
use crate::model::Model;
use crate::names::{CANARY_DELAY, HARDLY_SET, SLOW_POLLS};
use crate::promql::aggregate;

pub(super) fn process(view: &View<'_>) -> Vec<Panel> {
    let (model, scope) = (view.model, &view.scope);
    let mut panels = Vec::new();
    let mut shown = vec![HARDLY_SET.to_owned()];
    if let (Some(open), Some(most)) = (model.find("process_open_fds"), model.find("process_max_fds")) {
        // A thousand is invisible next to a limit of a million.
        let used = scope.now(&open.name).binary("/", scope.now(&most.name));
        let by = [view.unit()];
        let panel = Panel::new("File descriptors in use", Draw::Lines, "percentunit").help(open);
        let note = if view.is_fleet() {
            "The largest number of an instance, as a share of the smallest limit."
        } else {
            "As a share of their limit."
        };
        panels.push(panel.note(note).query_by(aggregate("max", &by, used), &by, "open"));
        shown.extend([open, most].map(|metric| metric.name.clone()));
    }
    if let Some(delay) = model.find(CANARY_DELAY) {
        let by = [view.unit(), "runtime", "probe"];
        let late = scope.rate(Measure::Sum(delay.histogram()), &by);
        panels.push(
            Panel::new("Runtime blocked", Draw::Lines, "percentunit")
                .about("The share of time in which a task that became ready would have waited for a worker.")
                .query_by(late, &by, "runtime"),
        );
        shown.push(delay.name.clone());
        // The functions that block it.
        if let Some(slow) = slow_polls(model) {
            let by = view.labels(slow);
            let panel = Panel::new("Slow polls by function", Draw::Lines, rate_unit(None)).help(slow);
            panels.push(panel.query_by_any(scope.rate(&slow.name, &by), &by, &by, "polls"));
        }
    }
    panels.extend(generic(view, Role::Process, &shown));
    panels
}

/// Returns the metric of functions whose panel is beside the runtime that they block.
pub(super) fn slow_polls(model: &Model) -> Option<&Metric> {
    model.find(CANARY_DELAY).and_then(|_| model.find(SLOW_POLLS))
}

#[cfg(test)]
mod tests {
    use metrics_runtime::{Descriptor, Metrics, Registry};

    use crate::Export;

    #[test]
    fn functions_with_slow_polls_are_beside_the_runtime_that_they_block() {
        let registry = Registry::new();
        let delay = Descriptor::histogram("tokio_canary_delay_seconds", "Delay.", &[0.1][..]).unit("seconds");
        registry.histogram(delay.labels(["runtime", "probe"])).unwrap();
        let dashboard = || Export::new(&Metrics::builder().registry(&registry).build().unwrap()).dashboard();
        let title = |name: &str| format!("\"title\": \"{name}\"");
        assert!(
            dashboard().contains(&title("Runtime blocked")) && !dashboard().contains(&title("Slow polls by function"))
        );
        let slow = Descriptor::counter("function_slow_polls_total", "Slow polls.");
        registry.counter(slow.labels(["function", "module"])).unwrap();
        let dashboard = dashboard();
        let between = dashboard.split(&title("Runtime blocked")).nth(1).unwrap();
        let between = between.split(&title("Slow polls by function")).next().unwrap();
        assert_eq!(between.matches("\"title\"").count(), 0, "they are side by side");
        assert!(between.contains("rate(tokio_canary_delay_seconds_sum{"), "{between}");
        for once in ["rate(tokio_canary_delay_seconds", "rate(function_slow_polls_total"] {
            assert_eq!(dashboard.matches(once).count(), 1, "{once}");
        }
    }
}
