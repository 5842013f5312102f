//! Values that are not labels: the error is at the expression.

use metrics_runtime::{track_counter, track_histogram, track_ryot};

struct Tenant {
    name: String,
}

#[track_counter(labels(tenant = tenant))]
fn entry(tenant: &Tenant) {}

#[track_histogram(labels(ratio = ratio * 2.0))]
async fn a_float(ratio: f64) {}

#[track_counter(labels(tenant = |r| r))]
fn returned() -> Tenant {
    Tenant { name: String::new() }
}

#[track_counter(labels(tenant = |r: &Result<Tenant, ()>| r.as_ref().ok().map(|tenant| tenant.name.len() as f64)))]
async fn an_option() -> Result<Tenant, ()> {
    Ok(Tenant { name: String::new() })
}

#[track_counter(labels(tenant: Tenant = tenant))]
fn typed(tenant: &Tenant) {}

#[track_ryot(model = model, tokens = |r: &u64| *r)]
fn model(model: Tenant) -> u64 {
    1
}

#[track_counter(labels(tenant = tenant.nme))]
fn no_such_field(tenant: &Tenant) {}

#[track_counter(labels(tenant = |r| r.nme))]
fn no_such_field_returned() -> Tenant {
    Tenant { name: String::new() }
}

fn main() {}
