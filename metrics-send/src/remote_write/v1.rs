//! The message `prometheus.WriteRequest` of remote write 1.0.
//!
//! Source of the numbers of fields: <https://github.com/prometheus/prometheus/blob/main/prompb/types.proto>.

use std::borrow::Cow;

use metrics_runtime::__shared::Message;

use super::request::{Value, exemplar_labels, write_native};
use crate::sample::millis;
use crate::walk::Moment;

/// Returns the encoded labels of a series.
pub(super) fn labels(pairs: &[(&str, Cow<'_, str>)]) -> Box<[u8]> {
    let mut out = Vec::new();
    for (name, value) in pairs {
        Message::new(&mut out).label(1, name, value);
    }
    out.into()
}

/// Adds a `TimeSeries`.
pub(super) fn add(body: &mut Vec<u8>, labels: &[u8], value: Value<'_>, moment: &Moment<'_>) {
    Message::new(body).message(1, |series| {
        series.encoded(labels);
        if let Value::Number(number) = value {
            series.message(2, |message| {
                message.double(1, number);
                message.uint(2, moment.time);
            });
        }
        for exemplar in moment.exemplars {
            series.message(3, |message| {
                for (name, value) in exemplar_labels(exemplar) {
                    message.label(1, &name, &value);
                }
                message.double(2, exemplar.value);
                message.uint(3, millis(exemplar.time));
            });
        }
        if let Value::Native { count, sum, buckets } = value {
            series.message(4, |message| write_native(message, moment, count, sum, buckets));
        }
    });
}
