//! Exemplars: references from a metric to the trace of one of its calls.
//!
//! A program [installs](install) one source of exemplars. From then on, the counters and histograms of attributes and
//! of the HTTP middleware store the exemplar of the last call that had a trace, for each series and each bucket. Pages
//! in the OpenMetrics and protobuf formats contain the exemplars, and Prometheus stores them if it runs with
//! `--enable-feature=exemplar-storage`. Without a source, recording a call costs one relaxed load.
//!
//! # OpenTelemetry
//!
//! With `tracing` and OpenTelemetry (feature `opentelemetry`), install the source after the subscriber is set:
//!
//! ```
//! # #[cfg(feature = "opentelemetry")]
//! metrics_runtime::exemplars::install(metrics_runtime::exemplars::OpenTelemetry)?;
//! # Ok::<(), metrics_runtime::exemplars::AlreadyInstalled>(())
//! ```
//!
//! # The span of an exemplar
//!
//! The source is called at the end of a recorded call, on the thread on which the call ended. It therefore sees the
//! span that encloses the recorded call:
//!
//! - For functions, the span of `#[instrument]` if that attribute is *below* the attribute of the metrics, because the
//!   lower of two attributes wraps the result of the upper one. Otherwise the span of the caller.
//! - For requests, the span of a trace layer that is outside of the middleware: add the layer to the router after
//!   [`Metrics::instrument`](crate::Metrics).
//!
//! # Series without exemplars
//!
//! Operations on a series that the program holds, such as `counter.inc()`, are not part of a call and have no exemplar.
//! The overflow series, for label values beyond the limit of a family, has none either.

#[cfg(feature = "opentelemetry")]
mod opentelemetry;

#[cfg(feature = "opentelemetry")]
pub use self::opentelemetry::OpenTelemetry;

use std::cell::Cell;
use std::fmt::Write as _;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use crate::contained::contained;
use crate::error::debug_as_display;
use crate::schema::{LabelPairs, NameError, label, name};

/// The largest number of characters in the names and values of an exemplar's labels together.
///
/// Source: OpenMetrics 1.0, "Exemplars" (<https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars>).
pub const MAX_CHARACTERS: usize = 128;

/// A source of the exemplars of recorded calls. Closures implement it.
///
/// It is called at the end of every recorded call and must not block. If it panics, the panic is caught and the call
/// has no exemplar. Recorded calls that the source makes have no exemplar.
///
/// ```
/// use metrics_runtime::exemplars::{self, Exemplar};
///
/// exemplars::install(|| Exemplar::new([("request_id", "4711")]).ok())?;
/// # Ok::<(), exemplars::AlreadyInstalled>(())
/// ```
pub trait ExemplarSource: Send + Sync + 'static {
    /// Returns the exemplar of the trace that is current on this thread, or `None` if there is no trace or it is not
    /// stored anywhere.
    fn current(&self) -> Option<Exemplar>;
}

impl<F: Fn() -> Option<Exemplar> + Send + Sync + 'static> ExemplarSource for F {
    fn current(&self) -> Option<Exemplar> {
        self()
    }
}

/// Labels that identify a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemplar(Labels);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Labels {
    /// The most frequent labels, stored without an allocation.
    Trace { trace: u128, span: u64 },
    /// Other labels, escaped.
    Text(Box<str>),
}

/// An error for labels that are not valid for an exemplar.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExemplarError {
    /// Prometheus does not allow the name of a label.
    #[error("exemplar: {0}")]
    Label(NameError),
    /// A label is given twice.
    #[error("exemplar: label `{0}` is given twice; remove one of the two")]
    Repeated(String),
    /// The value of a label has a NUL character. Prometheus refuses a whole page with such an exemplar.
    #[error("exemplar: the value of label `{0}` has a NUL character, which Prometheus refuses; remove the character")]
    Nul(String),
    /// The names and values are longer than the format allows.
    #[error("exemplar: label names and values have {found} characters together; expected at most {MAX_CHARACTERS}")]
    #[non_exhaustive]
    TooLong {
        /// The number of characters.
        found: usize,
    },
}

debug_as_display!(ExemplarError);

/// An error from [`install`]: a source of exemplars is already installed.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("a source of exemplars is already installed; call `install` once")]
#[non_exhaustive]
pub struct AlreadyInstalled;

debug_as_display!(AlreadyInstalled);

impl Exemplar {
    /// Creates an exemplar with the labels `trace_id` and `span_id`, in hexadecimal. The ids have 16 and 8 bytes, as in
    /// W3C's Trace Context.
    ///
    /// Grafana expects these label names. Source of the names: OpenTelemetry, "Prometheus and OpenMetrics
    /// Compatibility", "Exemplars".
    ///
    /// ```
    /// use metrics_runtime::exemplars::Exemplar;
    ///
    /// let exemplar = Exemplar::trace(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7);
    /// let labels = [("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"), ("span_id", "00f067aa0ba902b7")];
    /// # let _ = (exemplar, Exemplar::new(labels)?);
    /// # Ok::<(), metrics_runtime::exemplars::ExemplarError>(())
    /// ```
    #[must_use]
    pub fn trace(trace_id: u128, span_id: u64) -> Self {
        Self(Labels::Trace { trace: trace_id, span: span_id })
    }

    /// Creates an exemplar with these labels, in this order.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow a name, if a name is given twice, if a value has a NUL character, or
    /// if the names and values have more than [`MAX_CHARACTERS`] characters together.
    pub fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ExemplarError> {
        let labels: Vec<_> = labels.into_iter().collect();
        let mut text = String::new();
        for (i, (label, value)) in labels.iter().enumerate() {
            name::check_label(label).map_err(|problem| ExemplarError::Label(problem.into()))?;
            if labels[..i].iter().any(|(earlier, _)| earlier == label) {
                return Err(ExemplarError::Repeated((*label).to_owned()));
            }
            if value.contains('\0') {
                return Err(ExemplarError::Nul((*label).to_owned()));
            }
            label::push_pair(&mut text, label, value);
        }
        // The limit is in characters, not bytes, before escaping.
        let found = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if found > MAX_CHARACTERS {
            return Err(ExemplarError::TooLong { found });
        }
        Ok(Self(Labels::Text(text.into())))
    }
}

impl Exemplar {
    /// Returns the names and values of the labels.
    ///
    /// ```
    /// use metrics_runtime::exemplars::Exemplar;
    ///
    /// let labels = Exemplar::new([("request_id", "4711")])?.labels();
    /// assert_eq!(labels, [("request_id".to_owned(), "4711".to_owned())]);
    /// # Ok::<(), metrics_runtime::exemplars::ExemplarError>(())
    /// ```
    #[must_use]
    pub fn labels(&self) -> Vec<(String, String)> {
        let mut text = String::new();
        self.push_text(&mut text);
        LabelPairs::new(&text).map(|(name, value)| (name.to_owned(), value.into_owned())).collect()
    }

    /// Appends the labels as escaped text.
    pub(crate) fn push_text(&self, out: &mut String) {
        // Writing to a `String` cannot fail.
        match &self.0 {
            Labels::Trace { trace, span } => {
                let _ = write!(out, "trace_id=\"{trace:032x}\",span_id=\"{span:016x}\"");
            }
            Labels::Text(labels) => out.push_str(labels),
        }
    }
}

/// An exemplar with the value and the time of its call, as a series stores it. A
/// [`Visitor`](crate::visit::Visitor) reads it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredExemplar {
    /// The labels.
    pub exemplar: Exemplar,
    /// The value that the call recorded, in the unit of the metric.
    pub value: f64,
    /// The time at which the call ended.
    pub time: SystemTime,
}

static INSTALLED: AtomicBool = AtomicBool::new(false);
static SOURCE: OnceLock<Box<dyn ExemplarSource>> = OnceLock::new();

/// Installs the source of exemplars of this process, for all calls that end from now on.
///
/// # Errors
/// Returns an error if a source is already installed.
pub fn install(source: impl ExemplarSource) -> Result<(), AlreadyInstalled> {
    install_boxed(Box::new(source))
}

/// Not generic, so that the compiler does not have to let other crates read the flag, which would cost each call an
/// instruction.
fn install_boxed(source: Box<dyn ExemplarSource>) -> Result<(), AlreadyInstalled> {
    SOURCE.set(source).map_err(|_| AlreadyInstalled)?;
    INSTALLED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Returns `true` if a source is installed. Costs one relaxed load.
#[inline]
pub(crate) fn is_installed() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

/// Returns the exemplar of the current call and the time, or `None` if there is no source or no trace.
pub(crate) fn current() -> Option<(Exemplar, SystemTime)> {
    thread_local! {
        /// `true` while the source runs, because it can call recorded functions.
        static IN_SOURCE: Cell<bool> = const { Cell::new(false) };
    }
    let source = SOURCE.get()?;
    // The thread-local is not available while a thread is being destroyed. Such a thread has no trace.
    if IN_SOURCE.try_with(|in_source| in_source.replace(true)).unwrap_or(true) {
        return None;
    }
    let exemplar = contained(|| source.current());
    let _ = IN_SOURCE.try_with(|in_source| in_source.set(false));
    Some((exemplar??, SystemTime::now()))
}
