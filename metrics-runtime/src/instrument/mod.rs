//! The metrics of attributes: a static call site for each annotated function, and a guard for each call.
//!
//! - [`site`] and [`preset`] turn the arguments of an attribute into metric definitions.
//! - [`callsite`], [`families`] and [`series`] find the series that a call records into; [`guard`] and [`body`] record
//!   it.
//! - [`polls`] measures the polls of async functions.
//! - [`metrics_mod`] and [`observed_metric`] have the metrics of `#[metrics]` modules, and [`time`] measures blocks.
//! - [`declaration`] and [`catalog`] list everything that the binary declares, and build [`Registry::global`] from it.
//!
//! [`Registry::global`]: crate::Registry::global

mod body;
mod callsite;
pub(crate) mod catalog;
mod declaration;
pub(crate) mod durations;
mod erased;
mod families;
mod guard;
pub(crate) mod metrics_mod;
pub(crate) mod observed_metric;
pub(crate) mod poll;
mod polls;
pub(crate) mod preset;
mod recent;
mod series;
pub(crate) mod site;
mod switch;
mod time;

pub use body::{recorded, recorded_as, recorded_from, recorded_plain, run, unreachable};
pub use callsite::Callsite;
pub use catalog::catalog;
pub use declaration::{Declaration, Declare};
pub use guard::{Call, in_place};
pub use observed_metric::{ObservedCounter, ObservedGauge};
pub(crate) use polls::set_slow_poll;
pub use polls::{Polls, polled};
pub use switch::enabled;
pub(crate) use switch::set_enabled;
pub use time::{time, timed};
