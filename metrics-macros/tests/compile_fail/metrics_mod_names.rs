//! `#[metrics]`: names, units and buckets.

use metrics_runtime::metrics;

#[metrics(prefix = "my-")]
mod prefix {
    pub fn users() -> Gauge;
}

#[metrics]
mod business {
    pub fn jobs() -> Counter;
    pub fn users_total() -> Gauge;
    pub fn version() -> Info;
    #[unit("info")]
    pub fn host_info() -> Info;
    #[unit("bytes")]
    pub fn upload() -> Histogram;
    #[unit("bytes")]
    #[buckets(1, 2, 2)]
    pub fn upload_bytes(le: &str) -> Histogram;
    #[buckets()]
    pub fn empty() -> Histogram;
    #[buckets(exponential(1, 1, 3))]
    pub fn standing() -> Histogram;
    pub fn __reserved(__tenant: &str) -> Gauge;
}

fn main() {}
