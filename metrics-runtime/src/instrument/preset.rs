//! What each attribute records, as const rows over one engine.

use crate::schema::Kind;
use crate::schema::name;

/// Where an instrument's name comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Name {
    /// The row has it.
    Fixed(&'static str),
    /// The attribute's `name`, whole; without one the function's name and this suffix.
    Own(&'static str),
    /// The attribute's `name` and this suffix.
    Suffixed(&'static str),
}

/// Which labels an instrument has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Labels {
    /// All that the attribute declares.
    All,
    /// These, whatever else the attribute declares.
    Only(&'static [&'static str]),
    /// `function` and `module`.
    Site,
}

/// One metric of a [`Preset`].
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

    /// A counter. Its name has to end in `_total`; a name that does not stops the compilation.
    #[must_use]
    #[track_caller]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        name::expect(name::check_metric(name, Kind::Counter));
        Self::new(Kind::Counter, Name::Fixed(name), help)
    }

    /// A gauge, for what is in flight.
    #[must_use]
    #[track_caller]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        name::expect(name::check_metric(name, Kind::Gauge));
        Self::new(Kind::Gauge, Name::Fixed(name), help)
    }

    /// A histogram with these buckets, sorted, `+Inf` left out; a bad list stops the compilation.
    #[must_use]
    #[track_caller]
    pub const fn histogram(name: &'static str, help: &'static str, buckets: &'static [f64]) -> Self {
        name::expect(name::check_metric(name, Kind::Histogram));
        name::expect(name::check_buckets(buckets));
        Self { buckets, ..Self::new(Kind::Histogram, Name::Fixed(name), help) }
    }

    /// Only these of the attribute's labels, in this order; the attribute has to give each of them. Without this, the
    /// instrument has all labels that the attribute declares.
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

    /// The unit, in which the name has to end.
    #[must_use]
    #[track_caller]
    pub const fn unit(mut self, unit: &'static str) -> Self {
        if let Name::Fixed(name) = self.name {
            name::expect(name::check_unit(name, unit));
        }
        self.unit = Some(unit);
        self
    }

    /// Recorded only where the attribute asks for it: a duration by `timed`, a gauge by `in_flight`.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }
}

/// A row of metrics that an attribute records: `#[track(preset = path::TO_ROW)]`.
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
    /// A row that records nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { calls: None, duration: None, value: None, in_flight: None }
    }

    /// Counts calls by `status`, when they end. The attribute may declare a `status` of its own instead.
    #[must_use]
    #[track_caller]
    pub const fn calls(mut self, counter: Instrument) -> Self {
        expect_kind(counter.kind, Kind::Counter, "`calls` takes a counter: use `Instrument::counter`");
        self.calls = Some(counter);
        self
    }

    /// Observes the duration in seconds of calls that were not cancelled.
    #[must_use]
    #[track_caller]
    pub const fn duration(mut self, histogram: Instrument) -> Self {
        expect_kind(histogram.kind, Kind::Histogram, "`duration` takes a histogram: use `Instrument::histogram`");
        self.duration = Some(histogram);
        self
    }

    /// Records the attribute's `value` of calls that succeeded: a histogram observes it, a counter adds it. Without a
    /// `value`, nothing is recorded.
    ///
    /// # Panics
    /// At compile time, if it is a gauge.
    #[must_use]
    #[track_caller]
    pub const fn value(mut self, instrument: Instrument) -> Self {
        if matches!(instrument.kind, Kind::Gauge | Kind::Info) {
            panic!("`value` takes a histogram or a counter");
        }
        self.value = Some(instrument);
        self
    }

    /// Shows how many calls are in flight. Only labels that are known at entry apply.
    #[must_use]
    #[track_caller]
    pub const fn in_flight(mut self, gauge: Instrument) -> Self {
        expect_kind(gauge.kind, Kind::Gauge, "`in_flight` takes a gauge: use `Instrument::gauge`");
        self.in_flight = Some(gauge);
        self
    }
}

#[track_caller]
const fn expect_kind(found: Kind, wanted: Kind, message: &str) {
    assert!(found as u8 == wanted as u8, "{}", message);
}

/// Seconds: from a fast look-up to a slow request. The default of every duration.
pub const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

const fn own(kind: Kind, suffix: &'static str, help: &'static str) -> Instrument {
    Instrument::new(kind, Name::Own(suffix), help)
}

const fn suffixed(kind: Kind, suffix: &'static str, help: &'static str) -> Instrument {
    Instrument::new(kind, Name::Suffixed(suffix), help)
}

const fn seconds(instrument: Instrument) -> Instrument {
    Instrument { unit: Some("seconds"), buckets: SECONDS, ..instrument }
}

/// `#[track]` without a name: families that all functions share.
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

/// `#[track(name = "x")]`: `x_total`, `x_duration_seconds`, and with `in_flight` `x_in_flight`.
pub const TRACK_NAMED: Preset = Preset::new()
    .calls(suffixed(Kind::Counter, "_total", "Calls by status"))
    .duration(seconds(suffixed(Kind::Histogram, "_duration_seconds", "Duration")))
    .in_flight(suffixed(Kind::Gauge, "_in_flight", "Calls in flight").optional());

/// `#[track_histogram]` without a value: the duration.
pub const HISTOGRAM: Preset = Preset::new().duration(seconds(own(Kind::Histogram, "_duration_seconds", "Duration")));

/// `#[track_histogram(value = ..)]`.
pub const HISTOGRAM_OF_VALUE: Preset =
    Preset::new().value(Instrument { buckets: SECONDS, ..own(Kind::Histogram, "_value", "Values") });

/// `#[track_counter]`: calls by status.
pub const COUNTER: Preset = Preset::new().calls(own(Kind::Counter, "_total", "Calls by status"));

/// `#[track_counter(value = ..)]`: the sum of the values.
pub const COUNTER_OF_VALUE: Preset = Preset::new().value(own(Kind::Counter, "_total", "Sum of values"));

/// `#[track_in_flight]`.
pub const IN_FLIGHT: Preset = Preset::new().in_flight(own(Kind::Gauge, "_in_flight", "Calls in flight"));

/// `#[track_ryot]`: calls to the Ryot language model.
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

/// `#[track_compression]`: the ratio that ΣLANG compression reaches.
pub const COMPRESSION: Preset = Preset::new().value(
    Instrument::histogram(
        "sigmalang_compression_ratio",
        "Compression ratio of ΣLANG: original size by compressed size.",
        &[5.0, 10.0, 15.0, 20.0, 25.0, 30.0],
    )
    .unit("ratio")
    .labels(&[]),
);

/// `#[track_storage("store")]`: operations of the ΣVAULT storage.
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

/// Bucket bounds `start, start + width, ..`, `N` of them. What `buckets = linear(start, width, N)` writes.
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

/// Bucket bounds `start, start * factor, ..`, `N` of them. What `buckets = exponential(start, factor, N)` writes.
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
