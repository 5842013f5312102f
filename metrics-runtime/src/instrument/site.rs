//! What an attribute says at one place: checked against its row when the program is compiled, turned into metric
//! definitions when the registry is built.

use std::borrow::Cow;

use super::preset::{Instrument, Labels, Name, Preset};
use crate::schema::name::{self, Check, Problem};
use crate::schema::objective::Objective;
use crate::schema::outcome::Outcome;
use crate::schema::{Descriptor, Kind, Source};

/// How many labels an attribute may declare.
pub(crate) const MAX_LABELS: usize = 12;

const STATUS: &str = "status";

const NO_CALLS: Problem = name::problem(&["success is promised of calls, and this attribute does not count them"]);

const NO_DURATION: Problem = name::problem(&[
    "a latency is promised of durations, and this attribute records none: add `timed` where it takes that, or leave the latency out",
]);

/// A label that an attribute declares, and where its value comes from.
#[derive(Clone, Copy, Debug)]
pub struct SiteLabel {
    /// Its name.
    pub name: &'static str,
    /// Where its value comes from.
    pub value: SiteValue,
}

/// Where the value of a label comes from.
#[derive(Clone, Copy, Debug)]
pub enum SiteValue {
    /// The attribute has it as a literal.
    Literal(&'static str),
    /// Evaluated before the body; with the values known at compile time.
    Entry(&'static [&'static str]),
    /// Evaluated on what the body returned; with the values known at compile time.
    Returned(&'static [&'static str]),
}

/// What the attribute says, as generated code writes it down.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The row.
    pub preset: &'static Preset,
    /// The place; its function is the one of the label `function`.
    pub source: Source,
    /// The bare name of the function, for metrics without a name.
    pub function: &'static str,
    /// The argument `name`.
    pub name: Option<&'static str>,
    /// The argument `help`, or the doc comment.
    pub help: Option<&'static str>,
    /// The argument `unit`.
    pub unit: Option<&'static str>,
    /// The argument `buckets`.
    pub buckets: Option<&'static [f64]>,
    /// The argument `labels`.
    pub labels: &'static [SiteLabel],
    /// Whether an optional duration was asked for.
    pub timed: bool,
    /// Whether an optional gauge was asked for.
    pub in_flight: bool,
    /// Whether there is a value to record.
    pub valued: bool,
}

impl Site {
    /// A place of which the attribute says nothing.
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
            help: None,
            unit: None,
            buckets: None,
            labels: &[],
            timed: false,
            in_flight: false,
            valued: false,
        }
    }
}

/// What the compiler checks, each at the word that it is about: generated code has a `const _` for every one.
#[expect(clippy::result_large_err, reason = "as in `name`")]
impl Site {
    /// The bounds that the attribute gives.
    #[must_use]
    pub const fn bounds(&self) -> &'static [f64] {
        match self.buckets {
            Some(bounds) => bounds,
            None => &[],
        }
    }

    /// The attribute's `name`, or the name of the function where there is none, as the row uses it.
    ///
    /// # Errors
    /// Prometheus does not allow it.
    pub const fn check_name(&self) -> Check {
        match (own_instrument(self.preset), self.name) {
            (Some(instrument), Some(name)) => name::check_metric(name, instrument.kind),
            (None, Some(name)) => name::check_stem(name),
            (Some(_), None) => name::check_function(self.function),
            // The row has its names.
            (None, None) => Ok(()),
        }
    }

    /// The attribute's `unit`, with the name it has to go with.
    ///
    /// # Errors
    /// The name does not end in it, or it is no word.
    pub const fn check_unit(&self) -> Check {
        match (self.unit, own_instrument(self.preset), self.name) {
            (Some(unit), Some(_), Some(name)) => name::check_unit(name, unit),
            (Some(unit), ..) => name::check_unit_word(unit),
            (None, ..) => Ok(()),
        }
    }

    /// One of the labels.
    ///
    /// # Errors
    /// Prometheus does not allow its name, or none of the row's instruments takes it.
    pub const fn check_label(&self, i: usize) -> Check {
        let label = self.labels[i];
        if let Err(problem) = name::check_label(label.name) {
            return Err(problem);
        }
        if self.is_used(label) {
            return Ok(());
        }
        Err(match label.value {
            SiteValue::Returned(_) if self.preset.in_flight.is_some() => name::late_label(label.name),
            _ => name::unused_label(label.name),
        })
    }

    /// All labels together.
    ///
    /// # Errors
    /// There are too many, or the row wants one that is not there.
    pub const fn check_labels(&self) -> Check {
        if self.labels.len() > MAX_LABELS {
            return Err(name::TOO_MANY_LABELS);
        }
        let instruments = self.instruments();
        let mut i = 0;
        while i < instruments.len() {
            if let Some(Instrument { labels: Labels::Only(wanted), .. }) = instruments[i] {
                let mut label = 0;
                while label < wanted.len() {
                    if !self.has(wanted[label]) {
                        return Err(name::missing_label(wanted[label]));
                    }
                    label += 1;
                }
            }
            i += 1;
        }
        Ok(())
    }

    /// The argument `timed`.
    ///
    /// # Errors
    /// The row has nothing for it.
    pub const fn check_timed(&self) -> Check {
        asked(self.timed, self.preset.duration, "timed", "duration")
    }

    /// The argument `in_flight`.
    ///
    /// # Errors
    /// The row has nothing for it.
    pub const fn check_in_flight(&self) -> Check {
        asked(self.in_flight, self.preset.in_flight, "in_flight", "in_flight")
    }

    /// The argument `value`.
    ///
    /// # Errors
    /// The row has nothing for it.
    pub const fn check_value(&self) -> Check {
        asked(self.valued, self.preset.value, "value", "value")
    }

    /// `objective(success = ..)`.
    ///
    /// # Errors
    /// The row does not count calls by status, or no alert can follow.
    pub const fn check_success(&self, objective: &Objective) -> Check {
        match self.instrument(Role::Calls) {
            Some(_) => objective.check_success(),
            None => Err(NO_CALLS),
        }
    }

    /// `objective(latency(..))`.
    ///
    /// # Errors
    /// The row times no calls, no bucket ends at the promised time, or no alert can follow.
    pub const fn check_latency(&self, objective: &Objective) -> Check {
        let Some(duration) = self.instrument(Role::Duration) else {
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

    const fn is_used(&self, label: SiteLabel) -> bool {
        let instruments = self.instruments();
        let mut i = 0;
        while i < instruments.len() {
            // What is in flight has not returned.
            let late = i == Role::InFlight as usize && matches!(label.value, SiteValue::Returned(_));
            match instruments[i] {
                Some(Instrument { labels: Labels::All, .. }) if !late => return true,
                Some(Instrument { labels: Labels::Only(wanted), .. }) if !late => {
                    let mut j = 0;
                    while j < wanted.len() {
                        if name::equal(wanted[j], label.name) {
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
    /// The instruments that are recorded, in the order of [`Role`].
    const fn instruments(&self) -> [Option<Instrument>; 4] {
        let row = self.preset;
        [
            row.calls,
            match row.duration {
                Some(duration) if !duration.optional || self.timed => Some(duration),
                _ => None,
            },
            match row.value {
                Some(value) if self.valued => Some(value),
                _ => None,
            },
            match row.in_flight {
                Some(gauge) if !gauge.optional || self.in_flight => Some(gauge),
                _ => None,
            },
        ]
    }

    /// The instrument of this role, if it is recorded.
    pub(crate) const fn instrument(&self, role: Role) -> Option<Instrument> {
        self.instruments()[role as usize]
    }

    /// The definition of the metric that this role records.
    pub(crate) fn descriptor(&self, role: Role, instrument: &Instrument) -> Descriptor {
        let name = match instrument.name {
            Name::Fixed(name) => Cow::Borrowed(name),
            Name::Own(suffix) => match (self.name, self.unit) {
                (Some(name), _) => Cow::Borrowed(name),
                // `_seconds` of a duration and `_value` of a value give way to the unit that was asked for.
                (None, Some(unit)) if instrument.kind == Kind::Counter => {
                    Cow::Owned(format!("{}_{unit}_total", self.function))
                }
                (None, Some(unit)) => Cow::Owned(format!("{}_{unit}", self.function)),
                (None, None) => Cow::Owned(format!("{}{suffix}", self.function)),
            },
            Name::Suffixed(suffix) => Cow::Owned(format!("{}{suffix}", self.name.unwrap_or(self.function))),
        };
        let help = match (instrument.name, self.help) {
            (Name::Own(_), Some(help)) => Cow::Borrowed(help),
            (Name::Suffixed(_), Some(help)) => {
                Cow::Owned(format!("{} ({}).", help.trim_end_matches('.'), instrument.help.to_lowercase()))
            }
            (Name::Own(_) | Name::Suffixed(_), None) => {
                Cow::Owned(format!("{} of `{}`.", instrument.help, self.source.function))
            }
            (Name::Fixed(_), _) => Cow::Borrowed(instrument.help),
        };
        let fixed = matches!(instrument.name, Name::Fixed(_));
        Descriptor {
            name,
            help,
            kind: instrument.kind,
            unit: (if fixed { None } else { self.unit }).or(instrument.unit).map(Cow::Borrowed),
            labels: self.wants(role, instrument).into_iter().map(|(label, _)| Cow::Borrowed(label)).collect(),
            buckets: match self.buckets {
                Some(buckets) if !fixed && instrument.kind == Kind::Histogram => Cow::Borrowed(buckets),
                _ => Cow::Borrowed(instrument.buckets),
            },
        }
    }

    /// The labels of an instrument, each with where its value comes from.
    pub(crate) fn wants(&self, role: Role, instrument: &Instrument) -> Vec<(&'static str, Want)> {
        let (mut entry, mut returned) = (0, 0);
        let own = self.labels.iter().map(|label| {
            let want = match label.value {
                SiteValue::Literal(value) => Want::Literal(value),
                SiteValue::Entry(known) => {
                    entry += 1;
                    Want::Entry(entry - 1, known)
                }
                SiteValue::Returned(known) => {
                    returned += 1;
                    Want::Returned(returned - 1, known)
                }
            };
            (label.name, want)
        });
        let own: Vec<_> = own.collect();
        let mut wants = match instrument.labels {
            Labels::All => own,
            Labels::Only(names) => {
                names.iter().filter_map(|name| own.iter().find(|(own, _)| own == name).copied()).collect()
            }
            Labels::Site => {
                vec![("function", Want::Literal(self.source.function)), ("module", Want::Literal(self.source.module))]
            }
        };
        match role {
            // What is in flight has not returned.
            Role::InFlight => wants.retain(|(_, want)| !matches!(want, Want::Returned(..))),
            Role::Calls if !wants.iter().any(|(name, _)| *name == STATUS) => wants.push((STATUS, Want::Status)),
            _ => {}
        }
        wants
    }

    /// The names of the labels that are evaluated before the body, and of those evaluated on what it returned.
    pub(crate) fn run_time_labels(&self) -> (Vec<&'static str>, Vec<&'static str>) {
        let names = |wanted: fn(&SiteValue) -> bool| {
            self.labels.iter().filter(|label| wanted(&label.value)).map(|label| label.name).collect()
        };
        (names(|value| matches!(value, SiteValue::Entry(_))), names(|value| matches!(value, SiteValue::Returned(_))))
    }

    /// The known values of each label that is evaluated before the body.
    pub(crate) fn entry_values(&self) -> Vec<Vec<&'static str>> {
        let known = self.labels.iter().filter_map(|label| match label.value {
            SiteValue::Entry(known) => Some(known.to_vec()),
            SiteValue::Literal(_) | SiteValue::Returned(_) => None,
        });
        known.collect()
    }
}

#[expect(clippy::result_large_err, reason = "as in `name`")]
const fn asked(asked: bool, there: Option<Instrument>, argument: &str, method: &str) -> Check {
    if asked && there.is_none() { Err(name::nothing_for(argument, method)) } else { Ok(()) }
}

/// The one instrument that has the attribute's name as its own.
const fn own_instrument(row: &Preset) -> Option<Instrument> {
    let all = [row.calls, row.duration, row.value, row.in_flight];
    let mut i = 0;
    while i < all.len() {
        if let Some(Instrument { name: Name::Own(_), .. }) = all[i] {
            return all[i];
        }
        i += 1;
    }
    None
}

/// What an instrument records of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Calls,
    Duration,
    Value,
    InFlight,
}

impl Role {
    pub(crate) const ALL: [Self; 4] = [Self::Calls, Self::Duration, Self::Value, Self::InFlight];
}

/// Where one label of one family gets its value.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Want {
    Literal(&'static str),
    Entry(usize, &'static [&'static str]),
    Returned(usize, &'static [&'static str]),
    Status,
}

impl Want {
    pub(crate) fn known(self) -> Vec<&'static str> {
        match self {
            Self::Literal(value) => vec![value],
            Self::Entry(_, known) | Self::Returned(_, known) => known.to_vec(),
            Self::Status => Outcome::ALL.map(Outcome::as_str).to_vec(),
        }
    }

    /// What the label can say beside what is there from the start: where nothing was returned, why not. None if it can
    /// say anything.
    pub(crate) fn possible(self, role: Role) -> Vec<&'static str> {
        let missing: &[Outcome] = match (self, role) {
            (Self::Returned(..), Role::Calls) => &[Outcome::Panic, Outcome::Cancelled],
            // Calls that were cancelled have no duration, and there is no value of what was not returned.
            (Self::Returned(..), Role::Duration) => &[Outcome::Panic],
            _ => &[],
        };
        let mut values = self.known();
        if !values.is_empty() {
            let missing = missing.iter().map(|outcome| outcome.as_str()).filter(|missing| !values.contains(missing));
            let missing: Vec<_> = missing.collect();
            values.extend(missing);
        }
        values
    }
}
