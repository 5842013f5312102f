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
    pub(crate) labels: Labels,
    pub(crate) optional: bool,
}

impl Instrument {
    const fn new(kind: Kind, name: Name, help: &'static str) -> Self {
        Self { kind, name, help, unit: None, buckets: &[], labels: Labels::All, optional: false }
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
            name::expect(name::check_unit(name, unit));
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
/// ```
/// assert_eq!(metrics_runtime::presets::linear::<3>(1.0, 0.5), [1.0, 1.5, 2.0]);
/// ```
#[must_use]
pub const fn linear<const N: usize>(start: f64, width: f64) -> [f64; N] {
    let mut bounds = [start; N];
    let mut i = 1;
    while i < N {
        bounds[i] = start + width * i as f64;
        i += 1;
    }
    bounds
}

/// Returns the `N` bucket bounds `start, start * factor, ..`, as `buckets = exponential(start, factor, N)` in an
/// attribute.
///
/// ```
/// assert_eq!(metrics_runtime::presets::exponential::<4>(1.0, 2.0), [1.0, 2.0, 4.0, 8.0]);
/// ```
#[must_use]
pub const fn exponential<const N: usize>(start: f64, factor: f64) -> [f64; N] {
    let mut bounds = [start; N];
    let mut i = 1;
    while i < N {
        bounds[i] = bounds[i - 1] * factor;
        i += 1;
    }
    bounds
}
