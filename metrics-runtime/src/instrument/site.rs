//! The arguments of one attribute. The compiler checks them against the preset, and the registry derives metric
//! definitions from both.

use std::borrow::Cow;

use super::durations;
use super::preset::{Instrument, Labels, Name, Preset};
use crate::schema::objective::overdue_name;
use crate::schema::{Check, Descriptor, Kind, Objective, OpenLabels, Outcome, Problem, Source, each_tuple, name};

/// The largest number of labels that an attribute may declare.
pub(crate) const MAX_LABELS: usize = 12;

const STATUS: &str = "status";

const NO_CALLS: Problem = Problem::new(&[
    "`success` needs a counter of calls, and this attribute records none: remove `success`, or use an attribute that counts calls",
]);

const NO_DURATION: Problem = Problem::new(&[
    "`latency` needs a histogram of durations, and this attribute records none: add `timed` if the attribute takes it, or remove \
     `latency`",
]);

/// A label that an attribute declares, with the source of its value.
#[derive(Clone, Copy, Debug)]
pub struct SiteLabel {
    /// The name of the label.
    pub name: &'static str,
    /// The source of its value.
    pub value: SiteValue,
}

/// The source of a label value.
#[derive(Clone, Copy, Debug)]
pub enum SiteValue {
    /// A literal in the attribute.
    Literal(&'static str),
    /// An expression that is evaluated before the body, with the values known at compile time.
    Entry(&'static [&'static str]),
    /// A closure that is evaluated on the result of the body, with the values known at compile time.
    Returned(&'static [&'static str]),
}

/// The arguments of one attribute, as generated code passes them.
#[expect(clippy::struct_excessive_bools, reason = "one for each argument that has no value")]
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The preset.
    pub preset: &'static Preset,
    /// The place of the function; its `function` is the value of the label `function`.
    pub source: Source,
    /// The name of the function without its type, for metrics without a name.
    pub function: &'static str,
    /// The argument `name`.
    pub name: Option<&'static str>,
    /// `true` if `name` is the argument `legacy_name`.
    pub legacy_name: bool,
    /// The argument `replaces`.
    pub replaces: &'static [&'static str],
    /// The argument `help`, or the doc comment.
    pub help: Option<&'static str>,
    /// The argument `unit`.
    pub unit: Option<&'static str>,
    /// The argument `buckets`.
    pub buckets: Option<&'static [f64]>,
    /// `true` if the attribute has the argument `native`, or `buckets = native`.
    pub native: bool,
    /// The argument `limit`.
    pub limit: Option<usize>,
    /// The arguments `labels` and `counter_labels`.
    pub labels: &'static [SiteLabel],
    /// The number of labels, the last ones, that only the counter of calls has.
    pub counter_labels: usize,
    /// `true` if the attribute has the argument `timed`, which turns on an optional duration.
    pub timed: bool,
    /// `true` if the attribute has the argument `in_flight`, which turns on an optional gauge.
    pub in_flight: bool,
    /// `true` if the attribute has the argument `value`.
    pub valued: bool,
    /// The argument `objective`.
    pub objective: Option<Objective>,
}

impl Site {
    /// Creates the site of an attribute without arguments.
    #[must_use]
    pub const fn new(
        preset: &'static Preset,
        file: &'static str,
        line: u32,
        module: &'static str,
        function: &'static str,
    ) -> Self {
        Self {
            preset,
            source: Source::new(file, line, module, function),
            function,
            name: None,
            legacy_name: false,
            replaces: &[],
            help: None,
            unit: None,
            buckets: None,
            native: false,
            limit: None,
            labels: &[],
            counter_labels: 0,
            timed: false,
            in_flight: false,
            valued: false,
            objective: None,
        }
    }
}

/// The checks of the compiler. Generated code evaluates each in a `const _`, at the span of the argument that it
/// checks.
#[expect(clippy::result_large_err, reason = "see `name`")]
impl Site {
    /// Returns the bucket bounds of the attribute, or an empty list if it has none.
    #[must_use]
    pub const fn bounds(&self) -> &'static [f64] {
        match self.buckets {
            Some(bounds) => bounds,
            None => &[],
        }
    }

    /// Checks the attribute's `name`, or the name of the function without it, as the preset uses it.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the name.
    pub const fn check_name(&self) -> Check {
        match (named_instrument(self.preset), self.name) {
            (Some(_), Some(name)) if self.legacy_name => name::check_legacy(name),
            (Some(instrument), Some(name)) => name::check_metric(name, instrument.kind),
            (None, Some(name)) => name::check_stem(name),
            (Some(_), None) => name::check_function(self.function),
            // The preset has all names.
            (None, None) => Ok(()),
        }
    }

    /// Checks the earlier name with the index `i`.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the name, or if it is the present one or given twice.
    pub const fn check_replaced(&self, i: usize) -> Check {
        let replaced = self.replaces[i];
        if named_instrument(self.preset).is_none()
            && let Err(problem) = name::check_stem(replaced)
        {
            return Err(problem);
        }
        name::check_replaced(replaced, self.name, self.replaces.split_at(i).0)
    }

    /// Checks the attribute's `unit` together with the name.
    ///
    /// # Errors
    /// Returns an error if the unit is not allowed, if the attribute's `name` does not end in it, or if durations are
    /// recorded and the unit is not `seconds`.
    pub const fn check_unit(&self) -> Check {
        if let (Some(unit), Some(Instrument { unit: Some(recorded), .. })) = (self.unit, named_instrument(self.preset))
            && !name::equal(unit, recorded)
        {
            return Err(name::duration_unit(unit));
        }
        match (self.unit, named_instrument(self.preset), self.name) {
            (Some(unit), Some(instrument), Some(name)) => name::check_unit(name, instrument.kind, unit),
            (Some(unit), ..) => name::check_unit_word(unit),
            (None, ..) => Ok(()),
        }
    }

    /// Checks the label with the index `i`.
    ///
    /// # Errors
    /// Returns an error if Prometheus does not allow the name of the label, if one of its values is reserved, or if no
    /// recorded metric uses the label.
    pub const fn check_label(&self, i: usize) -> Check {
        let label = self.labels[i];
        if let Err(problem) = name::check_label(label.name) {
            return Err(problem);
        }
        let checked = match label.value {
            SiteValue::Literal(value) => name::check_values(label.name, &[value]),
            SiteValue::Entry(known) | SiteValue::Returned(known) => name::check_values(label.name, known),
        };
        if let Err(problem) = checked {
            return Err(problem);
        }
        if self.is_used(label, self.is_of_counter(i)) {
            return Ok(());
        }
        Err(match label.value {
            SiteValue::Returned(_) if self.preset.in_flight.is_some() => name::late_label(label.name),
            _ => name::unused_label(label.name),
        })
    }

    /// Checks the list of labels.
    ///
    /// # Errors
    /// Returns an error if there are more than 12 labels, or if a label that the preset requires is missing.
    pub const fn check_labels(&self) -> Check {
        if self.labels.len() > MAX_LABELS {
            return Err(name::TOO_MANY_LABELS);
        }
        let instruments = self.instruments();
        let mut i = 0;
        while i < instruments.len() {
            if let Some(Instrument { labels: Labels::Only(names), .. }) = instruments[i] {
                let mut label = 0;
                while label < names.len() {
                    if !self.has(names[label]) {
                        return Err(name::missing_label(names[label]));
                    }
                    label += 1;
                }
            }
            i += 1;
        }
        Ok(())
    }

    /// Checks the argument `limit`.
    ///
    /// # Errors
    /// Returns an error if the limit is not in 1..=1,000,000, or if the values of all labels are known.
    pub const fn check_limit(&self) -> Check {
        let Some(limit) = self.limit else { return Ok(()) };
        let mut i = 0;
        while i < self.labels.len() {
            match self.labels[i].value {
                SiteValue::Entry(&[]) | SiteValue::Returned(&[]) => return name::check_series_limit(limit),
                _ => {}
            }
            i += 1;
        }
        Err(name::NOTHING_TO_LIMIT)
    }

    /// Checks the argument `timed`.
    ///
    /// # Errors
    /// Returns an error if the attribute has it and the preset has no duration.
    pub const fn check_timed(&self) -> Check {
        check_supported(self.timed, self.preset.duration, "timed", "duration")
    }

    /// Checks the argument `in_flight`.
    ///
    /// # Errors
    /// Returns an error if the attribute has it and the preset has no gauge of calls in flight.
    pub const fn check_in_flight(&self) -> Check {
        check_supported(self.in_flight, self.preset.in_flight, "in_flight", "in_flight")
    }

    /// Checks the argument `value`.
    ///
    /// # Errors
    /// Returns an error if the attribute has it and the preset has no metric for values.
    pub const fn check_value(&self) -> Check {
        check_supported(self.valued, self.preset.value, "value", "value")
    }

    /// Checks `objective(success = ..)`.
    ///
    /// # Errors
    /// Returns an error if the preset does not count calls, or if no alert can be derived from the percentage.
    pub const fn check_success(&self, objective: &Objective) -> Check {
        match self.instrument(Signal::Calls) {
            Some(_) => objective.check_success(),
            None => Err(NO_CALLS),
        }
    }

    /// Checks `objective(latency(..))`.
    ///
    /// # Errors
    /// Returns an error if no duration is recorded, if no bucket ends at the latency, or if no alert can be derived
    /// from the percentage.
    pub const fn check_latency(&self, objective: &Objective) -> Check {
        let Some(duration) = self.instrument(Signal::Duration) else {
            return Err(NO_DURATION);
        };
        let fixed = matches!(duration.name, Name::Fixed(_));
        objective.check_latency(match self.buckets {
            Some(bounds) if !fixed => bounds,
            _ => duration.buckets,
        })
    }

    const fn has(&self, label: &str) -> bool {
        let mut i = 0;
        while i < self.labels.len() {
            if name::equal(self.labels[i].name, label) {
                return true;
            }
            i += 1;
        }
        false
    }

    /// Returns `true` if only the counter of calls has the label with the index `i`.
    const fn is_of_counter(&self, i: usize) -> bool {
        i + self.counter_labels >= self.labels.len()
    }

    const fn is_used(&self, label: SiteLabel, of_counter: bool) -> bool {
        let instruments = self.instruments();
        let mut i = 0;
        while i < instruments.len() {
            // A call in flight has no result.
            let late = i == Signal::InFlight as usize && matches!(label.value, SiteValue::Returned(_))
                || of_counter && i != Signal::Calls as usize;
            match instruments[i] {
                Some(Instrument { labels: Labels::All, .. }) if !late => return true,
                Some(Instrument { labels: Labels::Only(names), .. }) if !late => {
                    let mut j = 0;
                    while j < names.len() {
                        if name::equal(names[j], label.name) {
                            return true;
                        }
                        j += 1;
                    }
                }
                _ => {}
            }
            i += 1;
        }
        false
    }
}

impl Site {
    /// Returns the instruments that are recorded, in the order of [`Signal`].
    const fn instruments(&self) -> [Option<Instrument>; Signal::ALL.len()] {
        let preset = self.preset;
        let duration = match preset.duration {
            Some(duration) if !duration.optional || self.timed => Some(duration),
            _ => None,
        };
        [
            preset.calls,
            duration,
            match preset.value {
                Some(value) if self.valued => Some(value),
                _ => None,
            },
            match preset.in_flight {
                Some(gauge) if !gauge.optional || self.in_flight => Some(gauge),
                _ => None,
            },
            match (duration, self.latency()) {
                (Some(duration), Some(_)) => {
                    Some(Instrument { kind: Kind::Counter, unit: None, buckets: &[], native: false, ..duration })
                }
                _ => None,
            },
        ]
    }

    /// Returns the promised latency in seconds.
    pub(crate) const fn latency(&self) -> Option<f64> {
        match self.objective {
            Some(objective) => match objective.latency_bound() {
                Some((seconds, _)) => Some(seconds),
                None => None,
            },
            None => None,
        }
    }

    /// Returns the instrument that records this signal, or `None` if the signal is not recorded.
    pub(crate) const fn instrument(&self, signal: Signal) -> Option<Instrument> {
        self.instruments()[signal as usize]
    }

    /// Returns the definition of the metric that records this signal.
    pub(crate) fn descriptor(&self, signal: Signal, instrument: &Instrument) -> Descriptor {
        let descriptor = self.named_descriptor(signal, instrument);
        if signal != Signal::Overdue {
            return descriptor;
        }
        let name = overdue_name(&descriptor.name);
        let mut replaces: Vec<Cow<'static, str>> = Vec::new();
        for replaced in descriptor.replaces.iter().map(|replaced| overdue_name(replaced)) {
            // `x_seconds` and `x_duration_seconds` have the same.
            if replaced != name && !replaces.iter().any(|earlier| *earlier == replaced) {
                replaces.push(replaced.into());
            }
        }
        // The name of the histogram, so that two histograms with one stem are two definitions, which `install` reports.
        let help =
            format!("Calls that were cancelled after their promised latency; they are not in {}.", descriptor.name);
        Descriptor { name: name.into(), help: help.into(), unit: None, replaces, ..descriptor }
    }

    /// Returns the name of the instrument. That of overdue calls follows from the name of their duration.
    fn name_of(&self, signal: Signal, instrument: &Instrument) -> Cow<'static, str> {
        match instrument.name {
            Name::Fixed(name) => Cow::Borrowed(name),
            Name::Given(suffix) => match (self.name, self.unit) {
                (Some(name), _) => Cow::Borrowed(name),
                // The unit of the attribute replaces the suffix: `_duration_seconds`, or `_value`.
                (None, Some(unit)) if signal != Signal::Overdue && instrument.kind == Kind::Counter => {
                    Cow::Owned(format!("{}_{unit}_total", self.function))
                }
                (None, Some(unit)) => Cow::Owned(format!("{}_{unit}", self.function)),
                (None, None) => Cow::Owned(format!("{}{suffix}", self.function)),
            },
            Name::Suffixed(suffix) => Cow::Owned(format!("{}{suffix}", self.name.unwrap_or(self.function))),
        }
    }

    /// Returns the definition of a metric with the name and the unit of the instrument.
    fn named_descriptor(&self, signal: Signal, instrument: &Instrument) -> Descriptor {
        let name = self.name_of(signal, instrument);
        let help = match (instrument.name, self.help) {
            (Name::Given(_), Some(help)) => Cow::Borrowed(help),
            (Name::Suffixed(_), Some(help)) => {
                Cow::Owned(format!("{} ({}).", help.trim_end_matches('.'), instrument.help.to_lowercase()))
            }
            (Name::Given(_) | Name::Suffixed(_), None) => {
                Cow::Owned(format!("{} of `{}`.", instrument.help, self.source.function))
            }
            (Name::Fixed(_), _) => Cow::Borrowed(instrument.help),
        };
        let fixed = matches!(instrument.name, Name::Fixed(_));
        // A legacy name need not end in the unit that the instrument has.
        let unit =
            instrument.unit.filter(|unit| !self.legacy_name || name::check_unit(&name, instrument.kind, unit).is_ok());
        let unit = (if fixed { None } else { self.unit }).or(unit);
        let has_own_buckets = !fixed && instrument.kind == Kind::Histogram;
        let replaces = self.replaces.iter().filter(|_| !fixed);
        let replaces = replaces.map(|name| Self { name: Some(name), ..*self }.name_of(signal, instrument));
        let replaces = replaces.collect();
        Descriptor {
            name,
            help,
            kind: instrument.kind,
            unit: unit.map(Cow::Borrowed),
            labels: self.label_sources(signal, instrument).into_iter().map(|(label, _)| Cow::Borrowed(label)).collect(),
            buckets: match self.buckets {
                Some(buckets) if has_own_buckets => Cow::Borrowed(buckets),
                _ => Cow::Borrowed(durations::or_default(instrument.buckets, unit)),
            },
            native: instrument.native || has_own_buckets && self.native,
            series_limit: self.limit,
            legacy_name: self.legacy_name,
            replaces,
        }
    }

    /// Returns the labels of an instrument, each with the source of its value.
    pub(crate) fn label_sources(&self, signal: Signal, instrument: &Instrument) -> Vec<(&'static str, LabelSource)> {
        let (mut entry, mut returned) = (0, 0);
        let declared = self.labels.iter().enumerate().map(|(i, label)| {
            let source = match label.value {
                SiteValue::Literal(value) => LabelSource::Literal(value),
                SiteValue::Entry(known) => {
                    entry += 1;
                    LabelSource::Entry(entry - 1, known)
                }
                SiteValue::Returned(known) => {
                    returned += 1;
                    LabelSource::Returned(returned - 1, known)
                }
            };
            (signal == Signal::Calls || !self.is_of_counter(i)).then_some((label.name, source))
        });
        // Sources are counted among all labels.
        let declared: Vec<_> = declared.collect::<Vec<_>>().into_iter().flatten().collect();
        let mut labels = match instrument.labels {
            Labels::All => declared,
            Labels::Only(names) => {
                names.iter().filter_map(|name| declared.iter().find(|(label, _)| label == name).copied()).collect()
            }
            Labels::Site => vec![
                ("function", LabelSource::Literal(self.source.function)),
                ("module", LabelSource::Literal(self.source.module)),
            ],
        };
        match signal {
            // A call in flight has no result.
            Signal::InFlight => labels.retain(|(_, source)| !matches!(source, LabelSource::Returned(..))),
            Signal::Calls if !labels.iter().any(|(name, _)| *name == STATUS) => {
                labels.push((STATUS, LabelSource::Status));
            }
            _ => {}
        }
        labels
    }

    /// Returns the names of the labels that are evaluated before the body, and of those that are evaluated on the
    /// result.
    pub(crate) fn run_time_labels(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let names = |selected: fn(&SiteValue) -> bool| {
            self.labels.iter().filter(|label| selected(&label.value)).map(|label| label.name).collect()
        };
        (names(|value| matches!(value, SiteValue::Entry(_))), names(|value| matches!(value, SiteValue::Returned(_))))
    }

    /// Returns the labels whose values are not known: among those that are evaluated before the body, and among these
    /// followed by those that are evaluated on the result.
    pub(crate) fn open_labels(&self) -> (OpenLabels, OpenLabels) {
        let entries = self.labels.iter().filter_map(|label| match label.value {
            SiteValue::Entry(known) => Some(known.is_empty()),
            SiteValue::Literal(_) | SiteValue::Returned(_) => None,
        });
        let returned = self.labels.iter().filter_map(|label| match label.value {
            SiteValue::Returned(known) => Some(known.is_empty()),
            SiteValue::Literal(_) | SiteValue::Entry(_) => None,
        });
        let open = |labels: &[bool]| {
            let open = labels.iter().enumerate().filter(|(_, open)| **open);
            open.fold(OpenLabels::NONE, |labels, (label, _)| labels.with(label))
        };
        let entries: Vec<_> = entries.collect();
        let all: Vec<_> = entries.iter().copied().chain(returned).collect();
        (open(&entries), open(&all))
    }

    /// Returns the known values of each label that is evaluated before the body.
    pub(crate) fn entry_values(&self) -> Vec<Vec<&'static str>> {
        let known = self.labels.iter().filter_map(|label| match label.value {
            SiteValue::Entry(known) => Some(known.to_vec()),
            SiteValue::Literal(_) | SiteValue::Returned(_) => None,
        });
        known.collect()
    }
}

/// Checks that the preset has the instrument that an argument needs.
#[expect(clippy::result_large_err, reason = "see `name`")]
const fn check_supported(given: bool, instrument: Option<Instrument>, argument: &str, method: &str) -> Check {
    if given && instrument.is_none() { Err(name::no_metric_for(argument, method)) } else { Ok(()) }
}

/// Returns the instrument whose name is the attribute's `name`, or `None` if the preset has no such instrument.
const fn named_instrument(preset: &Preset) -> Option<Instrument> {
    let all = [preset.calls, preset.duration, preset.value, preset.in_flight];
    let mut i = 0;
    while i < all.len() {
        if let Some(Instrument { name: Name::Given(_), .. }) = all[i] {
            return all[i];
        }
        i += 1;
    }
    None
}

/// A property of calls that an instrument records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The number of calls.
    Calls,
    /// The duration.
    Duration,
    /// The argument `value` of the attribute.
    Value,
    /// The number of calls in flight.
    InFlight,
    /// The number of calls that were cancelled after the latency of the objective.
    Overdue,
}

impl Signal {
    pub(crate) const ALL: [Self; 5] = [Self::Calls, Self::Duration, Self::Value, Self::InFlight, Self::Overdue];

    /// Returns the outcomes of the calls for which the signal is recorded.
    const fn outcomes(self) -> &'static [Outcome] {
        match self {
            Self::Calls => &Outcome::ALL,
            // Cancelled calls have no duration.
            Self::Duration => &[Outcome::Success, Outcome::Error, Outcome::Panic],
            Self::Value | Self::InFlight => &[Outcome::Success],
            Self::Overdue => &[Outcome::Cancelled],
        }
    }
}

/// The source of the value of one label of one family.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LabelSource {
    /// A constant.
    Literal(&'static str),
    /// The entry value with this index, and the values known at compile time.
    Entry(usize, &'static [&'static str]),
    /// The value of the result with this index, and the values known at compile time.
    Returned(usize, &'static [&'static str]),
    /// The outcome of the call.
    Status,
}

impl LabelSource {
    /// Returns the values that the label can have when a call ends with the outcome; empty if it can have any value.
    fn known(self, outcome: Outcome) -> Vec<&'static str> {
        match self {
            Self::Literal(value) => vec![value],
            Self::Entry(_, known) => known.to_vec(),
            Self::Returned(_, known) if known.is_empty() || outcome.has_result() => known.to_vec(),
            // A call without a result has its outcome in place of the label's value.
            Self::Returned(..) | Self::Status => vec![outcome.as_str()],
        }
    }

    /// Returns `true` if the label can have any value when a call ends with the outcome.
    pub(crate) fn is_open(self, outcome: Outcome) -> bool {
        match self {
            Self::Entry(_, known) => known.is_empty(),
            // A call without a result has its outcome in place of the label's value.
            Self::Returned(_, known) => known.is_empty() && outcome.has_result(),
            Self::Literal(_) | Self::Status => false,
        }
    }

    /// Returns all values that the label can have in the family of the signal; empty if it can have any value.
    pub(crate) fn possible(self, signal: Signal) -> Vec<&'static str> {
        let mut values = Vec::new();
        for outcome in signal.outcomes() {
            let known = self.known(*outcome);
            if known.is_empty() {
                return known;
            }
            for value in known {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
        }
        values
    }
}

/// Calls `each` with the values of every series that is known to be possible, in the order of the labels, unless these are
/// more than `limit` combinations. Returns the number of combinations.
///
/// The outcome of a call decides all labels of the result and the status together, so a family has no series in which
/// these disagree.
pub(crate) fn each_known_series(
    sources: &[LabelSource],
    signal: Signal,
    limit: usize,
    each: &mut dyn FnMut(&[&'static str]),
) -> usize {
    let known = |outcome: Outcome| sources.iter().map(|source| source.known(outcome)).collect::<Vec<_>>();
    let mut combinations: Vec<_> = signal.outcomes().iter().map(|outcome| known(*outcome)).collect();
    combinations.dedup();
    let count = |lists: &Vec<Vec<&str>>| lists.iter().fold(1_usize, |count, list| count.saturating_mul(list.len()));
    let total = combinations.iter().fold(0_usize, |total, lists| total.saturating_add(count(lists)));
    if total <= limit {
        for lists in &combinations {
            each_tuple(lists, limit, each);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(sources: &[LabelSource], signal: Signal, limit: usize) -> Vec<String> {
        let mut found = Vec::new();
        each_known_series(sources, signal, limit, &mut |tuple| found.push(tuple.join("/")));
        found.sort();
        found.dedup();
        found
    }

    #[test]
    fn a_label_of_the_result_agrees_with_the_status() {
        let sources = [LabelSource::Returned(0, &["none", "io"]), LabelSource::Status];
        assert_eq!(
            series(&sources, Signal::Calls, 100),
            ["cancelled/cancelled", "io/error", "io/success", "none/error", "none/success", "panic/panic"]
        );
        assert_eq!(series(&sources[..1], Signal::Duration, 100), ["io", "none", "panic"]);
        assert_eq!(series(&sources[..1], Signal::Value, 100), ["io", "none"]);
    }

    #[test]
    fn two_labels_of_the_result_agree_with_each_other() {
        let sources = [LabelSource::Returned(0, &["a"]), LabelSource::Returned(1, &["b"]), LabelSource::Literal("c")];
        assert_eq!(series(&sources, Signal::Calls, 100), ["a/b/c", "cancelled/cancelled/c", "panic/panic/c"]);
    }

    #[test]
    fn a_label_with_any_value_has_no_known_series() {
        let sources = [LabelSource::Returned(0, &[]), LabelSource::Status];
        assert!(series(&sources, Signal::Calls, 100).is_empty());
        assert!(sources[0].possible(Signal::Calls).is_empty());
    }

    #[test]
    fn no_series_is_known_if_the_combinations_exceed_the_limit() {
        let sources = [LabelSource::Entry(0, &["a", "b"]), LabelSource::Status];
        assert_eq!(series(&sources, Signal::Calls, 8).len(), 8);
        assert!(series(&sources, Signal::Calls, 7).is_empty());
    }
}
