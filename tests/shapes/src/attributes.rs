//! The attributes of a shape, and the series that they must record.

use crate::shape::{
    Attributes, Beside, Breaker, Carrier, Counter, Histogram, InFlight, Kind, Output, Param, Path, Qualifier, Shape,
    Track,
};

/// Returns the lines of the attributes.
pub(crate) fn print(shape: &Shape, id: u32) -> Vec<String> {
    let Attributes { track, histogram, counter, in_flight, breaker, path, reversed, .. } = &shape.attributes;
    let name = format!("s{id}_calls");
    let track = match track {
        Track::Absent => None,
        Track::Shared => Some("track".to_owned()),
        Track::Named if shape.kind == Kind::Sync => Some(format!("track(name = \"{name}\")")),
        Track::Named => Some(format!("track(name = \"{name}\", polls)")),
        Track::InFlight => Some(format!("track(name = \"{name}\", in_flight)")),
        Track::Label => Some(format!("track(name = \"{name}\", labels(kind = \"fixed\"))")),
        Track::ParamLabel => Some(format!("track(name = \"{name}\", labels(input = c))")),
        Track::FirstLabel => Some(format!("track(name = \"{name}\", labels(first = {}))", shape.params[0].variable(0))),
        Track::ResultLabel => Some(format!("track(name = \"{name}\", labels(seen = |_| \"seen\"))")),
        Track::TypedLabel => Some(format!("track(name = \"{name}\", labels(kind: u8 = 7))")),
        Track::OkIf => Some(format!("track(name = \"{name}\", ok_if = |_| true)")),
        Track::ErrorIf => Some(format!("track(name = \"{name}\", error_if = |_| true)")),
        Track::Objective => {
            Some(format!("track(name = \"{name}\", objective(success = 99.9, latency(\"500ms\", 99.0)))"))
        }
        Track::Buckets => Some(format!("track(name = \"{name}\", buckets = [0.1, 1, 10])")),
        Track::Preset => Some("track(preset = PRESET)".to_owned()),
    };
    let histogram = match histogram {
        Histogram::Absent => None,
        Histogram::Duration => Some(format!("track_histogram(name = \"s{id}_time_seconds\")")),
        Histogram::Value => Some(format!("track_histogram(name = \"s{id}_size\", buckets = [1, 2], value = |_| 2_u8)")),
        Histogram::Label => Some(format!("track_histogram(name = \"s{id}_time_seconds\", labels(kind = \"fixed\"))")),
    };
    let counter = match counter {
        Counter::Absent => None,
        Counter::Calls => Some(format!("track_counter(name = \"s{id}_count_total\")")),
        Counter::Value => Some(format!("track_counter(name = \"s{id}_count_total\", value = |_| 2_u8)")),
        Counter::ParamLabel => Some(format!("track_counter(name = \"s{id}_count_total\", labels(input = c))")),
    };
    let in_flight = match in_flight {
        InFlight::Absent => None,
        InFlight::Named => Some(format!("track_in_flight(name = \"s{id}_now\")")),
        InFlight::Label => Some(format!("track_in_flight(name = \"s{id}_now\", labels(kind = \"fixed\"))")),
    };
    let rejection = if shape.output == Output::ResultBoxed { "" } else { ", on_reject = |open| open.to_string()" };
    let breaker = match breaker {
        Breaker::Absent => None,
        Breaker::OnReject => Some(format!("failures = 1000{rejection}")),
        Breaker::FailureIf => Some(format!("failures = 1000, failure_if = |_| false{rejection}")),
        Breaker::Classify => Some(format!("failures = 1000, classify = |r| r.is_ok(){rejection}")),
        Breaker::Ratio => Some(format!("ratio = 0.99, calls = 1000{rejection}")),
    };
    let breaker = breaker.map(|settings| format!("circuit_breaker(service = \"s{id}\", {settings})"));
    let mut attributes: Vec<_> = [track, histogram, counter, in_flight, breaker].into_iter().flatten().collect();
    if *reversed {
        attributes.reverse();
    }
    let written = attributes.into_iter().map(|attribute| match path {
        Path::Imported => format!("#[{attribute}]"),
        Path::Absolute => format!("#[::metrics_runtime::{attribute}]"),
        Path::CfgAttr => format!("#[cfg_attr(all(), {attribute})]"),
    });
    written.collect()
}

/// The series that a family must have, computed from the calls.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) family: String,
    pub(crate) labels: Vec<(&'static str, Label)>,
    pub(crate) records: Records,
}

/// The value of a label.
#[derive(Clone, Debug)]
pub(crate) enum Label {
    Fixed(String),
    /// The number of the call.
    Input,
    /// `seen` if the call returned, else its status.
    Returned,
}

/// The number that a family records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Records {
    /// Calls, by the label `status`; with the status of all calls that returned, if given.
    Calls(Option<&'static str>),
    /// Calls by the label `result` of circuit breakers.
    BreakerCalls(Breaker),
    /// Calls that were not cancelled.
    Completed,
    /// This number for each success.
    Successes(u32),
    /// A gauge that is zero at the end.
    Zero,
}

/// Returns the series that the attributes of a shape record.
pub(crate) fn rules(shape: &Shape, id: u32) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut rule = |family: String, labels: Vec<(&'static str, Label)>, records| {
        rules.push(Rule { family, labels, records });
    };
    let fixed = |text: &str| Label::Fixed(text.to_owned());
    let name = format!("s{id}_calls");
    let named = |labels: Vec<(&'static str, Label)>, status| {
        vec![
            (format!("{name}_total"), labels.clone(), Records::Calls(status)),
            (format!("{name}_duration_seconds_count"), labels, Records::Completed),
        ]
    };
    let of_track = match shape.attributes.track {
        Track::Absent => Vec::new(),
        Track::Shared => {
            let function = if shape.qualifier == Qualifier::Raw { "match" } else { "f" };
            let function =
                if shape.carrier == Carrier::AnnotatedImpl { format!("S::{function}") } else { function.to_owned() };
            let inner = if shape.carrier == Carrier::Module { "::inner" } else { "" };
            let labels = vec![
                ("function", Label::Fixed(function)),
                ("module", Label::Fixed(format!("batch::annotated::s{id}{inner}"))),
            ];
            vec![
                ("function_calls_total".to_owned(), labels.clone(), Records::Calls(None)),
                ("function_call_duration_seconds_count".to_owned(), labels, Records::Completed),
            ]
        }
        Track::Named | Track::Objective | Track::Buckets => named(Vec::new(), None),
        Track::InFlight => {
            let mut rules = named(Vec::new(), None);
            rules.push((format!("{name}_in_flight"), Vec::new(), Records::Zero));
            rules
        }
        Track::Label => named(vec![("kind", fixed("fixed"))], None),
        Track::TypedLabel => named(vec![("kind", fixed("7"))], None),
        Track::ParamLabel => named(vec![("input", Label::Input)], None),
        Track::FirstLabel => named(vec![("first", fixed(Param::first_label(&shape.params).unwrap_or_default()))], None),
        Track::ResultLabel => named(vec![("seen", Label::Returned)], None),
        Track::OkIf => named(Vec::new(), Some("success")),
        Track::ErrorIf => named(Vec::new(), Some("error")),
        Track::Preset => vec![(format!("s{id}_preset_total"), Vec::new(), Records::Calls(None))],
    };
    for (family, labels, records) in of_track {
        rule(family, labels, records);
    }
    let kind = || vec![("kind", fixed("fixed"))];
    match shape.attributes.histogram {
        Histogram::Absent => {}
        Histogram::Duration => rule(format!("s{id}_time_seconds_count"), Vec::new(), Records::Completed),
        Histogram::Value => rule(format!("s{id}_size_count"), Vec::new(), Records::Successes(1)),
        Histogram::Label => rule(format!("s{id}_time_seconds_count"), kind(), Records::Completed),
    }
    let count = format!("s{id}_count_total");
    match shape.attributes.counter {
        Counter::Absent => {}
        Counter::Calls => rule(count, Vec::new(), Records::Calls(None)),
        Counter::Value => rule(count, Vec::new(), Records::Successes(2)),
        Counter::ParamLabel => rule(count, vec![("input", Label::Input)], Records::Calls(None)),
    }
    match shape.attributes.in_flight {
        InFlight::Absent => {}
        InFlight::Named => rule(format!("s{id}_now"), Vec::new(), Records::Zero),
        InFlight::Label => rule(format!("s{id}_now"), kind(), Records::Zero),
    }
    if shape.attributes.breaker != Breaker::Absent {
        let labels = vec![("service", Label::Fixed(format!("s{id}")))];
        rule("circuit_breaker_calls_total".to_owned(), labels, Records::BreakerCalls(shape.attributes.breaker));
    }
    rules
}

impl Shape {
    /// Returns the number of bytes by which the attributes may enlarge the future. Labels, values and circuit breakers
    /// may need more.
    pub(crate) fn future_limit(&self) -> Option<usize> {
        let Attributes { track, histogram, counter, in_flight, breaker, .. } = &self.attributes;
        let plain = matches!(track, Track::Absent | Track::Shared | Track::Named | Track::Objective | Track::Buckets)
            && matches!(histogram, Histogram::Absent | Histogram::Duration)
            && matches!(counter, Counter::Absent | Counter::Calls)
            && *in_flight == InFlight::Absent
            && *breaker == Breaker::Absent;
        let recordings = [*track != Track::Absent, *histogram != Histogram::Absent, *counter != Counter::Absent];
        let recordings = recordings.iter().filter(|recording| **recording).count();
        // Beside `#[must_use]`, and if it never returns, a function stays an `async fn`.
        let stays_async = self.beside == Beside::MustUse || self.output == Output::Never;
        (plain && self.kind == Kind::Async && !stays_async).then_some(48 * recordings)
    }

    /// Returns `true` if an attribute has an argument that uses the result of the function.
    pub(crate) fn uses_result(&self) -> bool {
        let Attributes { track, histogram, counter, .. } = &self.attributes;
        matches!(track, Track::ResultLabel | Track::OkIf | Track::ErrorIf)
            || *histogram == Histogram::Value
            || *counter == Counter::Value
    }
}
