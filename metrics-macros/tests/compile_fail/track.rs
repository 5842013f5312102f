//! Arguments of `#[track]`.

#![allow(unused_variables)]

use metrics_runtime::track;

#[track(lables(tenant = tenant))]
fn unknown(tenant: &str) {}

#[track(name = "twice", name = "again", in_flight, in_flight)]
fn repeated() {}

#[track(unit = "bytes", tokens = |r: &()| 1, ratio = |r: &()| 1.0)]
fn of_another_attribute() {}

#[track(nmae = "several", buckets = [1.0], ok_if = |_| true, error_if = |_| false, in_flight = true)]
fn several_at_once(tenant: &str) {}

#[track(labels(tenant = tenant))]
fn labels_without_name(tenant: &str) {}

#[track(buckets = [1.0], help = "Text.")]
fn buckets_and_help_without_name() {}

#[track(value = |r: &u8| *r, timed)]
fn value_without_preset() -> u8 {
    1
}

#[track(preset = metrics_runtime::presets::RYOT, name = "x", buckets = [1.0])]
fn preset_with_name() {}

#[track("text")]
fn a_literal() {}

#[track(name)]
fn no_value() {}

#[track(name =)]
fn still_no_value() {}

#[track(name = "x" help = "y")]
fn no_comma() {}

#[track(name = 7)]
fn a_number_for_a_name() {}

#[track(name = "x", labels = [tenant])]
fn labels_in_brackets(tenant: &str) {}

#[track(name = "x", labels(tenant))]
fn a_label_without_value(tenant: &str) {}

#[track(returns = futur)]
fn returns_what() {}

#[track(preset = "ryot")]
fn a_preset_in_quotes() {}

#[track(crate = "metrics_runtime")]
fn a_crate_in_quotes() {}

#[track(skip)]
fn skipped_without_an_impl_block() {}

fn main() {}
