//! The definition of a metric family.

use std::borrow::Cow;

use super::kind::Kind;
use super::name::{self, NameError};

/// The definition of one metric family: name, help text, kind, unit, labels and buckets.
///
/// The name does not include the namespace, which is added when a page is written. Two definitions of one name must
/// agree in everything but the order of their labels, and a limit of series that only one of them has; otherwise the
/// second one is a [`RegistryError::Conflict`](crate::RegistryError::Conflict).
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
    /// The text of the `# HELP` line.
    pub help: Cow<'static, str>,
    /// The kind.
    pub kind: Kind,
    /// The unit, a plural [base unit](https://prometheus.io/docs/practices/naming/#base-units) such as `seconds` or
    /// `bytes`. The name must end in it, before `_total`.
    pub unit: Option<Cow<'static, str>>,
    /// The names of the variable labels, in the order in which they are written.
    pub labels: Vec<Cow<'static, str>>,
    /// The upper bounds of a histogram's classic buckets, without `+Inf`; empty for other kinds, and for a histogram
    /// with native buckets only.
    pub buckets: Cow<'static, [f64]>,
    /// `true` for a histogram with native buckets.
    pub native: bool,
    /// The largest number of series with label values that are only known at run time, or `None` for the limit of the
    /// registry.
    pub series_limit: Option<usize>,
    /// `true` if the name need not follow the conventions for its kind.
    pub legacy_name: bool,
    /// The names that the metric had before, without namespace.
    pub replaces: Vec<Cow<'static, str>>,
}

impl Descriptor {
    fn new(kind: Kind, name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            help: help.into(),
            kind,
            unit: None,
            labels: Vec::new(),
            buckets: Cow::Borrowed(&[]),
            native: false,
            series_limit: None,
            legacy_name: false,
            replaces: Vec::new(),
        }
    }

    /// Creates the definition of a counter. The name must end in `_total`.
    #[must_use]
    pub fn counter(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Counter, name, help)
    }

    /// Creates the definition of a gauge.
    #[must_use]
    pub fn gauge(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Gauge, name, help)
    }

    /// Creates the definition of a histogram with these upper bounds, in increasing order and without `+Inf`.
    #[must_use]
    pub fn histogram(
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
        buckets: impl Into<Cow<'static, [f64]>>,
    ) -> Self {
        Self { buckets: buckets.into(), ..Self::new(Kind::Histogram, name, help) }
    }

    /// Creates the definition of a histogram with native buckets only. Its text has the bucket `+Inf` alone.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let sizes = registry.histogram(Descriptor::native_histogram("upload_bytes", "Size of an upload.").unit("bytes"))?;
    /// sizes.get_or_create(&[])?.observe(2048.0);
    /// assert!(registry.render().contains("upload_bytes_bucket{le=\"+Inf\"} 1\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn native_histogram(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self { native: true, ..Self::new(Kind::Histogram, name, help) }
    }

    /// Adds native buckets to a histogram, beside the classic ones. See
    /// [`Histogram`](crate::Histogram#native-buckets).
    #[must_use]
    pub fn native(mut self) -> Self {
        self.native = true;
        self
    }

    /// Creates the definition of an info. The name must end in `_info`.
    #[must_use]
    pub fn info(name: impl Into<Cow<'static, str>>, help: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Info, name, help)
    }

    /// Sets the names of the variable labels.
    #[must_use]
    pub fn labels<L: Into<Cow<'static, str>>>(mut self, labels: impl IntoIterator<Item = L>) -> Self {
        self.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the unit. The name must end in it, before `_total`. An info has none.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<Cow<'static, str>>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// Sets the limit of series with label values that are only known at run time, in place of the limit of the
    /// registry. See [`Family`](crate::Family#limit-of-series).
    ///
    /// ```
    /// use metrics_runtime::Descriptor;
    ///
    /// let jobs = Descriptor::counter("jobs_total", "Jobs by tenant.").labels(["tenant"]).series_limit(10_000);
    /// assert!(jobs.check().is_ok());
    /// assert!(jobs.series_limit(0).check().is_err());
    /// ```
    #[must_use]
    pub fn series_limit(mut self, limit: usize) -> Self {
        self.series_limit = Some(limit);
        self
    }

    /// Accepts any name that the data model of Prometheus allows: a counter without `_total`, a gauge whose name ends in
    /// `_count`. For metrics that dashboards and alerts know by such a name already; `metrics lint` reports it.
    ///
    /// On a page in OpenMetrics, which has no such counter, it has the type `unknown`, and an info the type `gauge`. Names
    /// that this format cannot have are refused: `_total` and `_info` alone, and `x_created` beside a counter `x_total` or a
    /// histogram `x`.
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let locks = registry.gauge(Descriptor::gauge("pg_locks_count", "Locks.").legacy_name())?;
    /// locks.get_or_create(&[])?.set(2.0);
    /// assert!(registry.render().contains("pg_locks_count 2\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn legacy_name(mut self) -> Self {
        self.legacy_name = true;
        self
    }

    /// Sets the names that the metric had before, without namespace. The labels, and the buckets of a histogram, are those
    /// that it had under them.
    ///
    /// The page has the present name alone. The crate `metrics-export` writes recording rules that keep the earlier names
    /// alive, its panels and alerts ask for all names, and `metrics check` accepts the rename. Another metric with an
    /// earlier name is a [`RegistryError::Replaced`](crate::RegistryError::Replaced).
    ///
    /// ```
    /// use metrics_runtime::{Descriptor, Registry};
    ///
    /// let registry = Registry::new();
    /// let logins = Descriptor::counter("logins_total", "Logins.").replaces(["login_total"]);
    /// registry.counter(logins.clone())?;
    /// assert!(registry.counter(Descriptor::counter("login_total", "Logins.")).is_err(), "the name is not free yet");
    /// assert!(logins.replaces(["logins_total"]).check().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn replaces<N: Into<Cow<'static, str>>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.replaces = names.into_iter().map(Into::into).collect();
        self
    }

    /// Checks the definition against the rules of Prometheus.
    ///
    /// The rules are those of the [data model](https://prometheus.io/docs/concepts/data_model/), of the
    /// [naming practices](https://prometheus.io/docs/practices/naming/) and of
    /// [OpenMetrics 1.0](https://prometheus.io/docs/specs/om/open_metrics_spec/).
    ///
    /// # Errors
    /// Returns the first violation: a name that is not allowed for the kind; an earlier name that is not allowed, or is the
    /// present one; a label that is not allowed, reserved or
    /// declared twice; a unit that is not allowed or that the name does not end in, or any unit of an info; a limit of
    /// series that is not in 1..=1,000,000; native buckets of another kind than a histogram; or, for a histogram, a
    /// bucket list that is not finite, not strictly increasing, or empty without native buckets.
    pub fn check(&self) -> Result<(), NameError> {
        if self.legacy_name {
            name::check_legacy(&self.name)?;
        } else {
            name::check_metric(&self.name, self.kind)?;
        }
        let replaces: Vec<_> = self.replaces.iter().map(AsRef::as_ref).collect();
        for (i, replaced) in replaces.iter().enumerate() {
            name::check_replaced(replaced, Some(&self.name), &replaces[..i])?;
        }
        for (i, label) in self.labels.iter().enumerate() {
            name::check_label(label)?;
            if self.labels[..i].contains(label) {
                return Err(name::repeated_label(label).into());
            }
        }
        if let Some(unit) = &self.unit {
            name::check_unit(&self.name, self.kind, unit)?;
        }
        if let Some(limit) = self.series_limit {
            name::check_series_limit(limit)?;
        }
        if self.kind == Kind::Histogram {
            name::check_buckets_of(&self.buckets, self.native)?;
        } else if self.native {
            return Err(name::native_of_other_kind(&self.name, self.kind).into());
        }
        Ok(())
    }

    /// Returns the first property in which two definitions of one name differ. The order of labels does not count.
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
        } else if self.native != other.native {
            Some("native buckets")
        } else if self.unit != other.unit {
            Some("unit")
        } else if self.help != other.help {
            Some("help")
        } else if self.series_limit.is_some_and(|limit| other.series_limit.is_some_and(|other| other != limit)) {
            Some("limit of series")
        } else if self.replaces != other.replaces {
            Some("replaced names")
        } else {
            None
        }
    }

    /// Returns the name that OpenMetrics reserves for the creation time of a series. The toolkit does not write it.
    pub(crate) fn created(&self) -> Option<String> {
        match self.kind {
            Kind::Counter | Kind::Histogram => Some(format!("{}_created", name::stem(&self.name))),
            Kind::Gauge | Kind::Info => None,
        }
    }

    /// Returns `true` if samples of the family have this name, which is that of the family.
    pub(crate) fn writes(&self, name: &str) -> bool {
        self.name == name && self.kind != Kind::Histogram
    }

    /// Returns the names of the samples that the family has under this name.
    fn samples_of(&self, name: &str) -> Vec<String> {
        match self.kind {
            Kind::Histogram => ["", "_bucket", "_count", "_sum"].map(|suffix| format!("{name}{suffix}")).to_vec(),
            Kind::Counter | Kind::Gauge | Kind::Info => vec![name.to_owned()],
        }
    }

    /// Returns the names of the samples that the family writes.
    pub(crate) fn samples(&self) -> Vec<String> {
        self.samples_of(&self.name)
    }

    /// Returns the names of the samples that the family wrote under its earlier names.
    pub(crate) fn replaced_samples(&self) -> Vec<String> {
        self.replaces.iter().flat_map(|name| self.samples_of(name)).collect()
    }

    /// Returns the names that the exposition formats write for this family. No other family may use them.
    pub(crate) fn claims(&self) -> Vec<String> {
        let name = &self.name;
        match self.kind {
            Kind::Counter => vec![name.to_string(), name::stem(name).to_owned()],
            Kind::Histogram => self.samples(),
            Kind::Info => vec![name.to_string(), name.strip_suffix("_info").unwrap_or(name).to_owned()],
            Kind::Gauge => vec![name.to_string()],
        }
    }
}
