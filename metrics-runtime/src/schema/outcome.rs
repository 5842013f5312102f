//! The outcome of a call, and the traits through which returned values decide it.

use std::fmt;
use std::num::{NonZero, Saturating, Wrapping};

use super::label::{Label, LabelValue};
use crate::contained::contained;

/// The outcome of a call: the value of the label `status`.
///
/// Every call that started has exactly one outcome. An async call starts when its future is first polled.
///
/// The outcome decides which metrics record the call, and how it counts for objectives and for a circuit breaker around
/// the function:
///
/// | the call | `status` | duration | success objective | latency objective | circuit breaker |
/// |---|---|---|---|---|---|
/// | returned a success | `success` | observed | good | by its duration | a success |
/// | returned an error | `error` | observed | bad | by its duration | a failure |
/// | panicked | `panic` | observed | bad | by its duration | a failure |
/// | was cancelled within the promised latency | `cancelled` | - | does not count | does not count | nothing |
/// | was cancelled later | `cancelled` | -, overdue | does not count | bad | nothing |
/// | was rejected by the breaker | - | - | does not count | does not count | `rejected` |
///
/// A breaker has its own settings: `failure_if`, `ignore_if` and `classify` judge what a call returned, `slow` makes calls of
/// any outcome failures if they took too long, and `cancelled_fails` those that were cancelled.
///
/// ```
/// use metrics_runtime::Outcome;
///
/// assert_eq!(Outcome::ALL.map(Outcome::as_str), ["success", "error", "panic", "cancelled"]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The call returned a value that is not an error.
    Success,
    /// The call returned an error.
    Error,
    /// The call panicked.
    Panic,
    /// The future of the call was dropped before it completed: by `select!`, a timeout, an abort, or a client that
    /// disconnected.
    ///
    /// Such a call is neither a success nor an error, and has no duration, because its caller decided when it ended. If
    /// the function has a [latency objective](crate::Objective::latency) and the call had run longer, it is overdue: it
    /// counts in the counter `.._overdue_total`, and against the objective.
    Cancelled,
}

impl Outcome {
    /// All outcomes, in the order of their series.
    pub const ALL: [Self; 4] = [Self::Success, Self::Error, Self::Panic, Self::Cancelled];

    /// Returns the value of the label: `success`, `error`, `panic` or `cancelled`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
        }
    }

    /// Returns `true` if the call returned.
    pub(crate) const fn has_result(self) -> bool {
        matches!(self, Self::Success | Self::Error)
    }

    const fn error_if(failed: bool) -> Self {
        if failed { Self::Error } else { Self::Success }
    }
}

#[diagnostic::do_not_recommend]
impl LabelValue for Outcome {
    const VALUES: &'static [&'static str] = &{
        let [success, error, panic, cancelled] = Self::ALL;
        [success.as_str(), error.as_str(), panic.as_str(), cancelled.as_str()]
    };
    const CANNOT_PANIC: bool = true;

    fn label(&self) -> Label<'_> {
        Label::from_static(self.as_str())
    }

    #[inline]
    fn ordinal(&self) -> Option<usize> {
        Some(*self as usize)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A type whose values decide between success and error when a function returns them.
///
/// A value that carries an HTTP status is judged by the status: 5xx is an error, everything else is not. An `Err` of any
/// other type is an error. This trait, and the arguments `ok_if` and `error_if` of an attribute, decide otherwise.
///
/// Implement it for a type that a function returns, alone or inside of `Result`, or for an error type with values that
/// are not failures. The arguments of an attribute take precedence.
///
/// With the feature `http`, these types carry a status, alone or inside of `Ok` and `Err`:
///
/// - `http::StatusCode`, `http::Response` and `http::response::Parts`;
/// - tuples of up to nine elements that begin with one of these: `(StatusCode, Json<T>)`;
/// - tuples that begin with headers (`HeaderMap`, `[(K, V); N]`) and end with a type that implements the trait;
/// - with the feature `axum`, `Redirect`, and the rejections of axum that need none of its features; `Extension` and
///   `AppendHeaders` are headers in the line above.
///
/// With the feature `grpc`, `tonic::Status` and `tonic::Code` carry a code: `Unknown`, `DeadlineExceeded`,
/// `Unimplemented`, `Internal`, `Unavailable` and `DataLoss` are errors, `Cancelled` is cancelled, and what a client has
/// done wrong is not a failure of the service, as in OpenTelemetry's conventions for servers.
///
/// The status of an `axum::response::ErrorResponse` cannot be read, so an `Err` of it is an error. A type that only has
/// a status as a response, such as `Json` or the error type of an application, does not carry one: an `Err` of it is an
/// error.
///
/// ```
/// use metrics_runtime::{Classify, Outcome};
///
/// enum StoreError { NotFound, Disk }
///
/// impl Classify for StoreError {
///     fn classify(&self) -> Outcome {
///         match self {
///             Self::NotFound => Outcome::Success,
///             Self::Disk => Outcome::Error,
///         }
///     }
/// }
/// # assert_eq!(StoreError::NotFound.classify(), Outcome::Success);
/// # assert_eq!(StoreError::Disk.classify(), Outcome::Error);
/// ```
pub trait Classify {
    /// Returns the outcome of a call that returned this value.
    fn classify(&self) -> Outcome;
}

impl<T: Classify + ?Sized> Classify for &T {
    fn classify(&self) -> Outcome {
        T::classify(self)
    }
}

impl<T: Classify + ?Sized> Classify for Box<T> {
    fn classify(&self) -> Outcome {
        T::classify(self)
    }
}

impl<T: Classify> Classify for (T,) {
    fn classify(&self) -> Outcome {
        self.0.classify()
    }
}

/// A type that has a compression ratio: original size divided by compressed size.
///
/// [`#[track_compression]`](macro@crate::track_compression) records the ratio of the returned value, also inside of
/// `Result` and `Option`.
///
/// ```
/// use metrics_runtime::CompressionRatio;
///
/// struct Compressed { original: usize, bytes: Vec<u8> }
///
/// impl CompressionRatio for Compressed {
///     fn compression_ratio(&self) -> f64 {
///         self.original as f64 / self.bytes.len() as f64
///     }
/// }
/// # assert_eq!(Compressed { original: 10, bytes: vec![0; 2] }.compression_ratio(), 5.0);
/// ```
pub trait CompressionRatio {
    /// Returns the ratio, without unit: 1 if compression did not change the size.
    fn compression_ratio(&self) -> f64;
}

/// A value that a histogram observes or a counter adds.
///
/// Implemented for the numbers of the standard library (also [`NonZero`], [`Wrapping`] and [`Saturating`]), for
/// [`Duration`](std::time::Duration), which is recorded in seconds, and for `Option`s of and references to these.
///
/// ```
/// use std::time::Duration;
/// use metrics_runtime::Measure;
///
/// assert_eq!(Duration::from_millis(1500).measure(), Some(1.5));
/// assert_eq!(None::<u32>.measure(), None);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a value that a metric can record",
    label = "not a number",
    note = "return a number, a `Duration` (recorded in seconds) or an `Option` of one; for a length, `r.len()`"
)]
pub trait Measure {
    /// Returns the number to record, or `None` to record nothing.
    fn measure(self) -> Option<f64>;
}

macro_rules! measures {
    ($($ty:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Measure for $ty {
            fn measure(self) -> Option<f64> {
                Some(self as f64)
            }
        }
    )*};
}
measures!(f64, u64, u128, usize, i64, i128, isize);

macro_rules! small_measures {
    ($($ty:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Measure for $ty {
            fn measure(self) -> Option<f64> {
                Some(f64::from(self))
            }
        }
    )*};
}
small_measures!(f32, u8, u16, u32, i8, i16, i32);

macro_rules! nonzero_measures {
    ($($ty:ty),*) => {$(
        #[diagnostic::do_not_recommend]
        impl Measure for NonZero<$ty> {
            fn measure(self) -> Option<f64> {
                self.get().measure()
            }
        }
    )*};
}
nonzero_measures!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

#[diagnostic::do_not_recommend]
impl<T: Measure> Measure for Wrapping<T> {
    fn measure(self) -> Option<f64> {
        self.0.measure()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Measure> Measure for Saturating<T> {
    fn measure(self) -> Option<f64> {
        self.0.measure()
    }
}

#[diagnostic::do_not_recommend]
impl Measure for std::time::Duration {
    fn measure(self) -> Option<f64> {
        Some(self.as_secs_f64())
    }
}

#[diagnostic::do_not_recommend]
impl<T: Measure> Measure for Option<T> {
    fn measure(self) -> Option<f64> {
        self.and_then(Measure::measure)
    }
}

#[diagnostic::do_not_recommend]
impl<T: Measure + Copy> Measure for &T {
    fn measure(self) -> Option<f64> {
        (*self).measure()
    }
}

/// A returned value that may have a compression ratio: a [`CompressionRatio`], or a `Result` or `Option` of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no compression ratio",
    label = "does not implement `CompressionRatio`",
    note = "implement `metrics_runtime::CompressionRatio` for it (it may be inside of `Result` and `Option`), or compute the \
            ratio: `#[track_compression(ratio = |r| ..)]`"
)]
pub trait MaybeCompressionRatio {
    /// Returns the ratio, or `None` for an `Err` or a `None`.
    fn maybe_ratio(&self) -> Option<f64>;
}

#[diagnostic::do_not_recommend]
impl<T: CompressionRatio> MaybeCompressionRatio for T {
    fn maybe_ratio(&self) -> Option<f64> {
        Some(self.compression_ratio())
    }
}

#[diagnostic::do_not_recommend]
impl<T: MaybeCompressionRatio> MaybeCompressionRatio for Option<T> {
    fn maybe_ratio(&self) -> Option<f64> {
        self.as_ref().and_then(T::maybe_ratio)
    }
}

#[diagnostic::do_not_recommend]
impl<T: MaybeCompressionRatio, E> MaybeCompressionRatio for Result<T, E> {
    fn maybe_ratio(&self) -> Option<f64> {
        self.as_ref().ok().and_then(T::maybe_ratio)
    }
}

/// A wrapper with which generated code selects an implementation by the type of a returned value.
///
/// The traits below are implemented for `Probe` behind different numbers of references. Method resolution takes the
/// first implementation that applies, so the most specific one is used, without specialization. Generated code calls
/// the method with known types.
#[derive(Debug)]
pub struct Probe<'r, T: ?Sized>(pub &'r T);

/// The outcome of a call that returned the probed value.
///
/// One trait for all cases, since method resolution tries every trait in scope at every number of references.
pub trait OutcomeOf {
    /// Returns the outcome.
    fn outcome(&self) -> Outcome;
}

macro_rules! outcomes {
    ($($ty:ty [$($generics:tt)*] |$value:ident| $outcome:expr;)*) => {$(
        impl<$($generics)*> OutcomeOf for $ty {
            #[inline]
            fn outcome(&self) -> Outcome {
                let $value = self.0;
                $outcome
            }
        }
    )*};
}

fn by_result<T, E>(result: &Result<T, E>, ok: impl Fn(&T) -> Outcome, err: impl Fn(&E) -> Outcome) -> Outcome {
    match result {
        Ok(value) => ok(value),
        Err(error) => err(error),
    }
}

outcomes! {
    // `Result` whose value and error both implement `Classify`.
    &&&&&Probe<'_, Result<T, E>> [T: Classify, E: Classify]
        |result| by_result(result, classified, classified);
    // `Result` whose error implements `Classify`.
    &&&&Probe<'_, Result<T, E>> [T, E: Classify]
        |result| by_result(result, |_| Outcome::Success, classified);
    // `Result` whose value implements `Classify`.
    &&&Probe<'_, Result<T, E>> [T: Classify, E]
        |result| by_result(result, classified, |_| Outcome::Error);
    // Any other `Result`.
    &&Probe<'_, Result<T, E>> [T, E]
        |result| Outcome::error_if(result.is_err());
    // A value that implements `Classify`.
    &Probe<'_, T> [T: Classify + ?Sized]
        |value| classified(value);
    // Any other value.
    Probe<'_, T> [T: ?Sized]
        |_value| Outcome::Success;
}

/// The success value of a returned `Result`.
pub trait SuccessOfResult<'r, T> {
    /// Returns the value, or `None` for an `Err`.
    fn success(&self) -> Option<&'r T>;
}

impl<'r, T, E> SuccessOfResult<'r, T> for &Probe<'r, Result<T, E>> {
    #[inline]
    fn success(&self) -> Option<&'r T> {
        self.0.as_ref().ok()
    }
}

/// The success value of any other type: the returned value itself.
pub trait SuccessOfAny<'r, T: ?Sized> {
    /// Returns the value.
    fn success(&self) -> Option<&'r T>;
}

impl<'r, T: ?Sized> SuccessOfAny<'r, T> for Probe<'r, T> {
    #[inline]
    fn success(&self) -> Option<&'r T> {
        Some(self.0)
    }
}

/// Returns the outcome according to `ok_if` (`success` is `true`) or `error_if` (`success` is `false`): a success if
/// the predicate returns `success`. If it panics, the call is an error.
pub fn decided<'r, R: ?Sized>(returned: &'r R, predicate: impl FnOnce(&'r R) -> bool, success: bool) -> Outcome {
    Outcome::error_if(contained(|| predicate(returned)) != Some(success))
}

/// Applies a closure to the returned value; `None` if it panics. The bound lets the compiler infer the type of the
/// closure's parameter.
pub fn found<'r, R: ?Sized, V>(returned: &'r R, extract: impl FnOnce(&'r R) -> V) -> Option<V> {
    contained(|| extract(returned))
}

/// Returns the number that a closure extracts from the returned value. If it panics, returns `NaN`, which counts as a
/// rejected value.
pub fn measured<'r, R: ?Sized, V: Measure>(returned: &'r R, extract: impl FnOnce(&'r R) -> V) -> Option<f64> {
    contained(|| extract(returned).measure()).unwrap_or(Some(f64::NAN))
}

/// Returns the compression ratio of the returned value. If its implementation panics, returns `NaN`, which counts as a
/// rejected value.
pub fn ratio_of<T: MaybeCompressionRatio>(returned: &T) -> Option<f64> {
    contained(|| returned.maybe_ratio()).unwrap_or(Some(f64::NAN))
}

/// Returns the outcome of a value. If its implementation panics, the call is an error.
fn classified<T: Classify + ?Sized>(value: &T) -> Outcome {
    contained(|| value.classify()).unwrap_or(Outcome::Error)
}

/// A type that is not a future. With `returns = auto` a function must return such a type, since otherwise only the
/// construction of the future would be recorded.
#[diagnostic::on_unimplemented(
    message = "the function returns a future, but its signature does not show it",
    label = "expected a value that is not a future",
    note = "write `returns = future` to record the future (the body must return a `Box::pin(..)`), or `returns = value` to \
            record its construction",
    note = "`impl Future`, `BoxFuture` and `Pin<Box<dyn Future>>` are recognized without `returns`"
)]
pub trait Settled {
    /// Does nothing: the bound is checked when generated code calls it.
    fn settled(&self) {}
}

/// The placeholder for a returned value that is not a future.
#[derive(Debug)]
pub struct Value;

#[diagnostic::do_not_recommend]
impl Settled for Value {}

/// The probed value, if it is a future.
pub trait ReturnedFuture<'r, F: ?Sized> {
    /// Returns the future.
    fn returned(&self) -> &'r F;
}

impl<'r, F: Future + ?Sized> ReturnedFuture<'r, F> for &Probe<'r, F> {
    #[inline]
    fn returned(&self) -> &'r F {
        self.0
    }
}

/// The placeholder for the probed value, if that value is not a future.
pub trait ReturnedValue {
    /// Returns the placeholder.
    fn returned(&self) -> &'static Value;
}

impl<T: ?Sized> ReturnedValue for Probe<'_, T> {
    #[inline]
    fn returned(&self) -> &'static Value {
        &Value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Classified(Outcome);

    impl Classify for Classified {
        fn classify(&self) -> Outcome {
            self.0
        }
    }

    macro_rules! outcome {
        ($value:expr) => {
            (&&&&&&Probe(&$value)).outcome()
        };
    }

    #[test]
    fn the_most_specific_implementation_decides() {
        assert_eq!(outcome!(7), Outcome::Success);
        assert_eq!(outcome!(Classified(Outcome::Error)), Outcome::Error);
        assert_eq!(outcome!(Ok::<_, ()>(7)), Outcome::Success);
        assert_eq!(outcome!(Err::<u8, _>("no")), Outcome::Error);
        assert_eq!(outcome!(Ok::<_, ()>(Classified(Outcome::Error))), Outcome::Error);
        assert_eq!(outcome!(Err::<u8, _>(Classified(Outcome::Success))), Outcome::Success);
        assert_eq!(outcome!(Err::<Classified, _>(Classified(Outcome::Success))), Outcome::Success);
    }

    #[test]
    fn all_numbers_of_the_standard_library_are_measured() {
        let seven = NonZero::<u8>::MIN.saturating_add(6);
        let measured = [
            7_u8.measure(),
            7_u128.measure(),
            (-7_i128).measure().map(f64::abs),
            7_f32.measure(),
            seven.measure(),
            NonZero::<i128>::from(NonZero::<i64>::from(seven)).measure(),
            Wrapping(7_u64).measure(),
            Saturating(7_i16).measure(),
            Some(&seven).measure(),
        ];
        assert_eq!(measured, [Some(7.0); 9]);
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_response_is_classified_by_its_status_also_inside_a_result() {
        for (status, expected) in [(200, Outcome::Success), (404, Outcome::Success), (503, Outcome::Error)] {
            let response = || http::Response::builder().status(status).body(()).expect("the status is valid");
            assert_eq!(outcome!(response()), expected);
            assert_eq!(outcome!(Ok::<_, ()>(response())), expected);
            assert_eq!(outcome!(Err::<u8, _>(Box::new(response()))), expected);
        }
    }

    #[test]
    #[expect(clippy::needless_borrow, reason = "the test is about the number of references")]
    fn the_success_value_of_a_result_is_inside_of_it() {
        assert_eq!((&&Probe(&Ok::<_, ()>(3))).success(), Some(&3));
        assert_eq!((&&Probe(&Err::<u8, _>(()))).success(), None);
        assert_eq!((&&Probe(&5)).success(), Some(&5));
    }
}
