//! x
#![warn(missing_docs)]
pub mod __private;
mod call;
mod catalog;
mod cell;
mod declared;
mod descriptor;
mod encode;
mod family;
mod foreign;
#[cfg(feature = "axum")]
pub mod http;
mod label;
mod name;
mod outcome;
#[doc(hidden)]
pub mod preset;
/// Rows.
pub mod presets { pub use crate::preset::*; }
mod registry;
mod site;
pub use metrics_macros::{LabelValue, metrics, track, track_compression, track_counter, track_histogram, track_in_flight, track_ryot, track_storage};
pub use catalog::{Declaration, catalog};
pub use cell::{Counter, Gauge, Histogram, InFlight};
pub use descriptor::{Descriptor, Kind, Source};
pub use encode::Format;
pub use family::{Family, Info, LabelCountError, Metric};
pub use label::{Label, LabelValue};
pub use name::Problem;
pub use outcome::{Classify, CompressionRatio, Measure, Outcome};
pub use registry::{Registry, RegistryError};
