//! Invalid presets of the user, without an attribute.

use metrics_runtime::presets::{Instrument, Preset};

pub const NO_TOTAL: Preset = Preset::new().calls(Instrument::counter("llm_requests", "Calls."));

pub const UNSORTED: Instrument = Instrument::histogram("llm_seconds", "Duration.", &[2.0, 1.0]);

pub const UNIT: Instrument = Instrument::histogram("llm_duration", "Duration.", &[1.0]).unit("seconds");

pub const LABEL: Instrument = Instrument::gauge("llm_in_flight", "Calls in flight.").labels(&["model", "le"]);

pub const KIND: Preset = Preset::new().duration(Instrument::gauge("llm_in_flight", "Calls in flight."));

pub const VALUE: Preset = Preset::new().value(Instrument::gauge("llm_in_flight", "Calls in flight."));

fn main() {}
