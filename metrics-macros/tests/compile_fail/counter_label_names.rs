//! Labels of the counter alone that no counter has, and their names.

use metrics_runtime::presets::{Instrument, Preset};
use metrics_runtime::track;

const DURATION: Preset =
    Preset::new().duration(Instrument::histogram("mail_duration_seconds", "Duration.", &[1.0]).unit("seconds"));

const TENANTS: Preset = Preset::new().calls(Instrument::counter("mails_total", "Mails.").labels(&["tenant"]));

#[track(preset = DURATION, counter_labels(cause = "a"))]
fn no_counter() {}

#[track(preset = TENANTS, labels(tenant = "a"), counter_labels(cause = "a"))]
fn another_label() {}

#[track(name = "a", counter_labels(le = "a"))]
fn reserved() {}

fn main() {}
