//! `#[metrics]`: labels of a wrong type.

use metrics_runtime::metrics;

pub struct Tenant;

#[metrics]
mod business {
    pub fn jobs_total(tenant: super::Tenant) -> Counter;
    pub fn users(ratio: f64, tenant: &Missing) -> Gauge;
}

fn main() {
    business::jobs_total("x", "y").inc();
}
