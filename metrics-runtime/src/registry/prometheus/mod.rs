//! The data model of the `prometheus` crate.
//!
//! [`Bridge`] is the visitor that converts families to it; [`Collected`] is a family of a collector, which a walk visits.
//!
//! The model has two forms: plain structs, and generated ones if a crate in the dependency tree enables the feature
//! `protobuf`. This module uses only methods that both forms have, and bridges the two accessors that differ.

mod bridge;
mod collected;

pub(crate) use bridge::{Bridge, describe};
pub(crate) use collected::Collected;
#[cfg(feature = "push")]
pub(super) use collected::has_timestamps;
pub(super) use collected::{kind, sample_names, select};

use prometheus::proto;

/// Reads counters and gauges in both forms of the model: the plain one has `get_value()`, the generated one `value()`.
/// An inherent method hides the method of this trait, so each form calls its own.
#[allow(dead_code, reason = "the form of the model decides which of the two is called")]
pub(super) trait Read {
    fn value(&self) -> f64 {
        0.0
    }
    fn get_value(&self) -> f64;
}

impl Read for proto::Counter {
    fn get_value(&self) -> f64 {
        self.value()
    }
}

impl Read for proto::Gauge {
    fn get_value(&self) -> f64 {
        self.value()
    }
}

/// Reads untyped values in both forms of the model: the generated one has no method for them.
#[allow(dead_code, reason = "the form of the model decides which of the two is called")]
trait ReadUntyped {
    fn get_untyped(&self) -> NoUntyped {
        NoUntyped
    }
}

impl ReadUntyped for proto::Metric {}

struct NoUntyped;

impl NoUntyped {
    #[allow(dead_code, clippy::unused_self, reason = "the form of the model decides if it is called")]
    fn get_value(&self) -> Option<f64> {
        None
    }
}

/// Returns the value of a metric without a type, or `None` if the model has none that can be read. Some collectors
/// set a counter instead.
pub(super) fn untyped_value(metric: &proto::Metric) -> Option<f64> {
    #[allow(deprecated, clippy::useless_conversion, reason = "the form of the model decides which type it has")]
    let value: Option<f64> = metric.get_untyped().get_value().into();
    let counter = metric.get_counter().get_value();
    // 0 is the value of what is not set.
    if counter == 0.0 { value } else { value.filter(|value| *value != 0.0).or(Some(counter)) }
}
