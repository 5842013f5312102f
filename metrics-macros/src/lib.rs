//! The attributes of `metrics-runtime`, which re-exports them: depend on that crate, not on this one.

#![forbid(unsafe_code)]

mod args;
mod attribute;
mod breaker;
mod crate_path;
mod expand;
#[cfg(all(test, not(feature = "off")))]
mod golden;
mod grammar;
mod item;
mod label_value;
mod metrics_mod;
mod model;
mod objective;
mod problems;
mod tokens;

use proc_macro::TokenStream;

/// Counts the calls of a function by how they ended, and observes how long they took.
///
/// | | without `name` | with `name = "x"` |
/// |---|---|---|
/// | calls | `function_calls_total{function, module, status}` | `x_total{.., status}` |
/// | duration in seconds | `function_call_duration_seconds{function, module}` | `x_duration_seconds{..}` |
/// | with `in_flight` | `function_calls_in_flight{function, module}` | `x_in_flight{..}` |
///
/// Without a name, all functions share one family, so that one dashboard fits every service. `status` is `success`,
/// `error`, `panic` or `cancelled` (the future was dropped before it was done); durations are those of calls that were
/// not cancelled. A future that is never polled counts nothing.
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
/// # Arguments
///
/// The same in all attributes; each takes some of them.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `name = ".."` | the name, without a namespace: a literal or a path to a `const` | as above |
/// | `help = ".."` | the text for people, likewise | the first paragraph of the doc comment |
/// | `labels(a = expr)` | evaluated before the body, where parameters are still there | none |
/// | `labels(a = "text")` | always the same | |
/// | `labels(a = \|r\| expr)` | evaluated on what was returned, the whole of it; says `panic` or `cancelled` where nothing was | |
/// | `labels(a: Type = ..)` | names the type of the values; where these are few, their series exist at zero from the start | that of the parameter |
/// | `buckets = [0.1, 1, 10]` | bounds without `+Inf`, integers or floats; or a path to a `const`, `linear(start, width, count)`, `exponential(start, factor, count)` | 0.005 to 10, for seconds |
/// | `ok_if = \|r\| bool`, `error_if = \|r\| bool` | decides between `success` and `error` | `Result`; the code of an HTTP response; `impl Classify` |
/// | `in_flight` | calls in flight, as a gauge | not recorded |
/// | `objective(success = 99.9, latency(0.5, 99.0))` | what is promised over 30 days, for alert rules: the percentage of calls that succeed, and of those that take at most so many seconds, which is the bound of a bucket; functions that record into the same series promise the same | nothing |
/// | `returns = future`, `value` | whether the future that is returned is recorded, or its construction | what the signature shows |
/// | `crate = path` | where `metrics_runtime` is | `::metrics_runtime` |
/// | `preset = path` | a `const` of type `presets::Preset` says what is recorded; with it, `value = \|r\| ..` and `timed` | |
///
/// `labels`, `buckets` and `help` need a `name`, since the shared families have theirs. What is no `async fn` but returns
/// `impl Future`, `BoxFuture` or `Pin<Box<dyn Future>>` is recorded until that future is done; a future that the
/// signature does not show is an error that asks for `returns`.
///
/// # On an `impl` block
///
/// Every method is recorded, its label `function` says `Type::method`. `#[track(skip)]` leaves a method out, a
/// `#[track(..)]` of its own replaces what the block says.
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
    attribute::attribute(&grammar::TRACK, args.into(), item.into()).into()
}

/// Observes one number per call in a histogram: how long it took, or with `value` something about what was returned.
///
/// Takes `name`, `help`, `unit`, `labels`, `buckets`, `value`, `ok_if`, `error_if`, `returns`, `crate`, which mean what
/// they mean in [`macro@track`]. The name is that of the function and `_duration_seconds`, with `value` that and
/// `_value`, unless `name` says another.
///
/// - Without `value`: the duration in seconds of calls that were not cancelled.
/// - `value = |r| ..`: a number, a `Duration` (recorded in seconds) or an `Option` of one, of what was returned on success.
///   A `Result` is seen through: `r` is what it holds. Give `buckets` as well, the default is one for seconds.
/// - `unit = "bytes"`: the plural base unit, in which the name has to end.
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
#[proc_macro_attribute]
pub fn track_histogram(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::HISTOGRAM, args.into(), item.into()).into()
}

/// Counts the calls of a function, or with `value` sums something about what it returns.
///
/// Takes `name`, `help`, `unit`, `labels`, `value`, `ok_if`, `error_if`, `returns`, `crate`, which mean what they mean in
/// [`macro@track`] and [`macro@track_histogram`]. The name ends in `_total`; it is that of the function and `_total`
/// unless `name` says another.
///
/// - Without `value`: calls by `status`, as in [`macro@track`]; a `status` of one's own in `labels` takes its place.
/// - `value = |r| ..`: the sum of the values of calls that succeeded, without a `status`. What is negative is left out.
///
/// ```
/// use metrics_runtime::{LabelValue, track_counter};
///
/// #[derive(LabelValue, Clone, Copy)]
/// enum Source { Upload, Queue }
///
/// #[track_counter(name = "analysis_total", labels(source = source))]
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
#[proc_macro_attribute]
pub fn track_counter(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::COUNTER, args.into(), item.into()).into()
}

/// Shows how many calls of a function are in flight, as a gauge.
///
/// Takes `name`, `help`, `labels`, `returns`, `crate`, which mean what they mean in [`macro@track`]; labels have to be
/// known at entry. The name is that of the function and `_in_flight` unless `name` says another. The gauge comes back
/// to zero on every way out: return, panic, dropped future.
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
#[proc_macro_attribute]
pub fn track_in_flight(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::IN_FLIGHT, args.into(), item.into()).into()
}

/// Records calls to the Ryot language model.
///
/// | metric | |
/// |---|---|
/// | `ryot_requests_total{status}` | calls |
/// | `ryot_request_duration_seconds` | their duration in seconds; buckets 0.1 0.5 1 2 5 10 30 |
/// | `tokens_generated_total{model}` | with `model` and `tokens`: the sum of the tokens of calls that succeeded |
///
/// Takes `model = expr` (as a label: a literal, evaluated before the body, or a closure) and `tokens = |r| ..` (as `value`
/// of [`macro@track_histogram`]), which need each other, and `ok_if`, `error_if`, `returns`, `crate`, which mean what
/// they mean in [`macro@track`].
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
#[proc_macro_attribute]
pub fn track_ryot(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::RYOT, args.into(), item.into()).into()
}

/// Records the ratio that ΣLANG compression reaches, of calls that succeeded.
///
/// `sigmalang_compression_ratio` is a histogram with the buckets 5 10 15 20 25 30. The ratio is that of what was
/// returned, which implements `CompressionRatio`, seen through `Result` and `Option`; or `ratio = |r| ..`, as `value` of
/// [`macro@track_histogram`]. Also takes `ok_if`, `error_if`, `returns`, `crate`, which mean what they mean in
/// [`macro@track`].
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
#[proc_macro_attribute]
pub fn track_compression(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::COMPRESSION, args.into(), item.into()).into()
}

/// Counts operations of the ΣVAULT storage.
///
/// `#[track_storage("store")]` counts `sigmavault_operations_total{operation="store", status}`; the operation is a
/// literal. With `timed`, `sigmavault_operation_duration_seconds{operation}` observes the duration in seconds, buckets
/// 0.005 to 10. Also takes `ok_if`, `error_if`, `returns`, `crate`, which mean what they mean in [`macro@track`].
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
#[proc_macro_attribute]
pub fn track_storage(args: TokenStream, item: TokenStream) -> TokenStream {
    attribute::attribute(&grammar::STORAGE, args.into(), item.into()).into()
}

/// Puts an async function behind a circuit breaker: while the service that it calls fails, it is not called.
///
/// | argument | meaning | default |
/// |---|---|---|
/// | `service = ".."` | the name; all functions that name it share one breaker | |
/// | `failures = 5` | opens when so many calls in a row have failed | |
/// | `ratio = 0.5, calls = 100` | opens when that part of the last so many calls has failed | |
/// | `ratio = 0.5, window = "10s"` | opens when that part of the calls of the last while has failed | |
/// | `minimum = 20` | how many calls a ratio takes to mean anything | `calls`; 10 with `window` |
/// | `open = "30s"` | how long it stays open, before calls pass as probes | `"30s"` |
/// | `max_open = "10m"` | up to which that doubles, each time it opens without having been closed | it does not |
/// | `jitter = 0.1` | makes each time open longer by a random part of it, up to this | `0` |
/// | `half_open = 1` | how many probes pass, and how many successes close it | `1` |
/// | `lease = "60s"` | after which a probe that does not end loses its place | `"60s"` |
/// | `breaker = expr` | a `CircuitBreaker` of one's own (`self.breaker`), instead of all of the above | |
/// | `failure_if = \|error\| ..` | whether an error is a failure, as `bool` or `Verdict` | every error is |
/// | `classify = \|result\| ..` | the same of the whole of what was returned | |
/// | `on_reject = \|open\| ..` | the error of a call that is rejected | `E: From<CircuitOpen>` |
/// | `fallback = path` | an async function that is called instead, with the same parameters by value, `self` first | |
/// | `crate = path` | where `metrics_runtime` is | `::metrics_runtime` |
///
/// Numbers and durations can be paths to a `const`; of type `u32`, `f64` and `Duration`. Two attributes that name one
/// service with different settings are an error at `install`. A breaker goes on breaking where metrics are switched off,
/// by `METRICS_ENABLED` or by the feature `off`.
///
/// A call that is rejected does not run the body. The call that opens the circuit returns its own error. A call counts as
/// a failure if it panics, and neither way if its future is dropped. `breaker = self.breaker` borrows `self` for the whole
/// call: where the body gives `self` away, or is given it as `&mut self`, write `self.breaker.clone()`.
///
/// # With other attributes
///
/// The breaker is outside of what [`macro@track`] and its relatives record, in whatever order the attributes are written:
/// `ryot_requests_total` counts calls that really went upstream, rejected ones are in `circuit_breaker_calls_total`. It
/// knows them by their names, also behind paths and in `cfg_attr`; where one was imported under another name, write the
/// breaker below it. Of other attributes (`tracing::instrument`), what is written below is around what is written above.
///
/// On a method behind `#[async_trait]` there is no `async fn` left to stand on: put the breaker on a function that the
/// method calls.
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
/// #[circuit_breaker(service = "ryot", failures = 2, open = "30s", failure_if = |e| !matches!(e, RyotError::Refused))]
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
/// // A refusal is an answer: it ends a row of failures.
/// for prompt in ["Once", "", "Once", "Once"] {
///     assert!(!matches!(generate(prompt).await, Err(RyotError::Open(_))));
/// }
/// assert!(matches!(generate("Once").await, Err(RyotError::Open(_))));
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("circuit_breaker_state{service=\"ryot\"} 1\n"));
/// assert!(page.contains("circuit_breaker_calls_total{service=\"ryot\",result=\"rejected\"} 1\n"));
/// # });
/// ```
#[proc_macro_attribute]
pub fn circuit_breaker(args: TokenStream, item: TokenStream) -> TokenStream {
    breaker::attribute(&args.into(), &item.into()).into()
}

/// Declares business metrics: every function without a body in the module is one, and hands out its series.
///
/// | | |
/// |---|---|
/// | the name of the function | the name of the metric, behind the module's `prefix` |
/// | the returned type | `Counter` (its name ends in `_total`), `Gauge`, `Histogram` or `Info` (`_info`); they need no import |
/// | the parameters | the labels; every type is a `LabelValue` |
/// | the doc comment | the text for people |
/// | `#[buckets(..)]` | the bounds of a histogram, as `buckets` of [`macro@track`]; the default is one for seconds |
/// | `#[unit("bytes")]` | the plural base unit, in which the name has to end |
///
/// Takes `prefix = ".."` and `crate = path`. Other items in the module stay as they are.
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
#[proc_macro_attribute]
pub fn metrics(args: TokenStream, item: TokenStream) -> TokenStream {
    metrics_mod::expand(args.into(), item.into()).into()
}

/// Makes an enum without fields a label with few values: all their series exist at zero from the start.
///
/// A variant is called as Rust would call a variable, `CacheHit` as `cache_hit`, or by its `#[label(rename = "..")]`. The
/// enum takes `#[label(crate = path)]`.
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
#[proc_macro_derive(LabelValue, attributes(label))]
pub fn derive_label_value(input: TokenStream) -> TokenStream {
    label_value::expand(input.into()).into()
}
