//! Which arguments each attribute takes: const data, one row per attribute.

use crate::args::Key;

/// One attribute: its arguments and the row of the runtime it drives.
pub(crate) struct Grammar {
    pub(crate) attribute: &'static str,
    pub(crate) accepts: &'static [Key],
    /// Arguments that only make sense together with another one.
    pub(crate) needs: &'static [(Key, Key, &'static str)],
    /// What stands first, without a key.
    pub(crate) positional: Option<Positional>,
    pub(crate) rows: Rows,
    pub(crate) on_impl: bool,
}

/// A string literal without a key: the value of a label.
pub(crate) struct Positional {
    pub(crate) label: &'static str,
    pub(crate) example: &'static str,
}

/// The rows of `metrics_runtime::__private::preset` that an attribute can mean.
pub(crate) enum Rows {
    /// Always the same.
    One(&'static str),
    /// One without a `name`, another with it.
    ByName { shared: &'static str, named: &'static str },
    /// One without a `value`, another with it.
    ByValue { plain: &'static str, of_value: &'static str },
    /// The value is the compression ratio of what was returned.
    Ratio(&'static str),
}

/// All of them.
pub(crate) const ALL: [&Grammar; 7] = [&TRACK, &HISTOGRAM, &COUNTER, &IN_FLIGHT, &RYOT, &COMPRESSION, &STORAGE];

/// Pairs that exclude each other, for every attribute.
pub(crate) const EXCLUSIVE: &[(Key, Key)] = &[
    (Key::OkIf, Key::ErrorIf),
    (Key::Preset, Key::Name),
    (Key::Preset, Key::Help),
    (Key::Preset, Key::Unit),
    (Key::Preset, Key::Buckets),
];

pub(crate) const TRACK: Grammar = Grammar {
    attribute: "track",
    accepts: &[
        Key::Name,
        Key::Help,
        Key::Labels,
        Key::Buckets,
        Key::OkIf,
        Key::ErrorIf,
        Key::InFlight,
        Key::Returns,
        Key::Crate,
        Key::Preset,
        Key::Value,
        Key::Timed,
        Key::Objective,
    ],
    needs: &[
        (Key::Labels, Key::Name, "without a name, all functions share one family; labels make it another"),
        (Key::Buckets, Key::Name, "without a name, all functions share one family; buckets make it another"),
        (Key::Help, Key::Name, "without a name, all functions share one family, and it has a help text"),
        (Key::Value, Key::Preset, "values are recorded by a preset, or by `#[track_histogram]` and `#[track_counter]`"),
        (Key::Timed, Key::Preset, "a call is timed anyway"),
    ],
    positional: None,
    rows: Rows::ByName { shared: "TRACK", named: "TRACK_NAMED" },
    on_impl: true,
};

pub(crate) const HISTOGRAM: Grammar = Grammar {
    attribute: "track_histogram",
    accepts: &[
        Key::Name,
        Key::Help,
        Key::Unit,
        Key::Labels,
        Key::Buckets,
        Key::Value,
        Key::OkIf,
        Key::ErrorIf,
        Key::Returns,
        Key::Crate,
        Key::Objective,
    ],
    needs: &[],
    positional: None,
    rows: Rows::ByValue { plain: "HISTOGRAM", of_value: "HISTOGRAM_OF_VALUE" },
    on_impl: false,
};

pub(crate) const COUNTER: Grammar = Grammar {
    attribute: "track_counter",
    accepts: &[
        Key::Name,
        Key::Help,
        Key::Unit,
        Key::Labels,
        Key::Value,
        Key::OkIf,
        Key::ErrorIf,
        Key::Returns,
        Key::Crate,
        Key::Objective,
    ],
    needs: &[],
    positional: None,
    rows: Rows::ByValue { plain: "COUNTER", of_value: "COUNTER_OF_VALUE" },
    on_impl: false,
};

pub(crate) const IN_FLIGHT: Grammar = Grammar {
    attribute: "track_in_flight",
    accepts: &[Key::Name, Key::Help, Key::Labels, Key::Returns, Key::Crate],
    needs: &[],
    positional: None,
    rows: Rows::One("IN_FLIGHT"),
    on_impl: false,
};

pub(crate) const RYOT: Grammar = Grammar {
    attribute: "track_ryot",
    accepts: &[Key::Model, Key::Tokens, Key::OkIf, Key::ErrorIf, Key::Returns, Key::Crate, Key::Objective],
    needs: &[
        (Key::Tokens, Key::Model, "tokens are counted by model"),
        (Key::Model, Key::Tokens, "the model is a label of the tokens, and of nothing else"),
    ],
    positional: None,
    rows: Rows::One("RYOT"),
    on_impl: false,
};

pub(crate) const COMPRESSION: Grammar = Grammar {
    attribute: "track_compression",
    accepts: &[Key::Ratio, Key::OkIf, Key::ErrorIf, Key::Returns, Key::Crate],
    needs: &[],
    positional: None,
    rows: Rows::Ratio("COMPRESSION"),
    on_impl: false,
};

pub(crate) const STORAGE: Grammar = Grammar {
    attribute: "track_storage",
    accepts: &[Key::Timed, Key::OkIf, Key::ErrorIf, Key::Returns, Key::Crate, Key::Objective],
    needs: &[],
    positional: Some(Positional { label: "operation", example: "\"store\"" }),
    rows: Rows::One("STORAGE"),
    on_impl: false,
};
