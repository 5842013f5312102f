//! The body of a request: the message `ExportMetricsServiceRequest`.
//!
//! Source of the numbers of fields: the files `metrics.proto`, `common.proto` and `resource.proto` in
//! <https://github.com/open-telemetry/opentelemetry-proto/tree/main/opentelemetry/proto>.

use std::io::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use metrics_runtime::__shared::Message;
use metrics_runtime::visit::FamilyRef;

use super::units::ucum;

/// The value of `AggregationTemporality`.
const CUMULATIVE: u64 = 2;

/// The form of the data points of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// A monotonic sum.
    Counter,
    Gauge,
    /// A sum that is not monotonic, as the specification asks for.
    Info,
    Histogram,
    Exponential,
    Summary,
}

impl Data {
    /// Returns the number of the field of a metric with the data points.
    const fn field(self) -> u32 {
        match self {
            Self::Gauge => 5,
            Self::Counter | Self::Info => 7,
            Self::Histogram => 9,
            Self::Exponential => 10,
            Self::Summary => 11,
        }
    }

    /// Returns the number of the field of a data point with the attributes.
    pub(super) const fn attributes(self) -> u32 {
        match self {
            Self::Counter | Self::Gauge | Self::Info | Self::Summary => 7,
            Self::Histogram => 9,
            Self::Exponential => 1,
        }
    }

    /// Writes the fields that follow the data points.
    fn end(self, out: &mut Vec<u8>) {
        let mut message = Message::new(out);
        if !matches!(self, Self::Gauge | Self::Summary) {
            message.uint(2, CUMULATIVE);
        }
        if self == Self::Counter {
            message.uint(3, 1);
        }
    }
}

/// Writes a `KeyValue` with a text.
pub(super) fn attribute(message: &mut Message<'_>, field: u32, key: &str, value: &str) {
    message.message(field, |pair| {
        pair.string(1, key);
        pair.message(2, |any| any.string(1, value));
    });
}

/// Returns the fields of a metric before its data points: name, description, unit and type.
pub(super) fn head(family: &FamilyRef<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut message = Message::new(&mut out);
    message.string(1, family.name);
    if !family.help.is_empty() {
        message.string(2, family.help);
    }
    if let Some(unit) = family.unit {
        message.string(3, &ucum(unit));
    }
    attribute(&mut message, 12, "prometheus.type", family.kind.as_str());
    out
}

/// Returns the fields of a `ResourceMetrics` before the metrics, and those of its `ScopeMetrics`.
pub(super) fn prefixes<'a>(resource: impl IntoIterator<Item = (&'a str, &'a str)>) -> [Arc<[u8]>; 2] {
    let (mut resources, mut scope) = (Vec::new(), Vec::new());
    Message::new(&mut resources).message(1, |message| {
        resource.into_iter().for_each(|(key, value)| attribute(message, 1, key, value));
    });
    Message::new(&mut scope).label(1, env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    [resources.into(), scope.into()]
}

/// A request while it is written.
#[derive(Debug, Default)]
pub struct Body {
    /// The metrics that are complete.
    metrics: Vec<u8>,
    /// The head and the form of the metric whose data points are written.
    open: Option<(Arc<[u8]>, Data)>,
    points: Vec<u8>,
    header: Vec<u8>,
}

impl Body {
    /// Returns a shared copy of a head: that of the current metric if it is the same.
    pub(super) fn share(&self, head: Vec<u8>) -> Arc<[u8]> {
        match &self.open {
            Some((open, _)) if **open == *head => Arc::clone(open),
            _ => head.into(),
        }
    }

    /// Returns the data points of a metric, to which one is added.
    pub(super) fn points(&mut self, head: &Arc<[u8]>, data: Data) -> Message<'_> {
        let is_open =
            self.open.as_ref().is_some_and(|(open, form)| *form == data && (Arc::ptr_eq(open, head) || open == head));
        if !is_open {
            self.close();
            self.open = Some((Arc::clone(head), data));
        }
        Message::new(&mut self.points)
    }

    /// Completes the current metric.
    fn close(&mut self) {
        let Some((head, data)) = self.open.take() else { return };
        data.end(&mut self.points);
        self.header.clear();
        Message::new(&mut self.header).header(data.field(), self.points.len());
        let mut metrics = Message::new(&mut self.metrics);
        metrics.header(2, head.len() + self.header.len() + self.points.len());
        for part in [&*head, &self.header, &self.points] {
            metrics.encoded(part);
        }
        self.points.clear();
    }

    /// Returns the request, and starts the next one. It is `None` if there is no data point.
    pub(super) fn take(&mut self, [resource, scope]: &[Arc<[u8]>; 2], gzip: bool) -> Option<Bytes> {
        self.close();
        if self.metrics.is_empty() {
            return None;
        }
        let mut scope_header = Vec::new();
        Message::new(&mut scope_header).header(2, scope.len() + self.metrics.len());
        let length = resource.len() + scope_header.len() + scope.len() + self.metrics.len();
        let mut header = Vec::new();
        Message::new(&mut header).header(1, length);
        let parts = [&*header, resource, &scope_header, scope, &self.metrics];
        let body = if gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            // Writing to a `Vec` cannot fail.
            parts.iter().try_for_each(|part| encoder.write_all(part)).and_then(|()| encoder.finish()).ok()
        } else {
            Some(parts.concat())
        };
        self.metrics.clear();
        body.map(Bytes::from)
    }
}
