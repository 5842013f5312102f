//! The parts of the service's own dashboard and rules that use a metric.

use super::drops::Dropped;
use crate::contract::Contract;
use crate::document::number;
use crate::export::Export;
use crate::histograms::bound;
use crate::usages::{MetricPattern, ObjectivePattern, QueryFile};

/// Returns the panels, variables and alerts that use a metric, and the dropped buckets that rules ask for.
pub(super) fn usages(export: &Export, name: &str, dropped: &Dropped) -> Vec<String> {
    let (contract, service) = (Contract::of(&export.model), &export.model.service);
    let objectives = ObjectivePattern::all(&contract, service);
    let metric = MetricPattern::new(&contract, name, service, &objectives);
    let rules = export.rules();
    let files = [QueryFile::text("dashboard", export.dashboard()), QueryFile::text("rules", rules.as_str())];
    let asks = |seconds: f64| {
        let (bucket, bound) = (format!("{name}_bucket{{"), bound(seconds).to_string());
        rules.lines().any(|line| line.contains(&bucket) && line.contains(&bound))
    };
    let bounds = dropped.bounds.iter().filter(|seconds| asks(**seconds));
    let buckets = bounds.map(|seconds| format!("rules: objectives, by the bucket `{}`", number(*seconds)));
    // Panels and alerts use what rules record.
    let places = files.iter().flat_map(|file| file.usages(&metric));
    places.filter(|place| !place.contains(": record `")).chain(buckets).collect()
}
