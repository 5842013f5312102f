//! No lint fires on what the attributes generate, in a crate that forbids `unsafe` and denies whatever can be denied.
//!
//! The verdict is the compiler's and clippy's: `cargo clippy --tests -- -D warnings`.
#![forbid(unsafe_code)]
#![deny(
    missing_docs,
    nonstandard_style,
    rust_2018_idioms,
    unused,
    ambiguous_negative_literals,
    closure_returning_async_block,
    deprecated_in_future,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    ffi_unwind_calls,
    if_let_rescope,
    impl_trait_overcaptures,
    impl_trait_redundant_captures,
    keyword_idents,
    let_underscore_drop,
    macro_use_extern_crate,
    meta_variable_misuse,
    missing_abi,
    missing_copy_implementations,
    missing_debug_implementations,
    missing_unsafe_on_extern,
    non_ascii_idents,
    non_local_definitions,
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
#![allow(
    clippy::blanket_clippy_restriction_lints,
    reason = "the whole group is asked for: generated code has to stand all of it"
)]

#[cfg(test)]
mod tests {
    use core::fmt::Display;
    use core::future::ready;
    use core::pin::Pin;

    use futures::executor::block_on;
    use metrics_runtime::{
        Classify, CompressionRatio, LabelValue, Outcome, Registry, metrics, track, track_compression, track_counter,
        track_histogram, track_in_flight, track_ryot, track_storage,
    };

    /// A future in a box.
    type Boxed<'future, T> = Pin<Box<dyn Future<Output = T> + Send + 'future>>;

    /// What goes wrong.
    #[derive(Clone, Copy, Debug)]
    struct Failure;

    impl Classify for Failure {
        fn classify(&self) -> Outcome {
            Outcome::Error
        }
    }

    /// Where a job comes from.
    #[derive(Clone, Copy, Debug, LabelValue)]
    enum Source {
        /// Over HTTP.
        Http,
        /// From the command line.
        #[label(rename = "cli")]
        Terminal,
    }

    /// What comes out of a compression.
    #[derive(Clone, Copy, Debug)]
    struct Compressed {
        /// Original by compressed size.
        ratio: f64,
    }

    impl CompressionRatio for Compressed {
        fn compression_ratio(&self) -> f64 {
            self.ratio
        }
    }

    /// The limits of sizes.
    const LIMITS: [f64; 2] = [1.0, 2.0];

    /// What the business wants to know.
    #[metrics(prefix = "lints_")]
    mod business {
        use super::Source;

        /// Jobs.
        pub(super) fn jobs_total(source: Source, tenant: &str) -> Counter;
        /// Users.
        pub(super) fn users() -> Gauge;
        /// Sizes.
        #[buckets(1, 2.5, 10)]
        #[unit("bytes")]
        pub(super) fn bytes() -> Histogram;
        /// Versions.
        pub(super) fn version_info(version: &str) -> Info;
    }

    /// Calls the model.
    #[track_ryot(model = "tiny", tokens = |text| text.len())]
    async fn generate(prompt: &str) -> Result<String, Failure> {
        let text = respond(prompt, 2).await?;
        Ok(text)
    }

    /// Responds.
    #[track(in_flight)]
    async fn respond(prompt: &str, times: usize) -> Result<String, Failure> {
        if prompt.is_empty() {
            return Err(Failure);
        }
        Ok(prompt.repeat(times))
    }

    /// Compresses.
    #[track_compression]
    fn compress(ratio: f64) -> Option<Compressed> {
        ratio.is_finite().then_some(Compressed { ratio })
    }

    /// Stores.
    #[track_storage("store", timed)]
    #[track_in_flight(name = "lints_in_flight", labels(tenant = tenant))]
    fn store(tenant: &str, mut content: Vec<u8>) -> Vec<u8> {
        content.extend(tenant.bytes());
        content
    }

    /// Counts, with every kind of label.
    #[track_counter(
        name = "lints_labels_total",
        labels(source: Source = source, tenant = tenant, fixed = "fixed", size = |found: &Vec<u8>| found.len()),
        error_if = |found| found.is_empty()
    )]
    async fn labelled(source: Source, tenant: String, content: Vec<u8>) -> Vec<u8> {
        ready(()).await;
        let _: (Source, String) = (source, tenant);
        content
    }

    /// Measures.
    #[track_histogram(name = "lints_size", buckets = LIMITS, value = |text: &str| text.len())]
    #[track_histogram(name = "lints_growth", buckets = exponential(1, 2, 3), value = |text: &str| text.len())]
    fn first_word<'text>(text: &'text str, _: &str) -> &'text str {
        text.split_whitespace().next().unwrap_or_default()
    }

    /// Waits, and may be generic.
    #[track(name = "lints_named", buckets = linear(1, 2, 3), help = "Waits.", ok_if = |_| true)]
    fn wait<T, const N: usize>(values: [T; N]) -> impl Future<Output = usize>
    where
        T: Display,
    {
        let length = values.map(|value| value.to_string().len()).into_iter().sum();
        ready(length)
    }

    /// Waits in a box.
    #[track]
    fn boxed(text: &str) -> Boxed<'_, usize> {
        Box::pin(async move { text.len() })
    }

    /// Waits in a box whose type says so.
    #[track_counter(name = "lints_boxed_total", labels(text = text))]
    fn boxed_openly(text: &str) -> Pin<Box<dyn Future<Output = usize> + '_>> {
        let length = text.len();
        Box::pin(ready(length))
    }

    fn never() -> ! {
        loop {}
    }
}
