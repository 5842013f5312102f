//! The process and its runtime, by instance.

use super::super::super::model::{Model, Role};
use super::super::super::promql::aggregate;
use super::super::chosen;
use super::super::panel::{Draw, Panel};
use super::generic;

/// A limit that nearly no system sets.
const LEFT_OUT: &str = "process_virtual_memory_max_bytes";

pub(crate) fn process(model: &Model) -> Vec<Panel> {
    let scope = chosen(model);
    let mut panels = Vec::new();
    let mut shown = vec![LEFT_OUT.to_owned()];
    if let (Some(open), Some(most)) = (model.find("process_open_fds"), model.find("process_max_fds")) {
        // Beside a limit of a million nobody sees a thousand.
        let used = scope.now(&open.name).binary("/", scope.now(&most.name));
        let by = ["instance"];
        let panel = Panel::new("File descriptors in use", Draw::Lines, "percentunit").help(open);
        panels.push(panel.note("As a share of their limit.").query_by(aggregate("max", &by, used), &by, "open"));
        shown.extend([open, most].map(|metric| metric.name.clone()));
    }
    panels.extend(generic(model, Role::Process, &shown));
    panels
}
