//! The rows of all attributes: which arguments each takes, needs and excludes. Constant data.

use crate::syntax::key::Key;

/// The argument of a method in an annotated impl block that excludes the method from recording. It takes no other
/// arguments.
pub(crate) const SKIP: &str = "skip";

/// The arguments of one attribute.
pub(crate) struct Grammar {
    pub(crate) attribute: &'static str,
    /// The place of the attribute, for an attribute that takes different arguments in different places.
    pub(crate) place: &'static str,
    /// The string literal without a key that comes first.
    pub(crate) positional: Option<Positional>,
    pub(crate) accepts: &'static [Key],
    /// Arguments that are not allowed together: the first with each of the others.
    pub(crate) exclusive: &'static [(Key, &'static [Key])],
    /// Arguments that are allowed only with another one.
    pub(crate) needs: &'static [Needs],
    /// Arguments that must be given.
    pub(crate) required: &'static [Required],
    /// `true` for an attribute of impl blocks, whose methods take [`SKIP`].
    pub(crate) on_impl: bool,
}

/// A string literal without a key: the value of a label.
pub(crate) struct Positional {
    pub(crate) label: &'static str,
    pub(crate) example: &'static str,
}

/// `key` is allowed only with one of the other keys.
pub(crate) struct Needs {
    pub(crate) key: Key,
    pub(crate) one_of: &'static [Key],
    pub(crate) reason: &'static str,
}

/// One of the keys must be given, unless `unless` is.
pub(crate) struct Required {
    pub(crate) one_of: &'static [Key],
    pub(crate) unless: Key,
    pub(crate) fix: &'static str,
}

/// An attribute that records calls.
pub(crate) struct Recording {
    pub(crate) grammar: Grammar,
    pub(crate) rows: Rows,
}

/// The rows of `metrics_runtime::__private::preset` that an attribute can select.
pub(crate) enum Rows {
    /// The same row for all arguments.
    One(&'static str),
    /// A row without `name`, and a row with it.
    ByName { shared: &'static str, named: &'static str },
    /// A row without `value`, and a row with it.
    ByValue { plain: &'static str, of_value: &'static str },
    /// A row whose value is the compression ratio of the returned value.
    Ratio(&'static str),
}

/// The attributes that record calls.
pub(crate) const RECORDING: [&Recording; 7] = [&TRACK, &HISTOGRAM, &COUNTER, &IN_FLIGHT, &RYOT, &COMPRESSION, &STORAGE];

/// All attributes.
pub(crate) const ALL: [&Grammar; 12] = [
    &TRACK.grammar,
    &HISTOGRAM.grammar,
    &COUNTER.grammar,
    &IN_FLIGHT.grammar,
    &RYOT.grammar,
    &COMPRESSION.grammar,
    &STORAGE.grammar,
    &CIRCUIT_BREAKER,
    &METRICS,
    &TEST,
    &LABEL_OF_ENUM,
    &LABEL_OF_VARIANT,
];

const BASE: Grammar = Grammar {
    attribute: "",
    place: "",
    positional: None,
    accepts: &[],
    exclusive: &[],
    needs: &[],
    required: &[],
    on_impl: false,
};

const OUTCOME: (Key, &[Key]) = (Key::OkIf, &[Key::ErrorIf]);

const NAMES: (Key, &[Key]) = (Key::Name, &[Key::LegacyName]);

const SLOW_POLL: Needs =
    Needs { key: Key::SlowPoll, one_of: &[Key::Polls], reason: "it is the limit of the polls that are measured" };

pub(crate) const TRACK: Recording = Recording {
    grammar: Grammar {
        attribute: "track",
        accepts: &[
            Key::Name,
            Key::Replaces,
            Key::Help,
            Key::Labels,
            Key::CounterLabels,
            Key::Buckets,
            Key::Native,
            Key::OkIf,
            Key::ErrorIf,
            Key::InFlight,
            Key::Returns,
            Key::Crate,
            Key::Preset,
            Key::Value,
            Key::Timed,
            Key::Objective,
            Key::Limit,
            Key::Polls,
            Key::SlowPoll,
        ],
        exclusive: &[OUTCOME, (Key::Preset, &[Key::Name, Key::Replaces, Key::Help, Key::Buckets, Key::Native])],
        needs: &[
            SLOW_POLL,
            Needs {
                key: Key::Replaces,
                one_of: &[Key::Name],
                reason: "without a name, all functions share one family with a fixed name",
            },
            Needs {
                key: Key::Labels,
                one_of: &[Key::Name, Key::Preset],
                reason: "without a name, all functions share one family with fixed labels",
            },
            Needs {
                key: Key::CounterLabels,
                one_of: &[Key::Name, Key::Preset],
                reason: "without a name, all functions share one family with fixed labels",
            },
            Needs {
                key: Key::Buckets,
                one_of: &[Key::Name],
                reason: "without a name, all functions share one family with fixed buckets",
            },
            Needs {
                key: Key::Native,
                one_of: &[Key::Name],
                reason: "without a name, all functions share one family, and `Builder::native_histograms` decides",
            },
            Needs {
                key: Key::Help,
                one_of: &[Key::Name],
                reason: "without a name, all functions share one family with a fixed help text",
            },
            Needs {
                key: Key::Value,
                one_of: &[Key::Preset],
                reason: "only a preset records values here; use `#[track_histogram]` or `#[track_counter]` without one",
            },
            Needs { key: Key::Timed, one_of: &[Key::Preset], reason: "without a preset, calls are always timed" },
            Needs {
                key: Key::Limit,
                one_of: &[Key::Name, Key::Preset],
                reason: "without a name, all functions share one family with fixed labels",
            },
        ],
        on_impl: true,
        ..BASE
    },
    rows: Rows::ByName { shared: "TRACK", named: "TRACK_NAMED" },
};

pub(crate) const HISTOGRAM: Recording = Recording {
    grammar: Grammar {
        attribute: "track_histogram",
        accepts: &[
            Key::Name,
            Key::LegacyName,
            Key::Replaces,
            Key::Help,
            Key::Unit,
            Key::Labels,
            Key::Buckets,
            Key::Native,
            Key::Value,
            Key::OkIf,
            Key::ErrorIf,
            Key::Returns,
            Key::Crate,
            Key::Objective,
            Key::Limit,
            Key::Polls,
            Key::SlowPoll,
        ],
        exclusive: &[OUTCOME, NAMES],
        needs: &[SLOW_POLL],
        ..BASE
    },
    rows: Rows::ByValue { plain: "HISTOGRAM", of_value: "HISTOGRAM_OF_VALUE" },
};

pub(crate) const COUNTER: Recording = Recording {
    grammar: Grammar {
        attribute: "track_counter",
        accepts: &[
            Key::Name,
            Key::LegacyName,
            Key::Replaces,
            Key::Help,
            Key::Unit,
            Key::Labels,
            Key::Value,
            Key::OkIf,
            Key::ErrorIf,
            Key::Returns,
            Key::Crate,
            Key::Objective,
            Key::Limit,
            Key::Polls,
            Key::SlowPoll,
        ],
        exclusive: &[OUTCOME, NAMES],
        needs: &[SLOW_POLL],
        ..BASE
    },
    rows: Rows::ByValue { plain: "COUNTER", of_value: "COUNTER_OF_VALUE" },
};

pub(crate) const IN_FLIGHT: Recording = Recording {
    grammar: Grammar {
        attribute: "track_in_flight",
        accepts: &[
            Key::Name,
            Key::LegacyName,
            Key::Replaces,
            Key::Help,
            Key::Labels,
            Key::Returns,
            Key::Crate,
            Key::Limit,
            Key::Polls,
            Key::SlowPoll,
        ],
        exclusive: &[NAMES],
        needs: &[SLOW_POLL],
        ..BASE
    },
    rows: Rows::One("IN_FLIGHT"),
};

pub(crate) const RYOT: Recording = Recording {
    grammar: Grammar {
        attribute: "track_ryot",
        accepts: &[
            Key::Model,
            Key::Tokens,
            Key::OkIf,
            Key::ErrorIf,
            Key::Returns,
            Key::Crate,
            Key::Objective,
            Key::Limit,
            Key::Polls,
            Key::SlowPoll,
        ],
        exclusive: &[OUTCOME],
        needs: &[
            SLOW_POLL,
            Needs { key: Key::Tokens, one_of: &[Key::Model], reason: "tokens are counted by model" },
            Needs { key: Key::Model, one_of: &[Key::Tokens], reason: "only the tokens have the label `model`" },
            Needs {
                key: Key::Limit,
                one_of: &[Key::Model],
                reason: "only `model` has values that are known at run time",
            },
        ],
        ..BASE
    },
    rows: Rows::One("RYOT"),
};

pub(crate) const COMPRESSION: Recording = Recording {
    grammar: Grammar {
        attribute: "track_compression",
        accepts: &[Key::CompressionRatio, Key::OkIf, Key::ErrorIf, Key::Returns, Key::Crate, Key::Polls, Key::SlowPoll],
        exclusive: &[OUTCOME],
        needs: &[SLOW_POLL],
        ..BASE
    },
    rows: Rows::Ratio("COMPRESSION"),
};

pub(crate) const STORAGE: Recording = Recording {
    grammar: Grammar {
        attribute: "track_storage",
        positional: Some(Positional { label: "operation", example: "\"store\"" }),
        accepts: &[
            Key::Timed,
            Key::OkIf,
            Key::ErrorIf,
            Key::Returns,
            Key::Crate,
            Key::Objective,
            Key::Polls,
            Key::SlowPoll,
        ],
        exclusive: &[OUTCOME],
        needs: &[SLOW_POLL],
        ..BASE
    },
    rows: Rows::One("STORAGE"),
};

pub(crate) const CIRCUIT_BREAKER: Grammar = Grammar {
    attribute: "circuit_breaker",
    accepts: &[
        Key::Service,
        Key::Failures,
        Key::Ratio,
        Key::Calls,
        Key::Window,
        Key::Minimum,
        Key::Open,
        Key::MaxOpen,
        Key::Jitter,
        Key::HalfOpen,
        Key::Lease,
        Key::Slow,
        Key::SlowRatio,
        Key::CancelledFails,
        Key::Breaker,
        Key::FailureIf,
        Key::IgnoreIf,
        Key::Classify,
        Key::OnReject,
        Key::Fallback,
        Key::Crate,
    ],
    exclusive: &[
        (Key::Failures, &[Key::Ratio, Key::Calls, Key::Window, Key::Minimum, Key::SlowRatio]),
        (Key::Calls, &[Key::Window]),
        (Key::FailureIf, &[Key::Classify]),
        (Key::IgnoreIf, &[Key::Classify]),
        (Key::OnReject, &[Key::Fallback]),
        (
            Key::Breaker,
            &[
                Key::Service,
                Key::Failures,
                Key::Ratio,
                Key::Calls,
                Key::Window,
                Key::Minimum,
                Key::Open,
                Key::MaxOpen,
                Key::Jitter,
                Key::HalfOpen,
                Key::Lease,
                Key::Slow,
                Key::SlowRatio,
                Key::CancelledFails,
            ],
        ),
    ],
    needs: &[
        Needs { key: Key::Calls, one_of: &[Key::Ratio], reason: "it is the number of calls the ratio is taken of" },
        Needs { key: Key::Window, one_of: &[Key::Ratio], reason: "it is the time the ratio is taken over" },
        Needs { key: Key::Minimum, one_of: &[Key::Ratio], reason: "it is the number of calls a ratio requires" },
        Needs { key: Key::SlowRatio, one_of: &[Key::Ratio], reason: "it is taken of the same calls" },
        Needs { key: Key::SlowRatio, one_of: &[Key::Slow], reason: "it is the ratio of calls that take longer" },
        Needs {
            key: Key::Ratio,
            one_of: &[Key::Calls, Key::Window],
            reason: "it is taken of the last calls (`calls = 100`) or over time (`window = \"10s\"`)",
        },
    ],
    required: &[
        Required { one_of: &[Key::Service], unless: Key::Breaker, fix: BREAKER_FIX },
        Required { one_of: &[Key::Failures, Key::Ratio], unless: Key::Breaker, fix: BREAKER_FIX },
    ],
    ..BASE
};

const BREAKER_FIX: &str = "write `#[circuit_breaker(service = \"ryot\", failures = 5, open = \"30s\")]`, or \
                           `breaker = ..` for an existing breaker";

pub(crate) const METRICS: Grammar =
    Grammar { attribute: "metrics", accepts: &[Key::Prefix, Key::Limit, Key::Crate], ..BASE };

pub(crate) const TEST: Grammar =
    Grammar { attribute: "test", accepts: &[Key::Flavor, Key::WorkerThreads, Key::StartPaused, Key::Crate], ..BASE };

pub(crate) const LABEL_OF_ENUM: Grammar =
    Grammar { attribute: "label", place: " on an enum", accepts: &[Key::Crate], ..BASE };

pub(crate) const LABEL_OF_VARIANT: Grammar =
    Grammar { attribute: "label", place: " on a variant", accepts: &[Key::Rename], ..BASE };

impl Grammar {
    /// Returns the attribute as errors show it.
    pub(crate) fn title(&self) -> String {
        format!("`#[{}]`{}", self.attribute, self.place)
    }

    /// Returns the key with this text, if the attribute takes it.
    pub(crate) fn key(&self, text: &str) -> Option<Key> {
        self.accepts.iter().copied().find(|key| key.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the first cells of the table of arguments in the documentation of an attribute.
    fn documented(attribute: &str) -> Vec<&'static str> {
        let source = include_str!("lib.rs");
        let docs = source.split_once(&format!("pub fn {attribute}(")).expect(attribute).0;
        let table = docs.rsplit_once("/// # Arguments\n").expect(attribute).1;
        let rows = table.lines().skip_while(|line| !line.starts_with("/// |---")).skip(1);
        let rows = rows.map_while(|line| line.strip_prefix("/// | "));
        rows.filter_map(|row| Some(row.split_once(" | ")?.0)).collect()
    }

    fn words(cell: &str) -> impl Iterator<Item = &str> {
        cell.split(|c: char| !c.is_alphanumeric() && c != '_')
    }

    #[test]
    fn the_documentation_of_each_attribute_lists_its_arguments() {
        for grammar in ALL.into_iter().filter(|grammar| grammar.attribute != "label") {
            let cells = documented(grammar.attribute);
            for key in grammar.accepts {
                let is_listed = cells.iter().any(|cell| words(cell).any(|word| word == key.as_str()));
                assert!(is_listed, "{} does not list `{}`", grammar.title(), key.as_str());
            }
            for cell in cells {
                let first = words(cell).find(|word| !word.is_empty());
                let is_accepted = first.is_none_or(|first| grammar.accepts.iter().any(|key| key.as_str() == first));
                assert!(is_accepted, "{} lists {cell}", grammar.title());
            }
        }
    }
}
