//! Exemplars: beside a number, the trace of one call that led to it.
//!
//! Once a source is [installed](install), the counters and histograms of attributes and of the HTTP middleware keep, for
//! each series and bucket, the last call that had a trace. Pages in OpenMetrics show them, and a Prometheus that runs
//! with `--enable-feature=exemplar-storage` keeps them. Without a source, recording a call pays one relaxed load.
//!
//! With `tracing` and OpenTelemetry (feature `opentelemetry`), one line after the subscriber was set:
//!
//! ```
//! # #[cfg(feature = "opentelemetry")]
//! metrics_runtime::exemplars::install(metrics_runtime::exemplars::OpenTelemetry)?;
//! # Ok::<(), metrics_runtime::exemplars::InstalledError>(())
//! ```
//!
//! The source is asked when a call has ended, on the thread it ended on. The span that counts is the one around the
//! call: that of `#[instrument]` where it stands *below* the metrics' attribute (of two attributes, the lower one wraps
//! what the upper one made), else that of the caller; for requests that of a trace layer where it is the outer one,
//! added to the router after [`Metrics::instrument`](crate::Metrics). Operations on series that a program holds itself (`counter.inc()`) keep none: they are part of no call. The
//! series for label values that found no room keep none either.

#[cfg(feature = "opentelemetry")]
mod opentelemetry;

#[cfg(feature = "opentelemetry")]
pub use self::opentelemetry::OpenTelemetry;

use std::cell::Cell;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::debug_as_display;
use crate::schema::label;
use crate::schema::name::{self, NameError};
use crate::schema::{Number, push_number};

/// How many characters the names and values of an exemplar's labels may have together.
///
/// Source: OpenMetrics 1.0, "Exemplars" (<https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars>).
pub const MAX_CHARACTERS: usize = 128;

/// Says what is under way.
///
/// It must not block: it is asked at the end of every call that is recorded. A panic of it is caught and gives no
/// exemplar; calls that it makes itself have none.
///
/// ```
/// use metrics_runtime::exemplars::{self, Exemplar};
///
/// // A closure is one.
/// exemplars::install(|| Exemplar::new([("request_id", "4711")]).ok())?;
/// # Ok::<(), exemplars::InstalledError>(())
/// ```
pub trait ExemplarSource: Send + Sync + 'static {
    /// The trace that the current thread works for, or nothing: there is none, or nobody keeps it.
    fn current(&self) -> Option<Exemplar>;
}

impl<F: Fn() -> Option<Exemplar> + Send + Sync + 'static> ExemplarSource for F {
    fn current(&self) -> Option<Exemplar> {
        self()
    }
}

/// What identifies a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exemplar(Labels);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Labels {
    /// By far the most usual, and without an allocation.
    Trace { trace: u128, span: u64 },
    /// Escaped.
    Text(Box<str>),
}

/// Why labels are no exemplar.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExemplarError {
    /// A name is none that Prometheus allows.
    #[error("exemplar: {0}")]
    Label(NameError),
    /// A label is there twice.
    #[error("exemplar: label `{0}` is there twice; leave one of the two out")]
    Repeated(String),
    /// Names and values are longer than the format allows.
    #[error("an exemplar's label names and values have {found} characters together; allowed are {MAX_CHARACTERS}")]
    #[non_exhaustive]
    TooLong {
        /// How many they have.
        found: usize,
    },
}

debug_as_display!(ExemplarError);

/// A source is installed already.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("a source of exemplars is installed already; install one, once")]
#[non_exhaustive]
pub struct InstalledError;

debug_as_display!(InstalledError);

impl Exemplar {
    /// The labels `trace_id` and `span_id`, in hexadecimal, of these ids (of 16 and 8 bytes in W3C's Trace Context).
    /// These are the names under which Grafana looks for them.
    ///
    /// Source of the names: OpenTelemetry, "Prometheus and OpenMetrics Compatibility", "Exemplars".
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

    /// Any labels, in this order.
    ///
    /// # Errors
    /// A name that Prometheus does not allow or that is there twice; names and values that have more than
    /// [`MAX_CHARACTERS`] characters together.
    pub fn new<'a>(labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, ExemplarError> {
        let labels: Vec<_> = labels.into_iter().collect();
        let mut text = String::new();
        for (i, (label, value)) in labels.iter().enumerate() {
            name::check_label(label).map_err(|problem| ExemplarError::Label(problem.into()))?;
            if labels[..i].iter().any(|(earlier, _)| earlier == label) {
                return Err(ExemplarError::Repeated((*label).to_owned()));
            }
            label::push_pair(&mut text, label, value);
        }
        // Characters, not bytes, and as they are before they are escaped.
        let found = labels.iter().map(|(name, value)| name.chars().count() + value.chars().count()).sum();
        if found > MAX_CHARACTERS {
            return Err(ExemplarError::TooLong { found });
        }
        Ok(Self(Labels::Text(text.into())))
    }
}

/// An exemplar with its value, as a series keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) exemplar: Exemplar,
    pub(crate) value: f64,
    pub(crate) time: SystemTime,
}

impl Kept {
    /// What stands behind the sample, in front of the end of its line.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(" # {");
        // Writing to a string cannot fail.
        match &self.exemplar.0 {
            Labels::Trace { trace, span } => {
                let _ = write!(text, "trace_id=\"{trace:032x}\",span_id=\"{span:016x}\"");
            }
            Labels::Text(labels) => text.push_str(labels),
        }
        text.push_str("} ");
        push_number(&mut text, Number::Float(self.value));
        // A machine whose clock is before 1970 has no time worth showing.
        if let Ok(time) = self.time.duration_since(UNIX_EPOCH) {
            let _ = write!(text, " {}.{:03}", time.as_secs(), time.subsec_millis());
        }
        text
    }
}

static INSTALLED: AtomicBool = AtomicBool::new(false);
static SOURCE: OnceLock<Box<dyn ExemplarSource>> = OnceLock::new();

/// From now on, calls of this process have the exemplars that this source gives.
///
/// # Errors
/// There is a source already.
pub fn install(source: impl ExemplarSource) -> Result<(), InstalledError> {
    SOURCE.set(Box::new(source)).map_err(|_| InstalledError)?;
    INSTALLED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether there is a source: one relaxed load.
#[inline]
pub(crate) fn wanted() -> bool {
    INSTALLED.load(Ordering::Relaxed)
}

/// The trace of the current call, and the time; nothing without a source.
pub(crate) fn current() -> Option<(Exemplar, SystemTime)> {
    thread_local! {
        /// Whether the source is being asked: what it calls may be recorded, too.
        static ASKED: Cell<bool> = const { Cell::new(false) };
    }
    let source = SOURCE.get()?;
    // A thread that is being torn down has no trace any more.
    if ASKED.try_with(|asked| asked.replace(true)).unwrap_or(true) {
        return None;
    }
    let exemplar = catch_unwind(AssertUnwindSafe(|| source.current()));
    let _ = ASKED.try_with(|asked| asked.set(false));
    Some((exemplar.ok()??, SystemTime::now()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn text(exemplar: Exemplar, value: f64, millis: u64) -> String {
        Kept { exemplar, value, time: UNIX_EPOCH + Duration::from_millis(millis) }.text()
    }

    #[test]
    fn an_exemplar_is_written_as_open_metrics_has_it() {
        assert_eq!(
            text(Exemplar::trace(0xab, 0x0f), 0.67, 1_520_879_607_009),
            " # {trace_id=\"000000000000000000000000000000ab\",span_id=\"000000000000000f\"} 0.67 1520879607.009"
        );
        let labels = Exemplar::new([("a", "x\"y\\\n"), ("b", "")]).unwrap();
        assert_eq!(text(labels, 1.0, 5), " # {a=\"x\\\"y\\\\\\n\",b=\"\"} 1 0.005");
        let before = Kept { exemplar: Exemplar::trace(1, 1), value: 1.0, time: UNIX_EPOCH - Duration::from_secs(1) };
        assert!(before.text().ends_with("} 1"), "{}", before.text());
    }

    #[test]
    fn characters_are_counted_not_bytes_nor_escapes() {
        let names = "id".len();
        for character in ["x", "漢", "\"", "\u{1F600}"] {
            assert!(Exemplar::new([("id", character.repeat(MAX_CHARACTERS - names).as_str())]).is_ok());
            let error = Exemplar::new([("id", character.repeat(MAX_CHARACTERS - names + 1).as_str())]).unwrap_err();
            assert_eq!(error, ExemplarError::TooLong { found: 129 });
        }
        let error = Exemplar::new([("a", "x".repeat(64).as_str()), ("b", "y".repeat(63).as_str())]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "an exemplar's label names and values have 129 characters together; allowed are 128"
        );
    }

    #[test]
    fn names_are_checked() {
        assert!(matches!(Exemplar::new([("a-b", "x")]), Err(ExemplarError::Label(_))));
        assert_eq!(Exemplar::new([("a", "x"), ("a", "y")]), Err(ExemplarError::Repeated("a".to_owned())));
    }
}
