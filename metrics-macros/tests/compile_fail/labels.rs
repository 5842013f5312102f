//! Labels that name no parameter, and the syntax of labels.

#![allow(unused_variables)]

use metrics_runtime::{track, track_counter, track_histogram};

#[track_counter(labels(tenant = tennant))]
fn no_parameter(tenant: &str, user: &str) {}

#[track_counter(labels(tenant = tenant))]
fn no_parameters_at_all() {}

#[track_histogram(labels(tenant = &tennant, user = usr))]
fn two(Tenant { tenant, .. }: Tenant, (user, _): (u8, u8)) {}

struct Tenant {
    tenant: u8,
}

impl Tenant {
    #[track(name = "x", labels(tenant = tenat))]
    fn method(&self, tenant: &str) {}
}

#[track_counter(labels(tenant = tenant, tenant = user))]
fn twice(tenant: &str, user: &str) {}

#[track_counter(labels(tenant = "a" user = "b", c))]
fn no_comma() {}

#[track_counter(labels("tenant" = tenant))]
fn name_in_quotes(tenant: &str) {}

#[track_counter(labels(tenant: = tenant))]
fn no_type(tenant: &str) {}

#[track_counter(labels(tenant = ))]
fn no_value(tenant: &str) {}

#[track_counter(labels())]
fn empty_is_fine() {}

fn main() {}
