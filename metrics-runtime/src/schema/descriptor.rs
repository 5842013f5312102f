//! The definition of a metric family.

use std::borrow::Cow;

use super::kind::Kind;
use super::name::{self, NameError};

/// The definition of one metric family: everything two definitions of one name have to agree in.
///
/// The name carries no namespace; that is added when the page is written.
///
/// ```
/// use metrics_runtime::{Descriptor, Kind};
///
/// let jobs = Descriptor::counter("jobs_total", "Jobs by state.").labels(["state"]);
/// assert_eq!(jobs.kind, Kind::Counter);
/// assert!(jobs.check().is_ok());
/// assert!(Descriptor::counter("jobs", "No suffix.").check().is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Descriptor {
    /// The name, without namespace.
    pub name: Cow<'static, str>,
    /// The text of `# HELP`.
    pub help: Cow<'static, str>,
    /// The kind.
    pub kind: Kind,
    /// The unit, a plural base unit in which the name has to end: `seconds`, `bytes`.
    pub unit: Option<Cow<'static, str>>,
    /// The names of the variable labels, in the order in which they are written.
    pub labels: Vec<Cow<'static, str>>,
    /// The upper bounds of a histogram's buckets, `+Inf` left out; empty for other kinds.
    pub buckets: Cow<'static, [f64]>,
}

impl Descriptor {
    fn new(kind: Kind, name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self { name: name.into(), help: help.into(), kind, unit: None, labels: Vec::new(), buckets: Cow::Borrowed(&[]) }
    }

    /// A counter; the name has to end in `_total`.
    #[must_use]
    pub fn counter(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Counter, name, help)
    }

    /// A gauge.
    #[must_use]
    pub fn gauge(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Gauge, name, help)
    }

    /// A histogram with the given upper bounds, sorted, `+Inf` left out.
    #[must_use]
    pub fn histogram(
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        buckets: impl Into<Cow<'static, [f64]>>,
    ) -> Self {
        Self { buckets: buckets.into(), ..Self::new(Kind::Histogram, name, help) }
    }

    /// An info; the name has to end in `_info`.
    #[must_use]
    pub fn info(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Info, name, help)
    }

    /// The variable labels.
    #[must_use]
    pub fn labels<L: Into<Cow<'static, str>>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// The unit.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Whether Prometheus allows all of it.
    ///
    /// # Errors
    /// The first rule that is broken: name, labels (reserved or twice), unit, buckets.
    pub fn check(&self) -> Result<(), NameError> {
        name::check_metric(&self.name, self.kind)?;
        for (i, label) in self.labels.iter().enumerate() {
            name::check_label(label)?;
            if self.labels[..i].contains(label) {
                return Err(name::repeated_label(label).into());
            }
        }
        if let Some(unit) = &self.unit {
            name::check_unit(&self.name, unit)?;
        }
        if self.kind == Kind::Histogram {
            name::check_buckets(&self.buckets)?;
        }
        Ok(())
    }

    /// The first thing two definitions of one name differ in.
    pub(crate) fn difference(&self, other: &Self) -> Option<&'static str> {
        let sorted = |descriptor: &Self| {
            let mut labels = descriptor.labels.clone();
            labels.sort();
            labels
        };
        if self.kind != other.kind {
            Some("kind")
        } else if sorted(self) != sorted(other) {
            Some("labels")
        } else if self.buckets != other.buckets {
            Some("buckets")
        } else if self.unit != other.unit {
            Some("unit")
        } else if self.help != other.help {
            Some("help")
        } else {
            None
        }
    }

    /// What the exposition formats write for it: names no other metric may use.
    pub(crate) fn claims(&self) -> Vec<String> {
        let name = &self.name;
        match self.kind {
            Kind::Counter => vec![name.to_string(), name::stem(name).to_owned()],
            Kind::Histogram => {
                ["", "_bucket", "_count", "_sum"].iter().map(|suffix| format!("{name}{suffix}")).collect()
            }
            Kind::Info => vec![name.to_string(), name.trim_end_matches("_info").to_owned()],
            Kind::Gauge => vec![name.to_string()],
        }
    }
}
