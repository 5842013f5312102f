//! Families whose number of labels the compiler knows.

use std::fmt;

use super::{Family, LabelCountError, Metric, Series};

/// A family with `N` labels, whose look-ups cannot fail. Returned by [`Family::labelled`].
///
/// ```
/// use metrics_runtime::{Counter, Descriptor, Labelled, Registry};
///
/// struct Server {
///     connections: Labelled<Counter, 2>,
/// }
///
/// let registry = Registry::new();
/// let descriptor = Descriptor::counter("connections_total", "Connections.").labels(["protocol", "direction"]);
/// let server = Server { connections: registry.counter(descriptor)?.labelled()? };
/// server.connections.series(["http", "in"]).inc();
/// assert!(registry.render().contains("connections_total{protocol=\"http\",direction=\"in\"} 1\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Labelled<M, const N: usize> {
    family: Family<M>,
}

impl<M: Metric> Family<M> {
    /// Returns the family with the number of its labels as a part of its type.
    ///
    /// # Errors
    /// Returns an error if the family has another number of labels.
    pub fn labelled<const N: usize>(&self) -> Result<Labelled<M, N>, LabelCountError> {
        self.check_count(&[""; N])?;
        Ok(Labelled { family: self.clone() })
    }
}

impl<M: Metric, const N: usize> Labelled<M, N> {
    /// Returns the series of these label values, as [`Family::get_or_create`] does.
    #[must_use]
    pub fn series(&self, values: [&str; N]) -> Series<'_, M> {
        self.family.any_series(&values)
    }

    /// Returns the family.
    #[must_use]
    pub const fn family(&self) -> &Family<M> {
        &self.family
    }
}

impl<M, const N: usize> Clone for Labelled<M, N> {
    fn clone(&self) -> Self {
        Self { family: self.family.clone() }
    }
}

impl<M, const N: usize> fmt::Debug for Labelled<M, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.family.fmt(f)
    }
}
