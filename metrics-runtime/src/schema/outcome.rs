//! How a call ended, and who decides it.

use std::fmt;

/// How a call ended: the `status` label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It returned, and nothing says that it failed.
    Success,
    /// It returned an error.
    Error,
    /// It panicked.
    Panic,
    /// Its future was dropped before it was done: a lost `select!`, a timeout, an abort, a client that went away.
    Cancelled,
}

impl Outcome {
    /// All outcomes, in the order of their series.
    pub const ALL: [Self; 4] = [Self::Success, Self::Error, Self::Panic, Self::Cancelled];

    /// The value of the label: `success`, `error`, `panic` or `cancelled`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Cancelled => "cancelled",
        }
    }

    pub(crate) const fn failed_if(failed: bool) -> Self {
        if failed { Self::Error } else { Self::Success }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A returned value, or an error, that knows whether the call has succeeded.
///
/// Without it, `Result` tells success from error, [`http::Response`] and [`http::StatusCode`] by their code (400 and
/// above is an error; feature `http`), and everything else is a success. Implement it for a type that a function
/// returns, alone or inside of `Result`, or for an error type some of whose values are no failure:
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
    /// How a call that returned this has ended.
    fn classify(&self) -> Outcome;
}

#[cfg(feature = "http")]
impl Classify for http::StatusCode {
    fn classify(&self) -> Outcome {
        Outcome::failed_if(self.is_client_error() || self.is_server_error())
    }
}

#[cfg(feature = "http")]
impl<B> Classify for http::Response<B> {
    fn classify(&self) -> Outcome {
        self.status().classify()
    }
}

/// How well something was compressed: original size by compressed size. What `#[track_compression]` records.
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
    /// The ratio; 1 where nothing was gained.
    fn compression_ratio(&self) -> f64;
}

/// A value that a histogram observes, or a counter adds. `None` records nothing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no value that a metric can record",
    label = "this is no number",
    note = "return a number, a `Duration` (recorded in seconds) or an `Option` of one; for a length, `r.len()`"
)]
pub trait Measure {
    /// The number to record.
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
measures!(f64, u64, usize, i64, isize);

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

/// Seen through `Result` and `Option`: the ratio that a returned value has, if it has one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no compression ratio",
    label = "this is no `CompressionRatio`",
    note = "implement `metrics_runtime::CompressionRatio` for it (it is seen through `Result` and `Option`), or say where \
            the ratio is: `#[track_compression(ratio = |r| ..)]`"
)]
pub trait MaybeCompressionRatio {
    /// The ratio.
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

/// A returned value of which generated code asks what its type allows.
///
/// The traits below stand on `Probe` behind ever more references; a method call takes the first that fits, so the
/// most specific answer wins without specialization. The call is made where all types are known.
#[derive(Debug)]
pub struct Probe<'r, T: ?Sized>(pub &'r T);

/// The outcome that a returned value tells. One trait for all, since each trait in scope is tried at each reference.
pub trait OutcomeOf {
    /// The outcome.
    fn outcome(&self) -> Outcome;
}

macro_rules! answers {
    ($($ty:ty [$($generics:tt)*] |$value:ident| $answer:expr;)*) => {$(
        impl<$($generics)*> OutcomeOf for $ty {
            #[inline]
            fn outcome(&self) -> Outcome {
                let $value = self.0;
                $answer
            }
        }
    )*};
}

fn either<T, E>(result: &Result<T, E>, ok: impl Fn(&T) -> Outcome, err: impl Fn(&E) -> Outcome) -> Outcome {
    match result {
        Ok(value) => ok(value),
        Err(error) => err(error),
    }
}

answers! {
    // `Result` whose both sides classify themselves.
    &&&&&Probe<'_, Result<T, E>> [T: Classify, E: Classify]
        |result| either(result, T::classify, E::classify);
    // `Result` whose error classifies itself.
    &&&&Probe<'_, Result<T, E>> [T, E: Classify]
        |result| either(result, |_| Outcome::Success, E::classify);
    // `Result` whose value classifies itself.
    &&&Probe<'_, Result<T, E>> [T: Classify, E]
        |result| either(result, T::classify, |_| Outcome::Error);
    // Any other `Result`.
    &&Probe<'_, Result<T, E>> [T, E]
        |result| Outcome::failed_if(result.is_err());
    // A value that classifies itself.
    &Probe<'_, T> [T: Classify + ?Sized]
        |value| value.classify();
    // Everything else.
    Probe<'_, T> [T: ?Sized]
        |_value| Outcome::Success;
}

/// `Result`: what it holds on success.
pub trait SuccessOfResult<'r, T> {
    /// The value.
    fn success(&self) -> Option<&'r T>;
}

impl<'r, T, E> SuccessOfResult<'r, T> for &Probe<'r, Result<T, E>> {
    #[inline]
    fn success(&self) -> Option<&'r T> {
        self.0.as_ref().ok()
    }
}

/// Everything else is its own success.
pub trait SuccessOfAny<'r, T: ?Sized> {
    /// The value.
    fn success(&self) -> Option<&'r T>;
}

impl<'r, T: ?Sized> SuccessOfAny<'r, T> for Probe<'r, T> {
    #[inline]
    fn success(&self) -> Option<&'r T> {
        Some(self.0)
    }
}

/// The outcome that `ok_if` (`wanted` is true) or `error_if` (false) decides.
pub fn decided<'r, R: ?Sized>(returned: &'r R, decide: impl FnOnce(&'r R) -> bool, wanted: bool) -> Outcome {
    Outcome::failed_if(decide(returned) != wanted)
}

/// What a closure finds in what a call returned: bounded, so that the closure knows the type of its parameter.
pub fn found<'r, R: ?Sized, V>(returned: &'r R, find: impl FnOnce(&'r R) -> V) -> V {
    find(returned)
}

/// Asked of what a function returns under `returns = auto`: no future has it, since only its construction would be
/// recorded.
#[diagnostic::on_unimplemented(
    message = "the function returns a future, which cannot be seen in its signature",
    label = "is the future to be recorded, or its construction?",
    note = "write `returns = future` (what is returned has to be a `Box::pin(..)`) or `returns = value`",
    note = "`impl Future`, `BoxFuture` and `Pin<Box<dyn Future>>` are recognized by themselves"
)]
pub trait Settled {
    /// Nothing.
    fn settled(&self) {}
}

/// Anything that is no future.
#[derive(Debug)]
pub struct Value;

#[diagnostic::do_not_recommend]
impl Settled for Value {}

/// A future: itself.
pub trait ReturnedFuture<'r, F: ?Sized> {
    /// What was returned.
    fn returned(&self) -> &'r F;
}

impl<'r, F: Future + ?Sized> ReturnedFuture<'r, F> for &Probe<'r, F> {
    #[inline]
    fn returned(&self) -> &'r F {
        self.0
    }
}

/// Everything else: a `Value`.
pub trait ReturnedValue {
    /// What was returned.
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

    struct Own(Outcome);

    impl Classify for Own {
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
    fn the_most_specific_answer_wins() {
        assert_eq!(outcome!(7), Outcome::Success);
        assert_eq!(outcome!(Own(Outcome::Error)), Outcome::Error);
        assert_eq!(outcome!(Ok::<_, ()>(7)), Outcome::Success);
        assert_eq!(outcome!(Err::<u8, _>("no")), Outcome::Error);
        assert_eq!(outcome!(Ok::<_, ()>(Own(Outcome::Error))), Outcome::Error);
        assert_eq!(outcome!(Err::<u8, _>(Own(Outcome::Success))), Outcome::Success);
        assert_eq!(outcome!(Err::<Own, _>(Own(Outcome::Success))), Outcome::Success);
    }

    #[cfg(feature = "http")]
    #[test]
    fn a_response_is_judged_by_its_code_also_inside_a_result() {
        let response = |status: u16| http::Response::builder().status(status).body(()).ok();
        for (status, expected) in [(200, Outcome::Success), (404, Outcome::Error), (503, Outcome::Error)] {
            let Some(response) = response(status) else { panic!("{status}") };
            assert_eq!(outcome!(response), expected);
            assert_eq!(outcome!(Ok::<_, ()>(response)), expected);
        }
    }

    #[test]
    #[expect(clippy::needless_borrow, reason = "the references are what is tested")]
    fn success_is_seen_through_a_result() {
        assert_eq!((&&Probe(&Ok::<_, ()>(3))).success(), Some(&3));
        assert_eq!((&&Probe(&Err::<u8, _>(()))).success(), None);
        assert_eq!((&&Probe(&5)).success(), Some(&5));
    }
}
