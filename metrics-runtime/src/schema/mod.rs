//! The definition of a metric: its kind, name, labels, unit, buckets, outcomes and objective.
//!
//! Plain data and `const` rules. The compiler evaluates the rules for attributes, and the registry evaluates them at
//! run time.

mod descriptor;
#[cfg(feature = "grpc")]
mod grpc_status;
#[cfg(feature = "http")]
mod http_status;
mod kind;
pub(crate) mod label;
pub(crate) mod name;
mod naming;
mod native;
mod number;
pub(crate) mod objective;
pub(crate) mod outcome;
pub(crate) mod paragraph;
mod source;

pub use descriptor::Descriptor;
#[cfg(feature = "grpc")]
pub(crate) use grpc_status::CODES;
pub use kind::{Kind, MetricKind};
pub use label::{Label, LabelValue, MAX_LABEL_VALUE_BYTES};
pub(crate) use label::{LabelPairs, LabelText, OpenLabels, Ordinal, each_tuple, shortened};
pub use name::NameError;
pub(crate) use name::{Check, Problem};
pub(crate) use naming::Naming;
pub(crate) use native::NativeSwitch;
pub use native::{NativeBuckets, NativeHistograms};
pub(crate) use number::{Buckets, push_canonical};
pub use number::{Number, push_number};
pub use objective::Objective;
pub use outcome::{Classify, CompressionRatio, Measure, Outcome};
pub use source::Source;
