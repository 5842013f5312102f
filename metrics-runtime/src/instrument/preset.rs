//! Presets: the metrics that each attribute records, as constants.

use crate::schema::{Kind, name};

/// The source of a metric's name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    /// The preset.
    Fixed(&'static str),
    /// The attribute's `name`, unchanged; or, without it, the function's name and this suffix.
    Given(&'static str),
    /// The attribute's `name`, or the function's name without it, and this suffix.
    Suffixed(&'static str),
}

/// The labels of an instrument.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Labels {
    /// All labels that the attribute declares.
    All,
    /// Only these of the labels that the attribute declares.
    Only(&'static [&'static str]),
    /// `function` and `module`.
    Site,
}

/// One metric of a [`Preset`]: kind, name, help text, unit, buckets and labels.
///
/// The names follow the rules of [`Descriptor::check`](crate::Descriptor::check); a violation is a compile error if the
/// instrument is a `const`.
///
/// ```
/// use metrics_runtime::presets::Instrument;
///
/// const CALLS: Instrument = Instrument::counter("llm_requests_total", "Calls to a language model, by status.");
/// const DURATION: Instrument =
///     Instrument::histogram("llm_request_duration_seconds", "Duration of a call to a language model.", &[0.5, 1.0, 5.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Instrument {
    pub(crate) kind: Kind,
    pub(crate) name: Name,
    pub(crate) help: &'static str,
    pub(crate) unit: Option<&'static str>,
    pub(crate) buckets: &'static [f64],
    pub(crate) native: bool,
    pub(crate) labels: Labels,
    pub(crate) optional: bool,
}

impl Instrument {
    const fn new(kind: Kind, name: Name, help: &'static str) -> Self {
        Self { kind, name, help, unit: None, buckets: &[], native: false, labels: Labels::All, optional: false }
    }

    /// Creates a counter. The name must end in `_total`.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if Prometheus does not allow the name.
    #[must_use]
    #[track_caller]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        name::expect(name::check_metric(name, Kind::Counter));
        Self::new(Kind::Counter, Name::Fixed(name), help)
    }

    /// Creates a gauge, for calls in flight.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if Prometheus does not allow the name.
    #[must_use]
    #[track_caller]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        name::expect(name::check_metric(name, Kind::Gauge));
        Self::new(Kind::Gauge, Name::Fixed(name), help)
    }

    /// Creates a histogram with these upper bounds, in increasing order and without `+Inf`.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if Prometheus does not allow the name, or if the bucket list is empty, not
    /// finite or not strictly increasing.
    #[must_use]
    #[track_caller]
    pub const fn histogram(name: &'static str, help: &'static str, buckets: &'static [f64]) -> Self {
        name::expect(name::check_metric(name, Kind::Histogram));
        name::expect(name::check_buckets(buckets));
        Self { buckets, ..Self::new(Kind::Histogram, Name::Fixed(name), help) }
    }

    /// Creates a histogram with native buckets only.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if Prometheus does not allow the name.
    #[must_use]
    #[track_caller]
    pub const fn native_histogram(name: &'static str, help: &'static str) -> Self {
        name::expect(name::check_metric(name, Kind::Histogram));
        Self { native: true, ..Self::new(Kind::Histogram, Name::Fixed(name), help) }
    }

    /// Adds native buckets to a histogram, beside the classic ones. See [`Histogram`](crate::Histogram#native-buckets).
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if the instrument is not a histogram.
    #[must_use]
    #[track_caller]
    pub const fn native(mut self) -> Self {
        expect_kind(self.kind, Kind::Histogram, "only histograms have native buckets: remove `native`");
        self.native = true;
        self
    }

    /// Limits the instrument to these of the attribute's labels, in this order. The attribute must declare each of
    /// them. Without this, the instrument has all labels that the attribute declares.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if Prometheus does not allow the name of a label.
    #[must_use]
    #[track_caller]
    pub const fn labels(mut self, labels: &'static [&'static str]) -> Self {
        let mut i = 0;
        while i < labels.len() {
            name::expect(name::check_label(labels[i]));
            i += 1;
        }
        self.labels = Labels::Only(labels);
        self
    }

    /// Sets the unit. The name must end in it, before `_total`.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if the name does not end in the unit.
    #[must_use]
    #[track_caller]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        if let Name::Fixed(name) = self.name {
            name::expect(name::check_unit(name, self.kind, unit));
        }
        self.unit = Some(unit);
        self
    }

    /// Makes the instrument optional: a duration is recorded only with the argument `timed`, a gauge only with
    /// `in_flight`.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// The metrics that an attribute records together: `#[track(preset = path::TO_PRESET)]`.
///
/// ```
/// use metrics_runtime::presets::{Instrument, Preset};
/// use metrics_runtime::track;
///
/// pub const LLM: Preset = Preset::new()
///     .calls(Instrument::counter("llm_requests_total", "Calls to a language model, by status."))
///     .duration(Instrument::histogram("llm_request_duration_seconds", "Their duration.", &[0.5, 1.0, 5.0]))
///     .value(Instrument::counter("llm_tokens_total", "Tokens they generated."));
///
/// #[track(preset = LLM, labels(model = model), value = |answer| answer.len())]
/// fn ask(model: &str) -> String {
///     format!("{model} says yes")
/// }
/// ask("tiny");
/// let page = metrics_runtime::Registry::global().render();
/// assert!(page.contains("llm_requests_total{model=\"tiny\",status=\"success\"} 1"));
/// assert!(page.contains("llm_tokens_total{model=\"tiny\"} 13"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    pub(crate) calls: Option<Instrument>,
    pub(crate) duration: Option<Instrument>,
    pub(crate) value: Option<Instrument>,
    pub(crate) in_flight: Option<Instrument>,
}

impl Default for Preset {
    fn default() -> Self {
        Self::new()
    }
}

impl Preset {
    /// Creates a preset that records nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { calls: None, duration: None, value: None, in_flight: None }
    }

    /// Counts calls by `status` when they end. A label `status` that the attribute declares replaces the
    /// [`Outcome`](crate::Outcome).
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if the instrument is not a counter.
    #[must_use]
    #[track_caller]
    pub const fn calls(mut self, counter: Instrument) -> Self {
        expect_kind(counter.kind, Kind::Counter, "`calls` takes a counter: use `Instrument::counter`");
        self.calls = Some(counter);
        self
    }

    /// Observes the duration in seconds of calls that were not cancelled.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if the instrument is not a histogram.
    #[must_use]
    #[track_caller]
    pub const fn duration(mut self, histogram: Instrument) -> Self {
        expect_kind(histogram.kind, Kind::Histogram, "`duration` takes a histogram: use `Instrument::histogram`");
        self.duration = Some(histogram);
        self
    }

    /// Records the attribute's `value` of calls that succeeded: a histogram observes it, a counter adds it. Records
    /// nothing if the attribute has no `value`.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if the instrument is a gauge.
    #[must_use]
    #[track_caller]
    pub const fn value(mut self, instrument: Instrument) -> Self {
        if matches!(instrument.kind, Kind::Gauge | Kind::Info) {
            panic!("`value` takes a histogram or a counter");
        }
        self.value = Some(instrument);
        self
    }

    /// Counts the calls in flight. Only labels that are evaluated before the body apply.
    ///
    /// # Panics
    /// Panics, at compile time in a `const`, if the instrument is not a gauge.
    #[must_use]
    #[track_caller]
    pub const fn in_flight(mut self, gauge: Instrument) -> Self {
        expect_kind(gauge.kind, Kind::Gauge, "`in_flight` takes a gauge: use `Instrument::gauge`");
        self.in_flight = Some(gauge);
        self
    }
}

#[track_caller]
const fn expect_kind(found: Kind, expected: Kind, message: &str) {
    assert!(found as u8 == expected as u8, "{}", message);
}

/// Bucket bounds in seconds, from 5 ms to 10 s. The default for durations.
pub const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const fn given(kind: Kind, suffix: &'static str, help: &'static str) -> Instrument {
    Instrument::new(kind, Name::Given(suffix), help)
}

const fn suffixed(kind: Kind, suffix: &'static str, help: &'static str) -> Instrument {
    Instrument::new(kind, Name::Suffixed(suffix), help)
}

const fn seconds(instrument: Instrument) -> Instrument {
    Instrument { unit: Some("seconds"), buckets: SECONDS, ..instrument }
}

/// `#[track]` without a name: `function_calls_total`, `function_call_duration_seconds` and, with `in_flight`,
/// `function_calls_in_flight`. All functions share these families, with the labels `function` and `module`.
pub const TRACK: Preset = Preset::new()
    .calls(Instrument {
        labels: Labels::Site,
        ..Instrument::counter("function_calls_total", "Calls of instrumented functions, by status.")
    })
    .duration(Instrument {
        labels: Labels::Site,
        unit: Some("seconds"),
        ..Instrument::histogram(
            "function_call_duration_seconds",
            "Duration of calls of instrumented functions.",
            SECONDS,
        )
    })
    .in_flight(
        Instrument {
            labels: Labels::Site,
            ..Instrument::gauge("function_calls_in_flight", "Calls of instrumented functions that are in flight.")
        }
        .optional(),
    );

/// `#[track(name = "x")]`: `x_total`, `x_duration_seconds` and, with `in_flight`, `x_in_flight`.
pub const TRACK_NAMED: Preset = Preset::new()
    .calls(suffixed(Kind::Counter, "_total", "Calls by status"))
    .duration(seconds(suffixed(Kind::Histogram, "_duration_seconds", "Duration")))
    .in_flight(suffixed(Kind::Gauge, "_in_flight", "Calls in flight").optional());

/// `#[track_histogram]` without a value: the duration in seconds.
pub const HISTOGRAM: Preset = Preset::new().duration(seconds(given(Kind::Histogram, "_duration_seconds", "Duration")));

/// `#[track_histogram(value = ..)]`: the distribution of the values.
pub const HISTOGRAM_OF_VALUE: Preset =
    Preset::new().value(Instrument { buckets: SECONDS, ..given(Kind::Histogram, "_value", "Values") });

/// `#[track_counter]`: calls by status.
pub const COUNTER: Preset = Preset::new().calls(given(Kind::Counter, "_total", "Calls by status"));

/// `#[track_counter(value = ..)]`: the sum of the values.
pub const COUNTER_OF_VALUE: Preset = Preset::new().value(given(Kind::Counter, "_total", "Sum of values"));

/// `#[track_in_flight]`: calls in flight.
pub const IN_FLIGHT: Preset = Preset::new().in_flight(given(Kind::Gauge, "_in_flight", "Calls in flight"));

/// `#[track_ryot]`: calls to the Ryot language model. `ryot_requests_total{status}`, `ryot_request_duration_seconds`
/// and, with `model` and `tokens`, `tokens_generated_total{model}`.
pub const RYOT: Preset = Preset::new()
    .calls(Instrument::counter("ryot_requests_total", "Calls to the Ryot language model, by status.").labels(&[]))
    .duration(
        Instrument::histogram(
            "ryot_request_duration_seconds",
            "Duration of calls to the Ryot language model.",
            &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0],
        )
        .unit("seconds")
        .labels(&[]),
    )
    .value(Instrument::counter("tokens_generated_total", "Tokens generated, by model.").labels(&["model"]));

/// `#[track_compression]`: the ratio of ΣLANG compression, `sigmalang_compression_ratio`.
pub const COMPRESSION: Preset = Preset::new().value(
    Instrument::histogram(
        "sigmalang_compression_ratio",
        "Compression ratio of ΣLANG: original size by compressed size.",
        &[5.0, 10.0, 15.0, 20.0, 25.0, 30.0],
    )
    .unit("ratio")
    .labels(&[]),
);

/// `#[track_storage("store")]`: operations of the ΣVAULT storage. `sigmavault_operations_total{operation, status}` and,
/// with `timed`, `sigmavault_operation_duration_seconds{operation}`.
pub const STORAGE: Preset = Preset::new()
    .calls(
        Instrument::counter(
            "sigmavault_operations_total",
            "Operations of the ΣVAULT storage, by operation and status.",
        )
        .labels(&["operation"]),
    )
    .duration(
        Instrument::histogram(
            "sigmavault_operation_duration_seconds",
            "Duration of operations of the ΣVAULT storage.",
            SECONDS,
        )
        .unit("seconds")
        .labels(&["operation"])
        .optional(),
    );

/// Returns the `N` bucket bounds `start, start + width, ..`, as `buckets = linear(start, width, N)` in an attribute.
///
/// The bounds are exact decimals: the third of `linear(0.1, 0.1, 10)` is `0.3`.
///
/// ```
/// assert_eq!(metrics_runtime::presets::linear::<3>(0.1, 0.1), [0.1, 0.2, 0.3]);
/// ```
#[must_use]
pub const fn linear<const N: usize>(start: f64, width: f64) -> [f64; N] {
    let mut bounds = [start; N];
    let decimals = (Decimal::of(start), Decimal::of(width));
    let mut i = 1;
    while i < N {
        let exact = match decimals {
            (Some(start), Some(width)) => start.plus(width, i),
            _ => None,
        };
        bounds[i] = match exact {
            Some(bound) => bound.as_f64(),
            None => start + width * i as f64,
        };
        i += 1;
    }
    bounds
}

/// Returns the `N` bucket bounds `start, start * factor, ..`, as `buckets = exponential(start, factor, N)` in an
/// attribute.
///
/// The bounds are exact decimals as long as an `f64` can have all of their digits: the fourth of `exponential(0.1, 3.0, 4)`
/// is `2.7`.
///
/// ```
/// assert_eq!(metrics_runtime::presets::exponential::<4>(0.1, 3.0), [0.1, 0.3, 0.9, 2.7]);
/// ```
#[must_use]
pub const fn exponential<const N: usize>(start: f64, factor: f64) -> [f64; N] {
    let mut bounds = [start; N];
    let factor_decimal = Decimal::of(factor);
    let mut decimal = Decimal::of(start);
    let mut i = 1;
    while i < N {
        decimal = match (decimal, factor_decimal) {
            (Some(bound), Some(factor)) => bound.times(factor),
            _ => None,
        };
        bounds[i] = match decimal {
            Some(bound) => bound.as_f64(),
            None => bounds[i - 1] * factor,
        };
        i += 1;
    }
    bounds
}

/// The number `digits / 10^places`, exact.
#[derive(Clone, Copy)]
struct Decimal {
    digits: i128,
    places: u32,
}

impl Decimal {
    /// An integer up to this one, and a power of ten up to the next constant, have an exact `f64`, so their quotient is the
    /// `f64` that is closest to the decimal: that of the literal with the same digits.
    const MAX_DIGITS: i128 = 1 << f64::MANTISSA_DIGITS;
    const MAX_PLACES: u32 = 22;

    /// Returns the shortest decimal of which `value` is the closest `f64`, or `None` if it has too many digits.
    #[expect(clippy::cast_possible_truncation, reason = "the value is rounded, and the digits are compared with it")]
    const fn of(value: f64) -> Option<Self> {
        let mut places = 0;
        let mut scale = 1.0;
        while places <= Self::MAX_PLACES {
            let scaled = value * scale;
            // The cast saturates, and turns NaN into 0.
            let digits = (if scaled < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i128;
            let decimal = Self { digits, places };
            if !Self::fits(digits) {
                return None;
            }
            if decimal.as_f64().to_bits() == value.to_bits() {
                return Some(decimal);
            }
            places += 1;
            scale *= 10.0;
        }
        None
    }

    /// Returns `self + other * count`.
    const fn plus(self, other: Self, count: usize) -> Option<Self> {
        let places = if self.places > other.places { self.places } else { other.places };
        match (self.digits_at(places), other.digits_at(places)) {
            (Some(start), Some(width)) => match width.checked_mul(count as i128) {
                Some(added) => Self::exact(start.checked_add(added), places),
                None => None,
            },
            _ => None,
        }
    }

    /// Returns `self * other`.
    const fn times(self, other: Self) -> Option<Self> {
        Self::exact(self.digits.checked_mul(other.digits), self.places + other.places)
    }

    const fn digits_at(self, places: u32) -> Option<i128> {
        match 10_i128.checked_pow(places - self.places) {
            Some(scale) => self.digits.checked_mul(scale),
            None => None,
        }
    }

    /// Returns the decimal without zeros at its end, or `None` if it has too many digits.
    const fn exact(digits: Option<i128>, mut places: u32) -> Option<Self> {
        let Some(mut digits) = digits else { return None };
        while places > 0 && digits % 10 == 0 {
            digits /= 10;
            places -= 1;
        }
        if Self::fits(digits) && places <= Self::MAX_PLACES { Some(Self { digits, places }) } else { None }
    }

    const fn fits(digits: i128) -> bool {
        -Self::MAX_DIGITS <= digits && digits <= Self::MAX_DIGITS
    }

    const fn as_f64(self) -> f64 {
        let mut scale = 1.0;
        let mut place = 0;
        while place < self.places {
            scale *= 10.0;
            place += 1;
        }
        self.digits as f64 / scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bounds: &[f64]) -> String {
        bounds.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn linear_bounds_are_the_decimals_of_their_digits() {
        assert_eq!(text(&linear::<10>(0.1, 0.1)), "0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
        assert_eq!(text(&linear::<4>(0.005, 0.07)), "0.005 0.075 0.145 0.215");
        assert_eq!(text(&linear::<4>(-0.3, 0.1)), "-0.3 -0.2 -0.1 0");
        assert_eq!(text(&linear::<3>(1e-9, 1e-9)), "0.000000001 0.000000002 0.000000003");
        assert_eq!(text(&linear::<3>(1e15, 1.0)), "1000000000000000 1000000000000001 1000000000000002");
        for (i, bound) in (0_u32..).zip(linear::<1000>(0.001, 0.001)) {
            assert_eq!(Ok(bound), format!("{}.{:03}", (i + 1) / 1000, (i + 1) % 1000).parse());
        }
    }

    #[test]
    fn exponential_bounds_are_the_decimals_of_their_digits() {
        assert_eq!(text(&exponential::<5>(0.1, 3.0)), "0.1 0.3 0.9 2.7 8.1");
        assert_eq!(text(&exponential::<5>(0.001, 10.0)), "0.001 0.01 0.1 1 10");
        assert_eq!(text(&exponential::<4>(0.1, 1.1)), "0.1 0.11 0.121 0.1331");
        assert_eq!(text(&exponential::<4>(1024.0, 4.0)), "1024 4096 16384 65536");
    }

    #[test]
    fn bounds_with_too_many_digits_still_increase() {
        let bounds = [exponential::<60>(0.1, 1.1), linear::<60>(1.0 / 3.0, 1.0 / 7.0), linear::<60>(1e300, 1e299)];
        for bounds in bounds {
            assert_eq!(name::check_buckets(&bounds), Ok(()));
        }
        assert!(linear::<2>(f64::NAN, 1.0)[1].is_nan());
        assert!(linear::<2>(1.0, f64::INFINITY)[1].is_infinite());
        assert_eq!(exponential::<3>(1.0, -2.0), [1.0, -2.0, 4.0]);
    }
}
