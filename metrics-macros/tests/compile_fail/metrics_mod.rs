//! `#[metrics]`: functions that declare no metric, and its arguments.

use metrics_runtime::metrics;

#[metrics]
mod business {
    /// Misspelt.
    pub fn jobs_total() -> Couter;
    /// Something else.
    pub fn users() -> u64;
    /// No type.
    pub fn files();
    /// Buckets on a counter.
    #[buckets(1, 2)]
    pub fn buckets_total() -> Counter;
    /// A self.
    pub fn receiver(&self) -> Gauge;
    /// A pattern.
    pub fn pattern((a, b): (&str, &str)) -> Gauge;
    /// Generic.
    pub fn generic<T>(tenant: T) -> Gauge;
    /// Async and const.
    pub async fn asynchronous() -> Gauge;
    pub const fn constant() -> Gauge;
    #[buckets(1)]
    #[buckets(2)]
    pub fn buckets_twice() -> Histogram;
    #[unit("bytes")]
    #[unit("bytes")]
    pub fn unit_twice_bytes() -> Histogram;
    #[unit]
    #[buckets]
    pub fn no_values() -> Histogram;
    pub fn impl_trait(tenant: impl ToString) -> Gauge;
    pub fn reference() -> &'static Gauge;
    pub fn two_things(&self, tenant: &str) -> Couter;
    pub unsafe fn dangerous() -> Gauge;
    pub fn fine() -> Gauge;
}

#[metrics]
fn no_module() {}

#[metrics]
struct NoModule;

#[metrics]
mod elsewhere;

#[metrics(prefx = "x_")]
mod unknown {}

#[metrics(prefix = "x_", prefix = "y_", crat = metrics_runtime)]
mod repeated {}

#[metrics(prefix)]
mod no_value {}

#[metrics("x_")]
mod a_literal {}

fn main() {
    business::fine();
}
