//! Panels of the process and its runtime, by instance.

use super::generic;
use crate::dashboard::View;
use crate::dashboard::panel::{Draw, Panel};
use crate::metric::Role;
use crate::promql::aggregate;

/// A limit that hardly any system sets. It has no panel.
const SKIPPED: &str = "process_virtual_memory_max_bytes";

pub(super) fn process(view: &View<'_>) -> Vec<Panel> {
    let (model, scope) = (view.model, &view.scope);
    let mut panels = Vec::new();
    let mut shown = vec![SKIPPED.to_owned()];
    if let (Some(open), Some(most)) = (model.find("process_open_fds"), model.find("process_max_fds")) {
        // A thousand is invisible next to a limit of a million.
        let used = scope.now(&open.name).binary("/", scope.now(&most.name));
        let by = ["instance"];
        let panel = Panel::new("File descriptors in use", Draw::Lines, "percentunit").help(open);
        panels.push(panel.note("As a share of their limit.").query_by(aggregate("max", &by, used), &by, "open"));
        shown.extend([open, most].map(|metric| metric.name.clone()));
    }
    panels.extend(generic(view, Role::Process, &shown));
    panels
}
