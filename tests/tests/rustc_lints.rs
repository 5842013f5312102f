//! Lints of rustc and clippy on the code that attributes generate: none fires, in a crate that forbids `unsafe` and
//! denies all lint groups.
//!
//! The check is `cargo clippy --tests -- -D warnings`. The bodies are short, so that lints apply mainly to generated
//! code. Exceptions have their reasons beside them.
#![cfg(not(metrics_off))]
#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    unused,
    ambiguous_negative_literals,
    closure_returning_async_block,
    deprecated_in_future,
    explicit_outlives_requirements,
    ffi_unwind_calls,
    if_let_rescope,
    impl_trait_overcaptures,
    impl_trait_redundant_captures,
    keyword_idents,
    let_underscore_drop,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_unsafe_on_extern,
    non_ascii_idents,
    redundant_imports,
    redundant_lifetimes,
    single_use_lifetimes,
    tail_expr_drop_order,
    trivial_casts,
    trivial_numeric_casts,
    unit_bindings,
    unnameable_types,
    unreachable_pub,
    unsafe_attr_outside_unsafe,
    unused_extern_crates,
    unused_import_braces,
    unused_lifetimes,
    unused_macro_rules,
    unused_qualifications,
    unused_results,
    variant_size_differences,
    clippy::all,
    clippy::nursery,
    clippy::pedantic,
    clippy::restriction
)]
// The group is not meant to be enabled as a whole, because some of its lints contradict each other.
#![allow(clippy::blanket_clippy_restriction_lints, reason = "this crate enables all of them")]
#![allow(
    clippy::needless_return,
    clippy::pub_with_shorthand,
    clippy::redundant_pub_crate,
    clippy::separated_literal_suffix,
    clippy::shadow_reuse,
    reason = "they contradict another lint"
)]
#![allow(
    clippy::arbitrary_source_item_ordering,
    clippy::single_call_fn,
    reason = "items are ordered by topic, and most are called once"
)]

use core::future::ready;
use core::pin::Pin;
use std::panic::{catch_unwind, resume_unwind};

use futures::executor::block_on;
use metrics_runtime::circuit_breaker::{CircuitBreaker, CircuitOpen};
use metrics_runtime::{
    Classify, CompressionRatio, LabelValue, Outcome, Registry, circuit_breaker, metrics, track, track_compression,
    track_counter, track_histogram, track_in_flight, track_ryot, track_storage,
};

/// An alias of a boxed future.
type Boxed<'future, T> = Pin<Box<dyn Future<Output = T> + Send + 'future>>;

/// The error of these functions.
#[derive(Clone, Copy, Debug)]
struct Failure;

impl Classify for Failure {
    fn classify(&self) -> Outcome {
        return Outcome::Error;
    }
}

/// The source of a job.
#[derive(Clone, Copy, Debug, LabelValue)]
enum Source {
    /// Over HTTP.
    Http,
    /// From the command line.
    #[label(rename = "cli")]
    Terminal,
}

/// The result of a compression.
#[derive(Clone, Copy, Debug)]
struct Compressed {
    /// The original size divided by the compressed size.
    ratio: f64,
}

impl CompressionRatio for Compressed {
    fn compression_ratio(&self) -> f64 {
        return self.ratio;
    }
}

/// The limits of sizes.
const LIMITS: [f64; 2] = [1.0, 2.0];

/// The help text of a metric.
const HELP: &str = "Waits.";

/// Business metrics.
#[metrics(prefix = "lints_")]
mod business {
    use super::Source;

    /// Jobs.
    pub(crate) fn jobs_total(source: Source, tenant: &str) -> Counter;
    /// Users.
    pub(crate) fn users() -> Gauge;
    /// Sizes.
    #[buckets(1, 2.5, 10_f64)]
    #[unit("bytes")]
    pub(crate) fn size_bytes() -> Histogram;
    /// Versions.
    pub(crate) fn version_info(version: &str) -> Info;
}

/// Calls the model.
#[track_ryot(model = "tiny", tokens = String::len)]
async fn generate(prompt: &str) -> Result<String, Failure> {
    return respond(prompt, 2).await;
}

/// Responds.
#[track(in_flight, polls, slow_poll = "20ms")]
async fn respond(prompt: &str, times: usize) -> Result<String, Failure> {
    if prompt.is_empty() {
        return Err(Failure);
    }
    return Ok(prompt.repeat(times));
}

/// Compresses.
#[track_compression]
fn compress(ratio: f64) -> Option<Compressed> {
    return ratio.is_finite().then_some(Compressed { ratio });
}

/// Stores.
#[track_storage("store", timed)]
#[track_in_flight(name = "lints_in_flight", labels(tenant = tenant))]
fn store(tenant: &str, mut content: Vec<u8>) -> Vec<u8> {
    content.extend(tenant.bytes());
    return content;
}

/// Has every kind of label.
#[track_counter(
    name = "lints_labels_total",
    labels(source: Source = source, tenant = tenant, fixed = "fixed", size = |found: &Vec<u8>| return found.len()),
    error_if = Vec::is_empty
)]
async fn labelled(source: Source, tenant: String, content: Vec<u8>) -> Vec<u8> {
    ready(()).await;
    drop(tenant);
    return match source {
        Source::Http => content,
        Source::Terminal => Vec::new(),
    };
}

/// The length of a text.
const fn length(text: &&str) -> usize {
    return text.len();
}

/// Measures.
#[track_histogram(name = "lints_size", buckets = LIMITS, value = length)]
#[track_histogram(name = "lints_growth", buckets = exponential(1, 2, 3), value = length)]
#[track_histogram(name = "lints_width", buckets = [0.5, 1, 2.5], value = length)]
fn first_word<'text>(text: &'text str, _: &str) -> &'text str {
    return text.split_whitespace().next().unwrap_or_default();
}

/// Waits, and is generic.
#[track(name = "lints_wait", buckets = linear(1, 2, 3), help = HELP, ok_if = |_| return true)]
fn wait<T, const N: usize>(values: [T; N]) -> impl Future<Output = usize>
where
    T: AsRef<str>,
{
    return ready(values.iter().map(AsRef::as_ref).map(str::len).sum());
}

/// Returns a boxed future by its alias.
#[track(returns = future)]
fn boxed(text: &str) -> Boxed<'_, usize> {
    return Box::pin(ready(text.len()));
}

/// Returns a boxed future.
#[track_counter(name = "lints_boxed_total", labels(text = text))]
fn boxed_openly(text: &str) -> Pin<Box<dyn Future<Output = usize> + '_>> {
    return Box::pin(ready(text.len()));
}

/// Never returns.
#[track]
async fn forever() -> ! {
    loop {
        ready(()).await;
    }
}

/// Holds a guard.
#[track]
fn hold(text: String, _guard: Vec<u8>) -> String {
    return text;
}

/// Has patterns as parameters.
#[track]
async fn apart((left, right): (String, String), [first, ..]: [u8; 2]) -> (String, u8) {
    ready(()).await;
    return ([right, left].concat(), first);
}

/// Has an empty body.
#[track]
fn nothing() {}

/// Is async and has an empty body.
#[track]
async fn nothing_later() {}

#[rustfmt::skip]
mod one_liners {
    //! The compiler has a lint for braces around a single expression on one line.
    #![allow(clippy::implicit_return, reason = "these are single expressions")]
    #![deny(clippy::needless_return)]
    use super::{ready, resume_unwind, track};

    /// A parameter that is dropped.
    #[track] pub(crate) fn owned(text: String) -> usize { text.len() }
    /// A reference.
    #[track] pub(crate) fn borrowed(text: &str) -> usize { text.len() }
    /// Later.
    #[track] pub(crate) async fn later(text: String) -> usize { text.len() }
    /// Later, with an unused parameter.
    #[track] pub(crate) fn future(_guard: String) -> impl Future<Output = usize> { ready(1) }
    /// Never.
    #[track] pub(crate) fn never() -> ! { resume_unwind(Box::new(1_u8)) }
}

/// A service.
#[derive(Clone, Debug)]
struct Service(String);

#[track]
impl Service {
    /// An associated constant.
    const SIZE: usize = 1;

    /// By reference.
    fn size(&self) -> usize {
        return self.0.len().max(Self::SIZE);
    }

    /// By value.
    async fn consumed(self) -> usize {
        return self.size();
    }

    /// Not recorded.
    #[track(skip)]
    const fn skipped(&self) -> usize {
        return self.0.len();
    }
}

/// An unused function is still reported.
#[expect(dead_code, reason = "it is unused")]
#[track]
fn unused_function() {}

/// Unused variables and parameters are still reported.
#[expect(unused_variables, reason = "they are unused")]
#[track]
fn unused_names(parameter: u8) {
    let variable = 1_u8;
}

/// Unused variables and parameters of an async function are still reported.
#[expect(unused_variables, reason = "they are unused")]
#[track]
async fn unused_names_later(parameter: u8) {
    let variable = 1_u8;
}

/// An unnecessary `mut` is still reported.
#[expect(unused_mut, reason = "it does not change")]
#[track]
fn unused_mut(mut text: String) -> String {
    return text;
}

/// An unused result is still reported.
#[expect(unused_must_use, reason = "it is unused")]
#[track]
async fn unused_result() {
    compress(1.0_f64).ok_or(Failure);
}

/// Unreachable code is still reported.
#[expect(unreachable_code, reason = "it cannot be reached")]
#[track]
fn unreachable_code() -> usize {
    return 1;
    return 2;
}

impl From<CircuitOpen> for Failure {
    fn from(_open: CircuitOpen) -> Self {
        return Self;
    }
}

/// Calls a service behind a breaker.
#[circuit_breaker(service = "lints", failures = 3, open = "1s", half_open = 1)]
#[track]
async fn ask(text: String, _times: u8) -> Result<String, Failure> {
    return respond(&text, 1).await;
}

/// Has its own breaker.
struct Client {
    /// The breaker.
    breaker: CircuitBreaker,
}

impl Client {
    /// Calls a service, with a fallback.
    #[circuit_breaker(breaker = self.breaker, failure_if = |error| matches!(*error, Failure), fallback = Self::without)]
    async fn ask(&self, text: String, _times: u8) -> Result<String, Failure> {
        return respond(&text, 1).await;
    }

    /// The fallback.
    #[circuit_breaker(service = "without", ratio = 0.5, calls = 5, classify = Result::is_err, on_reject = Failure::from)]
    async fn without(&self, text: String, _times: u8) -> Result<String, Failure> {
        return respond(&text, 1).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_behind_breakers_run() {
        let found = CircuitBreaker::find("lints");
        assert!(found.is_some(), "the attribute has registered the breaker");
        let Some(breaker) = found else { return };
        let client = Client { breaker };
        block_on(async {
            assert!(ask("a".to_owned(), 1).await.is_ok(), "declared");
            assert!(client.ask("a".to_owned(), 1).await.is_ok(), "its own breaker");
            assert!(client.without("a".to_owned(), 1).await.is_ok(), "the fallback");
        });
    }

    #[test]
    fn all_functions_run() {
        block_on(async {
            assert!(generate("").await.is_err(), "no prompt");
            assert!(generate("a").await.is_ok(), "a prompt");
            assert_eq!(labelled(Source::Http, String::new(), store("a", Vec::new())).await, [b'a'], "labels");
            assert_eq!(labelled(Source::Terminal, String::new(), Vec::new()).await, [0_u8; 0], "labels");
            assert_eq!(wait(["a", "b"]).await, 2, "generic");
            assert_eq!(boxed("a").await, boxed_openly("a").await, "boxed");
            assert_eq!(apart(("a".to_owned(), "b".to_owned()), [1, 2]).await.1, 1, "a pattern");
            nothing_later().await;
            unused_names_later(1).await;
            unused_result().await;
            assert_eq!(Service("a".to_owned()).consumed().await, 1, "methods");
            assert_eq!(one_liners::later(String::new()).await, 0, "one line");
            assert_eq!(one_liners::future(String::new()).await, 1, "one line");
        });
        drop(forever());
        nothing();
        unused_names(1);
        assert_eq!(Service(String::new()).skipped(), 0, "skipped");
        assert_eq!(hold(String::new(), Vec::new()), "", "guarded");
        assert_eq!(unused_mut(String::new()), "", "mutable");
        assert_eq!(unreachable_code(), 1, "unreachable");
        assert_eq!(one_liners::owned(String::new()), one_liners::borrowed(""), "one line");
        assert!(catch_unwind(|| one_liners::never()).is_err(), "it panics");
        assert_eq!(first_word("a b", "").len(), 1, "borrowed");
        assert!(compress(10.0_f64).is_some(), "a ratio");
        business::jobs_total(Source::Http, "a").inc();
        business::users().set(1.0_f64);
        business::size_bytes().observe(1.0_f64);
        drop(business::version_info("1"));
        assert_eq!(Registry::global().problems(), [], "nothing conflicts");
    }
}
