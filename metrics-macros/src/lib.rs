//! Attributes of `metrics-runtime`, which re-exports them. Depend on that crate, not on this one.
//!
//! | attribute | records |
//! |---|---|
//! | [`macro@track`] | calls by status, durations, and optionally calls in flight |
//! | [`macro@track_histogram`] | durations, or a number from the result, in a histogram |
//! | [`macro@track_counter`] | calls by status, or the sum of a number from the result |
//! | [`macro@track_in_flight`] | calls in flight |
//! | [`macro@track_ryot`] | calls to the Ryot language model, and the tokens that they generate |
//! | [`macro@track_compression`] | compression ratios of ΣLANG |
//! | [`macro@track_storage`] | operations of the ΣVAULT storage |
//! | [`macro@circuit_breaker`] | puts an async function behind a circuit breaker |
//! | [`macro@metrics`] | declares business metrics as functions of a module |
//! | [`macro@test`] | makes a function a test that records into a scope of its own |
//! | [`derive@LabelValue`] | makes an enum a label with known values |

#![forbid(unsafe_code)]

mod args;
mod circuit_breaker;
mod crate_path;
mod diagnostics;
mod expand;
#[cfg(test)]
mod golden;
mod grammar;
mod label_value;
mod metrics_mod;
mod plan;
mod syntax;
mod test;
mod tokens;
mod track;

use proc_macro::TokenStream;

/// Counts the calls of a function by status, and observes their duration.
///
/// | metric | without `name` | with `name = "x"` |
/// |---|---|---|
/// | calls, a counter | `function_calls_total{function, module, status}` | `x_total{.., status}` |
/// | duration in seconds, a histogram | `function_call_duration_seconds{function, module}` | `x_duration_seconds{..}` |
/// | calls cancelled too late, a counter, with a [latency objective](#objectives) | `function_call_overdue_total{function, module}` | `x_overdue_total{..}` |
/// | calls in flight, a gauge, with `in_flight` | `function_calls_in_flight{function, module}` | `x_in_flight{..}` |
/// | with `polls` | [four metrics](#polls) with the labels `function` and `module` | the same |
///
/// Without `name`, all functions share these families, so that one dashboard fits every service. With `name`, the
/// labels are those in `labels(..)`.
///
/// The label `status` is the outcome of the call:
///
/// | `status` | the call |
/// |---|---|
/// | `success`, `error` | returned, see [Outcomes](#outcomes) |
/// | `panic` | panicked |
/// | `cancelled` | was a future that was dropped before it completed |
///
/// Each call that starts is counted once, on every way out. A future that is never polled is not counted. The histogram
/// observes the durations of calls that were not cancelled; a call that was cancelled after its promised latency is
/// [overdue](#objectives).
///
/// ```
/// use metrics_runtime::track;
///
/// /// Logs a user in.
/// #[track(name = "login", buckets = [0.01, 0.1, 1], labels(tenant = tenant))]
/// fn login(tenant: &str, password: &str) -> Result<(), String> {
///     if password == "secret" { Ok(()) } else { Err("wrong password".to_owned()) }
/// }
///
/// login("acme", "secret").unwrap();
/// login("acme", "guess").unwrap_err();
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("# HELP login_total Logs a user in (calls by status).\n"));
/// assert!(page.contains("login_total{tenant=\"acme\",status=\"success\"} 1\n"));
/// assert!(page.contains("login_total{tenant=\"acme\",status=\"error\"} 1\n"));
/// assert!(page.contains("login_duration_seconds_count{tenant=\"acme\"} 2\n"));
/// ```
///
/// The attribute works on sync and async functions, methods, generic functions and functions that return a future. It
/// can be combined with `async_trait`, `tracing::instrument` and the other attributes of this crate, in any order. It
/// does not change the value, panics, drop order, `Send`, lifetimes or lints of the function; [Limits](#limits) lists the
/// exceptions. A mistake in an argument is a compile error at the argument.
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = ".."` | name of the metrics, without a namespace: a string literal or a path to a `const` | the shared families |
/// | `replaces = ".."` | the name that the metrics had before, as `name` was written, or a list: `["..", ".."]`; see [Renames](#renames). Needs `name` | none |
/// | `help = ".."` | help text: a string literal or a path to a `const`. Needs `name` | the first paragraph of the doc comment |
/// | `labels(..)` | additional labels, see [Labels](#labels). Needs `name` or `preset` | none |
/// | `counter_labels(..)` | labels that only the counter of calls has, see [Labels](#labels). Needs `name` or `preset` | none |
/// | `limit = 10_000` | the limit of series with label values that are only known at run time: a whole number from 1 to 1,000,000 or a `const`, see [Labels](#labels). Needs `name` or `preset` | the limit of the registry, 2,000 |
/// | `buckets = [0.1, 1, 10]` | bucket bounds in seconds, see [Buckets](#buckets). Needs `name` | 0.005 to 10 |
/// | `native` | native buckets beside the classic ones, see [Buckets](#buckets). Needs `name` | classic buckets only |
/// | `ok_if = \|r\| bool` | `true` for a success, see [Outcomes](#outcomes) | by the type |
/// | `error_if = \|r\| bool` | `true` for an error, instead of `ok_if` | by the type |
/// | `in_flight` | also records the calls in flight | not recorded |
/// | `objective(..)` | service level objective, see [Objectives](#objectives) | none |
/// | `preset = path` | records the metrics of a preset, see [Presets](#presets). Excludes `name`, `replaces`, `help`, `buckets` and `native` | |
/// | `value = \|r\| ..` | the value that the preset records, as in [`macro@track_histogram`]. Needs `preset` | not recorded |
/// | `timed` | also records the optional duration of the preset. Needs `preset` | not recorded |
/// | `returns = ..` | the recorded part of a function without `async`, see [Futures](#functions-that-return-a-future) | `auto` |
/// | `polls` | also measures the polls of an async function, see [Polls](#polls) | not measured |
/// | `slow_poll = ".."` | the time from which on a poll is slow: a string with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`) or a constant expression of type `Duration`. Needs `polls` | that of `Builder::slow_poll`, 10 ms |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
///
/// # Labels
///
/// | form | value |
/// |---|---|
/// | `labels(a = expr)` | the expression, evaluated before the body; it can use the parameters |
/// | `labels(a = "text")` | the fixed text |
/// | `labels(a = \|r\| expr)` | the closure, called with a reference to the returned value (also to a `Result`); `panic` or `cancelled` if the call did not return |
/// | `labels(a: Type = ..)` | as above, with a given type; default: the type of the parameter |
///
/// `counter_labels(..)` has the same forms, for labels of the counter alone. The cause of an error belongs there: as one of
/// `labels`, it would multiply the buckets of the histogram.
///
/// ```
/// use metrics_runtime::{LabelValue, track};
///
/// #[derive(LabelValue)]
/// enum Cause {
///     None,
///     Password,
/// }
///
/// fn cause(result: &Result<(), String>) -> Cause {
///     if result.is_ok() { Cause::None } else { Cause::Password }
/// }
///
/// #[track(name = "signin", labels(tenant = tenant), counter_labels(cause = |r| -> Cause { cause(r) }))]
/// fn sign_in(tenant: &str, password: &str) -> Result<(), String> {
///     if password == "secret" { Ok(()) } else { Err("wrong password".to_owned()) }
/// }
///
/// sign_in("acme", "guess").unwrap_err();
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("signin_total{tenant=\"acme\",cause=\"password\",status=\"error\"} 1\n"));
/// assert!(page.contains("signin_duration_seconds_count{tenant=\"acme\"} 1\n"));
/// ```
///
/// The types of values implement `LabelValue`, such as `&str`, `String`, integers and `bool`. If the values of a type are
/// known, as with [`derive@LabelValue`], their series exist at zero from the start. For a label of the result these are the
/// series that can occur: `success` and `error` with each value, and `panic` and `cancelled` with themselves. More than
/// 50,000 such series are an error at `install`.
///
/// Series with other values are created by their first call, up to `limit`. Beyond it, calls are recorded in a series in
/// which the labels with such values are `_overflow`, and the others, such as `status`, keep their values.
///
/// The attribute sees only its function, and cannot tell a type from a generic of the surrounding `impl` block or trait.
/// It looks the type of a parameter up in the module, so give the type of a label (`labels(a: Type = a)`) if it is local to
/// the body of another function. Leave the type out if it is a generic of the block or trait.
///
/// `?`, `return`, `break` and `.await` cannot leave a label, a value or a condition: they are compile errors, except inside of
/// a closure, an async block or a loop of the argument. A macro that contains a `return` is not recognized; do not use one.
///
/// # Buckets
///
/// The bounds are sorted, and leave out `+Inf`. `linear` and `exponential` compute exact decimals: a bound is `0.3`, not
/// `0.30000000000000004`.
///
/// | form | bounds |
/// |---|---|
/// | `buckets = [0.1, 1, 10]` | the list; integers and floats |
/// | `buckets = path` | a `const` array or slice of `f64` |
/// | `buckets = linear(start, width, count)` | `start`, `start + width`, ..; `count` is an integer literal |
/// | `buckets = exponential(start, factor, count)` | `start`, `start * factor`, .. |
/// | `buckets = native` | none, and native buckets |
///
/// With `native`, the histogram also has [native buckets]: eight for each power of two, which a quantile needs, without
/// bounds that somebody has to choose. Prometheus scrapes them if it is started with `--enable-feature=native-histograms`.
/// `Builder::native_histograms` adds them to all durations.
///
/// ```
/// use metrics_runtime::track;
///
/// #[track(name = "render", native)]
/// fn render() {}
///
/// #[track(name = "resize", buckets = native)]
/// fn resize() {}
///
/// render();
/// resize();
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("render_duration_seconds_bucket{le=\"0.005\"} 1"));
/// assert!(!page.contains("resize_duration_seconds_bucket{le=\"0.005\"}"));
/// ```
///
/// [native buckets]: https://prometheus.io/docs/specs/native_histograms/
///
/// # Outcomes
///
/// A value that carries an HTTP status is judged by that status: 5xx is an error, everything else is not. An `Err` of
/// any other type is an error. `impl Classify`, `ok_if` and `error_if` decide otherwise.
///
/// | returned value | error |
/// |---|---|
/// | a status code, a response, or a tuple with one, such as `(StatusCode, Json<T>)`, with the feature `http`; also inside of `Ok` and `Err` | codes 5xx |
/// | a type that implements `Classify`; also inside of `Ok` and `Err` | as it says |
/// | `Err` of another type | always |
/// | any other value | never |
///
/// The same rule holds for `-> impl IntoResponse`, since the value itself is judged. The documentation of `Classify` lists
/// the types that carry a status. The closures of `ok_if` and `error_if` are called with a reference to the returned value.
///
/// # Objectives
///
/// `objective(success = 99.9, latency("500ms", 99.0))` declares objectives over 30 days. The exported alert rules
/// contain burn-rate alerts for them.
///
/// | form | objective |
/// |---|---|
/// | `success = 99.9` | the percentage of calls that succeed: above 93.06 and below 100 |
/// | `latency("500ms", 99.0)` | the percentage of calls that take at most this time, in the same range. The time is a string with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`) or a path to a `const` of type `Duration`, and must be a bound of the buckets |
///
/// Functions that record into the same series must have the same objective. `Builder::objective` declares objectives of
/// HTTP routes.
///
/// A latency objective adds a counter beside the histogram, with its labels: `x_overdue_total` for `x_duration_seconds` and
/// for `x_seconds`, and `function_call_overdue_total` without a name. It counts the calls that were cancelled after they had
/// run longer than the latency. They have no duration, because their caller decided when they ended, but they have broken
/// the promise.
///
/// | the call | success | latency |
/// |---|---|---|
/// | returned within the latency | good, or bad if it is an error | good |
/// | returned later | good, or bad if it is an error | bad |
/// | panicked | bad | by its duration |
/// | was cancelled within the latency | does not count | does not count |
/// | was cancelled later | does not count | bad: overdue |
///
/// ```
/// use metrics_runtime::track;
///
/// #[track(name = "checkout", objective(latency("500ms", 99.0)))]
/// async fn checkout() {}
///
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("checkout_overdue_total 0\n"));
/// # drop(checkout());
/// ```
///
/// # Renames
///
/// `replaces` keeps the queries of others working after a rename. The crate `metrics-export` writes recording rules that
/// record each metric under its earlier names too, its panels and alerts ask for all of the names, and `metrics check`
/// accepts the rename. The page has the new name alone.
///
/// ```
/// use metrics_runtime::track;
///
/// // Until now, this was `#[track(name = "order")]`.
/// #[track(name = "purchase", replaces = "order")]
/// fn purchase() {}
///
/// let metrics = metrics_runtime::Metrics::builder().namespace("shop").build()?;
/// let description = metrics.describe();
/// let calls = description.metrics.iter().find(|metric| metric.name == "shop_purchase_total").unwrap();
/// assert_eq!(calls.replaces, ["shop_order_total"]);
/// # purchase();
/// # Ok::<(), metrics_runtime::InstallError>(())
/// ```
///
/// # Presets
///
/// `preset = path` names a `const` of type `presets::Preset`, which lists the metrics:
///
/// ```
/// use metrics_runtime::presets::{Instrument, Preset};
/// use metrics_runtime::track;
///
/// const MAIL: Preset = Preset::new()
///     .calls(Instrument::counter("mails_total", "Mails by status."))
///     .value(Instrument::counter("mail_bytes_total", "Size of the sent mails.").unit("bytes"));
///
/// #[track(preset = MAIL, labels(kind = "welcome"), value = |size| *size)]
/// fn send(text: &str) -> usize {
///     text.len()
/// }
///
/// send("hello");
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("mails_total{kind=\"welcome\",status=\"success\"} 1\n"));
/// assert!(page.contains("mail_bytes_total{kind=\"welcome\"} 5\n"));
/// ```
///
/// # Functions that return a future
///
/// A function without `async` that returns `impl Future`, `BoxFuture`, `LocalBoxFuture` or `Pin<Box<dyn Future>>` is
/// recorded from the first poll of the future until it completes.
///
/// | form | records |
/// |---|---|
/// | `returns = auto` | the future if the signature shows one, else the function. A future that the signature does not show is a compile error |
/// | `returns = future` | the future, for example behind a type alias of a boxed future |
/// | `returns = value` | the function, without the future that it returns |
///
/// # Polls
///
/// The duration of an async call includes the time in which it waits. With `polls`, the attribute also measures the time in
/// which it does not:
///
/// | metric | records |
/// |---|---|
/// | `function_busy_seconds_total{function, module}` | the time inside of polls, without that inside of polls of other functions with `polls` |
/// | `function_polls_total{function, module}` | polls |
/// | `function_slow_polls_total{function, module}` | polls that took `slow_poll` or longer, and so kept their thread from other tasks |
/// | `function_first_poll_delay_seconds{function, module}` | the time from the call to the first poll, a histogram of buckets from 0.1 ms to 5 s: for a task that was spawned, the time that it waited for a thread |
///
/// The labels are those of `function_calls_total`, also with a `name` or a preset.
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::track;
///
/// #[track(polls, slow_poll = "5ms")]
/// async fn resize() {
///     std::thread::sleep(Duration::from_millis(6)); // blocks the thread
///     tokio::task::yield_now().await;
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// resize().await;
/// # });
/// let page = metrics_runtime::Registry::global().render();
/// let polls = page.lines().find(|line| line.starts_with("function_polls_total{function=\"resize\",")).unwrap();
/// let slow = page.lines().find(|line| line.starts_with("function_slow_polls_total{function=\"resize\",")).unwrap();
/// assert!(polls.ends_with(" 2") && slow.ends_with(" 1"));
/// ```
///
/// Synchronous functions, and async ones without `polls`, count as a part of the function that calls them. The time of a slow
/// poll is its own fault alone: functions whose polls contain it are slow if the rest of their poll is. A poll that panics is
/// counted. A future that is dropped before its first poll records nothing. The time is that of the clock: a thread that
/// the system has suspended is busy.
///
/// Each poll reads the clock twice, and a call once more. Without `polls`, nothing is added to a function. `polls` on a
/// function that is not polled is a compile error; in an `impl` block it applies to the methods that are. The delay of the
/// first poll is not known, and has no series, for a function that stays an `async fn` ([Limits](#limits)).
///
/// # Panics in arguments
///
/// A panic of a closure, a label or a trait of the application while a call is recorded does not reach the caller. The panic
/// hook of the process still reports it.
///
/// | panics | records |
/// |---|---|
/// | an expression or a closure of a label, or `LabelValue` | the label value `_invalid` |
/// | `ok_if`, `error_if`, or `Classify` | an error |
/// | `value`, or `CompressionRatio` | no value; it counts in `metrics_runtime_rejected_values_total` |
/// | `failure_if`, `ignore_if` or `classify` of [`macro@circuit_breaker`] | a failure |
///
/// # Limits
///
/// The attribute moves the body of the function into a closure or an async block. The compiler sees this in few cases:
///
/// - An async function becomes a function that returns `impl Future`, which nests less deeply and stores each parameter
///   once. `cargo doc` shows the `async fn`. Below `#[must_use]` or an attribute of another crate it stays an `async fn`,
///   whose future stores a parameter twice if the body moves it before the first `await`.
/// - A closure that the function returns gets its types from the signature, alone and in tuples (`-> impl Fn(&str) -> usize`).
///   In other types, from an async function, or with an argument that uses the result (`ok_if`, `error_if`, `value`, a label
///   of the result), its parameters need types: `|text: &str| text.len()`.
/// - A parameter that the body assigns may get a shorter borrow than the function without the attribute allows.
/// - If a label uses a name from a pattern such as `(a, _)`, the unnamed part is dropped last.
/// - These lints do not fire on the function, and an `#[expect(..)]` of them on it has no effect:
///   `unconditional_recursion`, and clippy's `cognitive_complexity`, `implicit_return`, `manual_async_fn`,
///   `missing_const_for_fn`, `missing_errors_doc`, `must_use_candidate`, `needless_lifetimes`, `needless_pass_by_value`,
///   `needless_return`, `toplevel_ref_arg`, `unnecessary_wraps`, `unused_async` and `used_underscore_binding`. They look at
///   the body as a part of its function, or at an `async fn`. clippy's `default_numeric_fallback` also fires on a number that
///   only the signature types, as in `fn f() -> i32 { 1 }`.
///
/// # Impl blocks
///
/// On an `impl` block, the attribute records every method. The label `function` is `Type::method`. `#[track(skip)]` excludes
/// a method, and `#[track(..)]` on a method replaces the arguments of the block, also in a `cfg_attr`. `name`, `replaces`,
/// `help`, `labels`, `counter_labels` and `value` are allowed only on methods. On a method, the attribute must have its own name or path: the block does
/// not recognize an import under another name, which is a compile error.
///
/// The location of the caller is lost in a method that inherits `#[track_caller]` from the declaration in its trait:
/// `Location::caller()` in such a method is a compile error, and panics name a line of the method.
///
/// ```
/// use metrics_runtime::track;
///
/// struct Store;
///
/// #[track(in_flight)]
/// impl Store {
///     async fn get(&self, key: &str) -> Option<String> {
///         None
///     }
///
///     #[track(name = "store_put", labels(kind = "text"))]
///     fn put(&self, text: &str) {}
///
///     #[track(skip)]
///     fn len(&self) -> usize {
///         0
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn track(args: TokenStream, item: TokenStream) -> TokenStream {
    track::attribute(&grammar::TRACK, args.into(), item.into()).into()
}

/// Observes one number for each call in a histogram: its duration, or a value from its result.
///
/// | | without `value` | with `value` |
/// |---|---|---|
/// | observes | the duration in seconds of calls that were not cancelled | the value of calls that succeeded |
/// | default name, for `fn f` | `f_duration_seconds` | `f_value`, or `f_bytes` with `unit = "bytes"` |
///
/// ```
/// use metrics_runtime::track_histogram;
///
/// #[track_histogram(name = "upload_bytes", unit = "bytes", buckets = exponential(1024, 4, 3), value = |file| file.len())]
/// fn upload(text: &str) -> Result<Vec<u8>, String> {
///     Ok(text.as_bytes().to_vec())
/// }
///
/// upload(&"x".repeat(5000)).unwrap();
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("upload_bytes_bucket{le=\"4096\"} 0\n"));
/// assert!(page.contains("upload_bytes_bucket{le=\"16384\"} 1\n"));
/// assert!(page.contains("upload_bytes_sum 5000\n"));
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = ".."` | name of the metric, without a namespace: a string literal or a path to a `const` | see above |
/// | `legacy_name = ".."` | in place of `name`: any name that Prometheus allows, for a metric that dashboards know by a name against the conventions; `metrics lint` reports it | |
/// | `replaces = ".."` | the whole name that the metric had before, without a namespace, or a list: `["..", ".."]`; see [`track`](macro@track#renames) | none |
/// | `help = ".."` | help text: a string literal or a path to a `const` | the first paragraph of the doc comment |
/// | `unit = ".."` | plural base unit, such as `"bytes"`, with which the name must end: a string literal or a path to a `const`. `"seconds"` without `value` | none |
/// | `labels(..)` | labels, see [`track`](macro@track#labels) | none |
/// | `limit = 10_000` | the limit of series with label values that are only known at run time: a whole number from 1 to 1,000,000 or a `const`, see [`track`](macro@track#labels) | the limit of the registry, 2,000 |
/// | `buckets = [..]` | bucket bounds, see [`track`](macro@track#buckets) | 0.005 to 10, for seconds |
/// | `native` | native buckets beside the classic ones, see [`track`](macro@track#buckets) | classic buckets only |
/// | `value = \|r\| ..` | the observed value, see [Values](#values) | the duration |
/// | `ok_if = \|r\| bool` | `true` for a success, see [`track`](macro@track#outcomes) | by the type |
/// | `error_if = \|r\| bool` | `true` for an error, instead of `ok_if` | by the type |
/// | `objective(latency(..))` | latency objective of durations, see [`track`](macro@track#objectives) | none |
/// | `returns = ..` | `auto`, `future` or `value`, see [`track`](macro@track#functions-that-return-a-future) | `auto` |
/// | `polls` | also measures the polls of an async function, see [`track`](macro@track#polls) | not measured |
/// | `slow_poll = ".."` | the time from which on a poll is slow, see [`track`](macro@track#polls). Needs `polls` | that of `Builder::slow_poll`, 10 ms |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
///
/// # Values
///
/// The closure is called with a reference to the returned value, or to the value in `Ok` if the function returns a
/// `Result`. It returns a number, a `Duration` (recorded in seconds), or an `Option` of one; `None` is not recorded.
#[proc_macro_attribute]
pub fn track_histogram(args: TokenStream, item: TokenStream) -> TokenStream {
    track::attribute(&grammar::HISTOGRAM, args.into(), item.into()).into()
}

/// Counts the calls of a function by status, or adds up a value from their results.
///
/// | | without `value` | with `value` |
/// |---|---|---|
/// | counts | calls by `status`, as in [`macro@track`] | the sum of the values of calls that succeeded, without `status` |
/// | default name, for `fn f` | `f_total` | `f_total`, or `f_bytes_total` with `unit = "bytes"` |
///
/// A label `status` in `labels(..)` replaces the status of the call. Negative values are not added.
///
/// ```
/// use metrics_runtime::{LabelValue, track_counter};
///
/// #[derive(LabelValue, Clone, Copy)]
/// enum Source { Upload, Queue }
///
/// #[track_counter(name = "analysis_total", labels(source: Source = source))]
/// fn analyze(source: Source) {}
///
/// #[track_counter(name = "sent_bytes_total", unit = "bytes", value = |sent| *sent)]
/// fn send(text: &str) -> usize {
///     text.len()
/// }
///
/// analyze(Source::Upload);
/// send("four");
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("analysis_total{source=\"upload\",status=\"success\"} 1\n"));
/// assert!(page.contains("analysis_total{source=\"queue\",status=\"success\"} 0\n"));
/// assert!(page.contains("sent_bytes_total 4\n"));
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = ".."` | name of the metric, without a namespace, which ends with `_total`: a string literal or a path to a `const` | see above |
/// | `legacy_name = ".."` | in place of `name`: any name that Prometheus allows, for a metric that dashboards know by a name against the conventions; `metrics lint` reports it | |
/// | `replaces = ".."` | the whole name that the metric had before, without a namespace, or a list: `["..", ".."]`; see [`track`](macro@track#renames) | none |
/// | `help = ".."` | help text: a string literal or a path to a `const` | the first paragraph of the doc comment |
/// | `unit = ".."` | plural base unit, such as `"bytes"`, which the name must have before `_total`: a string literal or a path to a `const` | none |
/// | `labels(..)` | labels, see [`track`](macro@track#labels) | none |
/// | `limit = 10_000` | the limit of series with label values that are only known at run time: a whole number from 1 to 1,000,000 or a `const`, see [`track`](macro@track#labels) | the limit of the registry, 2,000 |
/// | `value = \|r\| ..` | the added value, see [`track_histogram`](macro@track_histogram#values) | 1, for each call |
/// | `ok_if = \|r\| bool` | `true` for a success, see [`track`](macro@track#outcomes) | by the type |
/// | `error_if = \|r\| bool` | `true` for an error, instead of `ok_if` | by the type |
/// | `objective(success = ..)` | success objective of calls, see [`track`](macro@track#objectives) | none |
/// | `returns = ..` | `auto`, `future` or `value`, see [`track`](macro@track#functions-that-return-a-future) | `auto` |
/// | `polls` | also measures the polls of an async function, see [`track`](macro@track#polls) | not measured |
/// | `slow_poll = ".."` | the time from which on a poll is slow, see [`track`](macro@track#polls). Needs `polls` | that of `Builder::slow_poll`, 10 ms |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
#[proc_macro_attribute]
pub fn track_counter(args: TokenStream, item: TokenStream) -> TokenStream {
    track::attribute(&grammar::COUNTER, args.into(), item.into()).into()
}

/// Records the calls of a function that are in flight, as a gauge.
///
/// The default name is `f_in_flight`, for `fn f`. The gauge is decremented on every way out of a call: return, panic,
/// and a dropped future.
///
/// ```
/// use metrics_runtime::track_in_flight;
///
/// #[track_in_flight(name = "uploads_in_flight", labels(tenant = tenant))]
/// fn upload(tenant: &str) {
///     let page = metrics_runtime::Registry::global().render();
///     assert!(page.contains("uploads_in_flight{tenant=\"acme\"} 1\n"));
/// }
///
/// upload("acme");
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("uploads_in_flight{tenant=\"acme\"} 0\n"));
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = ".."` | name of the metric, without a namespace: a string literal or a path to a `const` | see above |
/// | `legacy_name = ".."` | in place of `name`: any name that Prometheus allows, for a metric that dashboards know by a name against the conventions; `metrics lint` reports it | |
/// | `replaces = ".."` | the whole name that the metric had before, without a namespace, or a list: `["..", ".."]`; see [`track`](macro@track#renames) | none |
/// | `help = ".."` | help text: a string literal or a path to a `const` | the first paragraph of the doc comment |
/// | `labels(..)` | labels, see [`track`](macro@track#labels), without those of the returned value | none |
/// | `limit = 10_000` | the limit of series with label values that are only known at run time: a whole number from 1 to 1,000,000 or a `const`, see [`track`](macro@track#labels) | the limit of the registry, 2,000 |
/// | `returns = ..` | `auto`, `future` or `value`, see [`track`](macro@track#functions-that-return-a-future) | `auto` |
/// | `polls` | also measures the polls of an async function, see [`track`](macro@track#polls) | not measured |
/// | `slow_poll = ".."` | the time from which on a poll is slow, see [`track`](macro@track#polls). Needs `polls` | that of `Builder::slow_poll`, 10 ms |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
#[proc_macro_attribute]
pub fn track_in_flight(args: TokenStream, item: TokenStream) -> TokenStream {
    track::attribute(&grammar::IN_FLIGHT, args.into(), item.into()).into()
}

/// Records calls to the Ryot language model.
///
/// | metric | records |
/// |---|---|
/// | `ryot_requests_total{status}` | calls by status, as in [`macro@track`] |
/// | `ryot_request_duration_seconds` | durations in seconds, in the buckets 0.1 0.5 1 2 5 10 30 |
/// | `tokens_generated_total{model}` | with `model` and `tokens`: the sum of the tokens of calls that succeeded |
///
/// ```
/// use metrics_runtime::track_ryot;
///
/// struct Completion { text: String, tokens: u64 }
///
/// #[track_ryot(model = model, tokens = |completion| completion.tokens)]
/// fn generate(model: &str, prompt: &str) -> Result<Completion, String> {
///     Ok(Completion { text: format!("{prompt} .."), tokens: 7 })
/// }
///
/// assert_eq!(generate("tiny", "Once").unwrap().text, "Once ..");
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("ryot_requests_total{status=\"success\"} 1\n"));
/// assert!(page.contains("ryot_request_duration_seconds_count 1\n"));
/// assert!(page.contains("tokens_generated_total{model=\"tiny\"} 7\n"));
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `model = ..` | value of the label `model`: a string literal, an expression evaluated before the body, or a closure on the returned value, as in [`track`](macro@track#labels). Needs `tokens` | |
/// | `tokens = \|r\| ..` | the tokens of a call, as a [value](macro@track_histogram#values). Needs `model` | not recorded |
/// | `limit = 10_000` | the limit of series with values of `model` that are only known at run time: a whole number from 1 to 1,000,000 or a `const`, see [`track`](macro@track#labels). Needs `model` | the limit of the registry, 2,000 |
/// | `ok_if = \|r\| bool` | `true` for a success, see [`track`](macro@track#outcomes) | by the type |
/// | `error_if = \|r\| bool` | `true` for an error, instead of `ok_if` | by the type |
/// | `objective(..)` | service level objective, see [`track`](macro@track#objectives) | none |
/// | `returns = ..` | `auto`, `future` or `value`, see [`track`](macro@track#functions-that-return-a-future) | `auto` |
/// | `polls` | also measures the polls of an async function, see [`track`](macro@track#polls) | not measured |
/// | `slow_poll = ".."` | the time from which on a poll is slow, see [`track`](macro@track#polls). Needs `polls` | that of `Builder::slow_poll`, 10 ms |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
#[proc_macro_attribute]
pub fn track_ryot(args: TokenStream, item: TokenStream) -> TokenStream {
    track::attribute(&grammar::RYOT, args.into(), item.into()).into()
}

/// Records the compression ratios of ΣLANG, for calls that succeeded.
///
/// | metric | records |
/// |---|---|
/// | `sigmalang_compression_ratio` | ratios, in the buckets 5 10 15 20 25 30 |
///
/// ```
/// use metrics_runtime::{CompressionRatio, track_compression};
///
/// struct Compressed { original: f64, bytes: f64 }
///
/// impl CompressionRatio for Compressed {
///     fn compression_ratio(&self) -> f64 {
///         self.original / self.bytes
///     }
/// }
///
/// #[track_compression]
/// fn compress() -> Result<Compressed, String> {
///     Ok(Compressed { original: 120.0, bytes: 10.0 })
/// }
///
/// compress().unwrap();
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("sigmalang_compression_ratio_bucket{le=\"10\"} 0\n"));
/// assert!(page.contains("sigmalang_compression_ratio_bucket{le=\"15\"} 1\n"));
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `ratio = \|r\| ..` | the ratio of a call, as a [value](macro@track_histogram#values) | `CompressionRatio` of the returned value, also inside of `Result` and `Option` |
/// | `ok_if = \|r\| bool` | `true` for a success, see [`track`](macro@track#outcomes) | by the type |
/// | `error_if = \|r\| bool` | `true` for an error, instead of `ok_if` | by the type |
/// | `returns = ..` | `auto`, `future` or `value`, see [`track`](macro@track#functions-that-return-a-future) | `auto` |
/// | `polls` | also measures the polls of an async function, see [`track`](macro@track#polls) | not measured |
/// | `slow_poll = ".."` | the time from which on a poll is slow, see [`track`](macro@track#polls). Needs `polls` | that of `Builder::slow_poll`, 10 ms |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
#[proc_macro_attribute]
pub fn track_compression(args: TokenStream, item: TokenStream) -> TokenStream {
    track::attribute(&grammar::COMPRESSION, args.into(), item.into()).into()
}

/// Records operations of the ΣVAULT storage.
///
/// | metric | records |
/// |---|---|
/// | `sigmavault_operations_total{operation, status}` | operations by status, as in [`macro@track`] |
/// | `sigmavault_operation_duration_seconds{operation}` | with `timed`: durations in seconds, in the buckets 0.005 to 10 |
///
/// ```
/// use metrics_runtime::track_storage;
///
/// #[track_storage("store", timed)]
/// fn store(key: &str, value: &str) -> Result<(), std::io::Error> {
///     Ok(())
/// }
///
/// store("readme", "..").unwrap();
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("sigmavault_operations_total{operation=\"store\",status=\"success\"} 1\n"));
/// assert!(page.contains("sigmavault_operation_duration_seconds_count{operation=\"store\"} 1\n"));
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `".."` | value of the label `operation`: a string literal, as the first argument | required |
/// | `timed` | also records the duration | not recorded |
/// | `ok_if = \|r\| bool` | `true` for a success, see [`track`](macro@track#outcomes) | by the type |
/// | `error_if = \|r\| bool` | `true` for an error, instead of `ok_if` | by the type |
/// | `objective(..)` | service level objective, see [`track`](macro@track#objectives). A latency needs `timed` | none |
/// | `returns = ..` | `auto`, `future` or `value`, see [`track`](macro@track#functions-that-return-a-future) | `auto` |
/// | `polls` | also measures the polls of an async function, see [`track`](macro@track#polls) | not measured |
/// | `slow_poll = ".."` | the time from which on a poll is slow, see [`track`](macro@track#polls). Needs `polls` | that of `Builder::slow_poll`, 10 ms |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
#[proc_macro_attribute]
pub fn track_storage(args: TokenStream, item: TokenStream) -> TokenStream {
    track::attribute(&grammar::STORAGE, args.into(), item.into()).into()
}

/// Puts an async function behind a circuit breaker, which rejects calls while the service that the function calls
/// fails.
///
/// The breaker opens after a number of consecutive failures, or at a ratio of failures. While it is open, calls return
/// an error without running the body. After the time in the open state, the breaker is half-open: some calls pass as
/// probes, and close it if they succeed. All functions that name the same service share one breaker.
///
/// ```
/// use metrics_runtime::circuit_breaker::CircuitOpen;
/// use metrics_runtime::{circuit_breaker, track_ryot};
///
/// #[derive(Debug)]
/// enum RyotError { Open(CircuitOpen), Down, Refused }
///
/// impl From<CircuitOpen> for RyotError {
///     fn from(open: CircuitOpen) -> Self {
///         Self::Open(open)
///     }
/// }
///
/// #[circuit_breaker(service = "ryot", failures = 2, open = "30s", ignore_if = |e| matches!(e, RyotError::Refused))]
/// #[track_ryot]
/// async fn generate(prompt: &str) -> Result<String, RyotError> {
///     if prompt.is_empty() { Err(RyotError::Refused) } else { Err(RyotError::Down) }
/// }
///
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     let std::task::Poll::Ready(value) = std::pin::pin!(future).poll(&mut context) else { panic!() };
/// #     value
/// # }
/// # block_on(async {
/// // A refusal says nothing about the service: it neither counts nor resets the count of consecutive failures.
/// for prompt in ["Once", "", "Once"] {
///     assert!(!matches!(generate(prompt).await, Err(RyotError::Open(_))));
/// }
/// assert!(matches!(generate("Once").await, Err(RyotError::Open(_))));
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"ryot\"} 1\n"));
/// assert!(page.contains("circuit_breaker_calls_total{service=\"ryot\",result=\"ignored\"} 1\n"));
/// assert!(page.contains("circuit_breaker_calls_total{service=\"ryot\",result=\"rejected\"} 1\n"));
/// # });
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `service = ".."` | name of the service: a string literal or a path to a `const` | required, or `breaker` |
/// | `failures = 5` | opens after this number of consecutive failures | required, or `ratio` or `breaker` |
/// | `ratio = 0.5, calls = 100` | opens when this ratio of the last calls has failed | |
/// | `ratio = 0.5, window = "10s"` | opens when this ratio of the calls in the window has failed | |
/// | `minimum = 20` | number of calls that a ratio requires. Needs `ratio` | `calls`; 10 with `window` |
/// | `open = "30s"` | time in the open state | `"30s"` |
/// | `max_open = "10m"` | doubles the time in the open state each time the breaker opens without having been closed in between, up to this limit | the time does not change |
/// | `jitter = 0.1` | extends the time in the open state by a random fraction of it, up to this one, but not beyond `max_open` | `0` |
/// | `half_open = 1` | number of probes that pass, and of successes that close the breaker | `1` |
/// | `lease = "60s"` | time after which an unfinished probe expires, so that another call can be a probe | `"60s"` |
/// | `slow = "2s"` | calls that take longer are failures, however they end: also with a success, ignored or cancelled | durations do not count |
/// | `slow_ratio = 0.5` | slow calls are no failures; opens when this ratio of the calls was slow. Needs `slow` and `ratio` | |
/// | `cancelled_fails` | cancelled calls are failures | they do not count |
/// | `breaker = expr` | an existing `CircuitBreaker`, such as `self.breaker`. Excludes all of the above | |
/// | `failure_if = \|error\| ..` | decides if an error is a failure, as `bool` or `Verdict` | by the type, as the [outcome](macro@track#outcomes) of a recorded call |
/// | `ignore_if = \|error\| bool` | `true` for an error that says nothing about the service, and is neither a failure nor a success; all others are judged as without it | none |
/// | `classify = \|r\| ..` | decides about the returned `Result`, as `bool` (`true` is a failure) or `Verdict`, instead of `failure_if` and `ignore_if` | |
/// | `on_reject = \|open\| ..` | the error of a rejected call | `From<CircuitOpen>` |
/// | `fallback = path` | async function for rejected calls, instead of `on_reject`. It is called with the same parameters by value, `self` first | |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
///
/// Durations are strings with a unit (`ns`, `us`, `ms`, `s`, `m`, `h`), such as `"1m30s"`. Numbers and durations can
/// also be paths to a `const` of type `u32`, `f64` or `Duration`. Two attributes that name the same service with
/// different settings are an error at `install`.
///
/// # Behaviour
///
/// - The function returns a `Result`. In axum, a `CircuitOpen` as response is a 503 with `Retry-After`.
/// - The call that opens the breaker returns its own error.
/// - A panic counts as a failure. A dropped future counts neither as a failure nor as a success, unless `slow` or
///   `cancelled_fails` says otherwise.
/// - A call lasts from its first poll to its end. A call that hangs is slow when it is dropped, so set `slow` below the
///   timeouts of the callers.
/// - The breaker also works if metrics are switched off by `METRICS_ENABLED` or `--cfg metrics_off`.
/// - `breaker = self.breaker` borrows `self` for the whole call. If the body moves `self`, or takes `&mut self`, write
///   `self.breaker.clone()`.
/// - The type `CircuitBreaker` is the same breaker without an attribute, `CircuitBreakerLayer` is a layer for tower
///   services, and `BreakerSource` shows breakers of other crates.
///
/// # With other attributes
///
/// The breaker encloses the code that [`macro@track`] and the other attributes of this crate record, in any order of
/// the attributes: `ryot_requests_total` counts only calls that reached the service, and rejected calls are counted in
/// `circuit_breaker_calls_total`. The attribute recognizes them by name, also behind paths and in `cfg_attr`. If one of
/// them is imported under another name, write the breaker below it.
///
/// Other attributes, such as `tracing::instrument`, apply from top to bottom, each around the result of the one above.
///
/// A method under `#[async_trait]` is no longer an `async fn` when this attribute expands. Put the breaker on a
/// function that the method calls.
///
/// # Metrics
///
/// | metric, each with the label `service` | value |
/// |---|---|
/// | `circuit_breaker_state` | 0 closed, 1 open, 2 half-open, 3 disabled, 4 forced open |
/// | `circuit_breaker_failures_total` | failures, with those by `slow` and `cancelled_fails` |
/// | `circuit_breaker_calls_total{result}` | calls: `success`, `failure`, `slow`, `ignored`, `cancelled`, `rejected`. A slow call is one that would not be a failure without `slow` |
/// | `circuit_breaker_transitions_total{from, to}` | transitions |
/// | `circuit_breaker_last_transition_timestamp_seconds` | time of the last transition |
/// | `circuit_breaker_failure_ratio` | with `ratio`: the current ratio, from `minimum` calls on |
/// | `circuit_breaker_failure_ratio_threshold` | with `ratio`: the ratio at which the breaker opens |
/// | `circuit_breaker_slow_ratio`, `circuit_breaker_slow_ratio_threshold` | with `slow_ratio`: the same for slow calls |
/// | `circuit_breaker_probes_in_flight` | probes in progress |
/// | `circuit_breaker_transitions_dropped_total` | with a listener: transitions that listeners were too slow to receive |
///
/// Gauges are computed on each scrape: a breaker whose time in the open state has passed shows half-open, even before
/// the next call. The series of a dropped breaker disappear.
#[proc_macro_attribute]
pub fn circuit_breaker(args: TokenStream, item: TokenStream) -> TokenStream {
    circuit_breaker::attribute(&args.into(), &item.into()).into()
}

/// Declares business metrics: each function without a body in the module declares a metric and returns its series.
///
/// ```
/// use metrics_runtime::metrics;
///
/// #[metrics(prefix = "shop_")]
/// mod business {
///     /// Orders that were paid.
///     pub fn orders_total(tenant: &str) -> Counter;
///     /// Users with a live session.
///     pub fn active_users() -> Gauge;
///     /// Size of an upload.
///     #[buckets(1024, 65536)]
///     #[unit("bytes")]
///     pub fn upload_bytes() -> Histogram;
/// }
///
/// business::orders_total("acme").inc();
/// business::active_users().set(3.0);
/// business::upload_bytes().observe(2000.0);
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("# HELP shop_orders_total Orders that were paid.\n"));
/// assert!(page.contains("shop_orders_total{tenant=\"acme\"} 1\n"));
/// assert!(page.contains("shop_active_users 3\n"));
/// assert!(page.contains("shop_upload_bytes_bucket{le=\"65536\"} 1\n"));
/// ```
///
/// # Functions
///
/// | function | metric |
/// |---|---|
/// | name | name, after the `prefix` of the module |
/// | returned type | kind: `Counter` (its name ends with `_total`), `Gauge`, `InFlight` (a gauge with guards), `ObservedCounter` or `ObservedGauge` (their values are asked for on each page), `Histogram` or `Info` (`_info`). The types need no import. The function returns a reference, or with parameters a `Series`, which dereferences to it; an observed metric is returned as it is |
/// | parameters | labels, of types that implement `LabelValue`. If the values of all types are known, the series exist at zero from the start |
/// | doc comment | help text: its first paragraph |
/// | `#[buckets(..)]` | bucket bounds of a histogram: a list without brackets, or a form of [`track`](macro@track#buckets). `native` beside them, `#[buckets(0.1, 1, native)]`, adds native buckets. Default: 0.005 to 10, for seconds |
/// | `#[legacy_name("..")]` | the whole name, without `prefix`: any name that Prometheus allows, for a metric that dashboards know by a name against the conventions; `metrics lint` reports it |
/// | `#[replaces("..")]` | the whole names that the metric had before, without a namespace; see [`track`](macro@track#renames) |
/// | `#[unit("bytes")]` | plural base unit, with which the name must end (before `_total`): a string literal or a path to a `const` |
///
/// Other items of the module are not changed.
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `prefix = ".."` | prefix of all names: a string literal | none |
/// | `limit = 10_000` | the limit of series of each metric with label values that are only known at run time: a whole number from 1 to 1,000,000, or a `const` as the module names it | the limit of the registry, 2,000 |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
#[proc_macro_attribute]
pub fn metrics(args: TokenStream, item: TokenStream) -> TokenStream {
    metrics_mod::expand(args.into(), item.into()).into()
}

/// Makes a function a test that records into a [`Scope`] of its own. With the feature `test` of `metrics-runtime`.
///
/// ```
/// use metrics_runtime::test::Scope;
/// use metrics_runtime::{assert_metric, assert_no_metric, track};
///
/// #[track(name = "sign_in", labels(tenant = tenant))]
/// async fn sign_in(tenant: &str, password: &str) -> Result<(), String> {
///     if password == "secret" { Ok(()) } else { Err("wrong password".into()) }
/// }
///
/// #[metrics_runtime::test]
/// async fn failed_attempts_are_counted(metrics: Scope) {
///     sign_in("acme", "guess").await.unwrap_err();
///     assert_metric!(metrics, sign_in_total { tenant = "acme", status = "error" } == 1);
///     assert_metric!(metrics, sign_in_duration_seconds { tenant = "acme" } count == 1, sum < 0.5);
///     assert_no_metric!(metrics, sign_in_total { status = "panic" } > 0);
/// }
/// ```
///
/// The function is an `fn` or an `async fn`. It has a parameter of type `Scope`, or none. Its return type and its other
/// attributes are those of any test: `Result`, `#[ignore]`, `#[should_panic]`, `#[cfg]`. An `async fn` runs on a tokio
/// runtime of its own, as with `#[tokio::test]`, with all drivers enabled; do not add that attribute.
///
/// See the module `test` of `metrics-runtime` for what records into the scope, and for how to read it.
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `flavor = ".."` | the runtime of an async test: `"current_thread"` or `"multi_thread"` | `"current_thread"` |
/// | `worker_threads = 2` | the number of its threads, with `"multi_thread"`: a whole number, or a `const` | the number of cores |
/// | `start_paused = true` | pauses the clock of tokio from the start, with `"current_thread"` | `false` |
/// | `crate = path` | path of the crate `metrics_runtime` | `::metrics_runtime` |
///
/// [`Scope`]: https://docs.rs/metrics-runtime/latest/metrics_runtime/test/struct.Scope.html
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    test::attribute(args.into(), &item.into()).into()
}

/// Makes an enum without fields a label with known values, whose series exist at zero from the start.
///
/// The value of a variant is its name in snake case: `cache_hit` for `CacheHit`.
///
/// ```
/// use metrics_runtime::{LabelValue, track_counter};
///
/// #[derive(LabelValue)]
/// enum Cache {
///     CacheHit,
///     #[label(rename = "none")]
///     CacheMiss,
/// }
///
/// assert_eq!(Cache::VALUES, ["cache_hit", "none"]);
/// assert_eq!(Cache::CacheMiss.label().as_str(), "none");
/// ```
///
/// # Arguments
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `#[label(rename = "..")]` on a variant | its value: a string literal | the name in snake case |
/// | `#[label(crate = path)]` on the enum | path of the crate `metrics_runtime` | `::metrics_runtime` |
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn derive_label_value(input: TokenStream) -> TokenStream {
    label_value::expand(input.into()).into()
}
