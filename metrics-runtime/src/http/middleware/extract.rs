//! Labels and routes that closures of the application extract from requests and responses.

use std::borrow::Cow;
use std::sync::Arc;

use super::head::{RequestHead, ResponseHead};
use crate::contained::contained;
use crate::family::{OVERFLOW, Table};
use crate::metric::First;
use crate::schema::Label;

pub(super) type RequestExtractor = Arc<dyn for<'a> Fn(RequestHead<'a>) -> Option<Label<'a>> + Send + Sync>;
pub(super) type ResponseExtractor = Arc<dyn for<'a> Fn(ResponseHead<'a>) -> Option<Label<'a>> + Send + Sync>;

/// The maximum number of extracted labels. It is fixed, so that a request stores their values without an allocation.
pub(super) const MAX_LABELS: usize = 4;

/// The maximum length of a value, in bytes. Longer values are recorded as [`OVERFLOW`].
const MAX_LENGTH: usize = 128;

/// The maximum number of values of a label. A request stores the number of a value in two bytes.
const MAX_VALUES: usize = (u16::MAX - FIRST) as usize;

/// The definition of an extracted label.
#[derive(Clone)]
pub(super) struct ExtractedLabel {
    pub(super) name: Cow<'static, str>,
    pub(super) values: Values,
    pub(super) extractor: Extractor,
}

/// The values that an extracted label may have.
#[derive(Clone)]
pub(super) enum Values {
    /// The first ones, up to this number.
    First(usize),
    /// These.
    Allowed(Vec<Cow<'static, str>>),
}

impl Values {
    pub(super) fn allowed<V: IntoIterator<Item: Into<Cow<'static, str>>>>(values: V) -> Self {
        Self::Allowed(values.into_iter().map(Into::into).collect())
    }

    /// Returns the reason why the label cannot have these values, if there is one.
    pub(super) fn problem(&self) -> Option<String> {
        let count = match self {
            Self::First(limit) => *limit,
            Self::Allowed(values) => values.len(),
        };
        if count == 0 {
            return Some("may have 0 values; expected at least 1".to_owned());
        }
        let Self::Allowed(values) = self else { return None };
        if count > MAX_VALUES {
            return Some(format!("may have {count} values; at most {MAX_VALUES} are allowed"));
        }
        values.iter().find_map(|value| {
            let problem = match &**value {
                "" => "a request without the label has it already",
                OVERFLOW => "it stands for all values that are not allowed",
                value if value.len() > MAX_LENGTH => "a value has at most 128 bytes",
                _ => return None,
            };
            Some(format!("may have the value {value:?}, but {problem}; remove the value"))
        })
    }
}

#[derive(Clone)]
pub(super) enum Extractor {
    Request(RequestExtractor),
    Response(ResponseExtractor),
}

/// The extracted labels of a layer, each with the values recorded so far.
pub(super) struct ExtractedLabels {
    labels: Box<[KnownValues]>,
}

struct KnownValues {
    name: Cow<'static, str>,
    limit: usize,
    /// `true` if the program has listed the values.
    are_listed: bool,
    extractor: Extractor,
    values: Table<Box<str>>,
    overflowed: First,
}

/// The extracted values of one request: one code per label.
pub(super) type ExtractedValues = [u16; MAX_LABELS];

/// The label name under which the table of values is keyed.
const VALUE: [&str; 1] = ["value"];

/// The code for no value. It is the initial code of every label.
const EMPTY: u16 = 0;
/// The code for a value that is too long or exceeds the limit.
const TOO_MANY: u16 = 1;
/// The code of the first known value.
const FIRST: u16 = 2;

impl ExtractedLabels {
    pub(super) fn new(labels: &[ExtractedLabel]) -> Self {
        Self { labels: labels.iter().map(KnownValues::new).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    #[cold]
    pub(super) fn extract_from_request(&self, request: RequestHead<'_>, values: &mut ExtractedValues) {
        for (known, value) in self.labels.iter().zip(values) {
            if let Extractor::Request(extract) = &known.extractor {
                *value = known.code(contained(|| extract(request)).flatten());
            }
        }
    }

    #[cold]
    pub(super) fn extract_from_response(&self, response: ResponseHead<'_>, values: &mut ExtractedValues) {
        for (known, value) in self.labels.iter().zip(values) {
            if let Extractor::Response(extract) = &known.extractor {
                *value = known.code(contained(|| extract(response)).flatten());
            }
        }
    }

    /// Returns `true` if one of these values is a text that the program has not listed.
    pub(super) fn is_open(&self, values: ExtractedValues) -> bool {
        self.labels.iter().zip(values).any(|(known, code)| !known.are_listed && code >= FIRST)
    }

    /// Returns the label values for these codes. With `only_listed`, those that the program has not listed are
    /// [`OVERFLOW`].
    pub(super) fn texts<'a>(&'a self, values: &ExtractedValues, only_listed: bool) -> impl Iterator<Item = &'a str> {
        self.labels.iter().zip(*values).map(move |(known, code)| match code {
            EMPTY => "",
            TOO_MANY => OVERFLOW,
            _ if only_listed && !known.are_listed => OVERFLOW,
            code => known.values.numbered(usize::from(code - FIRST)).map_or("", |entry| &entry.value),
        })
    }

    /// Returns the number of known values of all labels.
    #[cfg(all(test, feature = "axum"))]
    pub(super) fn len(&self) -> usize {
        self.labels.iter().map(|known| known.values.len()).sum()
    }
}

impl KnownValues {
    fn new(label: &ExtractedLabel) -> Self {
        let (limit, listed) = match &label.values {
            Values::First(limit) => (*limit, &[][..]),
            Values::Allowed(values) => (0, values.as_slice()),
        };
        let values = Table::new();
        for value in listed {
            values.get_or_insert(&VALUE, &[value], |_| true, |_| Box::from(&**value));
        }
        Self {
            name: label.name.clone(),
            limit,
            are_listed: !listed.is_empty(),
            extractor: label.extractor.clone(),
            values,
            overflowed: First::new(),
        }
    }

    /// Returns the code of a value, and adds the value to the known ones if there is room.
    fn code(&self, value: Option<Label<'_>>) -> u16 {
        let Some(value) = value else { return EMPTY };
        let value = value.as_str();
        if value.is_empty() {
            return EMPTY;
        }
        let values = &[value];
        let number = self.values.number(&VALUE, values).or_else(|| {
            // Checked before taking the lock, so that clients that always send new values do not block other requests.
            if value.len() > MAX_LENGTH || value == OVERFLOW || self.values.len() >= self.limit {
                return None;
            }
            self.values.get_or_insert(&VALUE, values, |len| len < self.limit, |_| value.into())?;
            self.values.number(&VALUE, values)
        });
        number.and_then(|number| u16::try_from(number).ok()?.checked_add(FIRST)).unwrap_or_else(|| {
            if self.overflowed.is_now() {
                tracing::warn!(
                    label = %self.name,
                    "a label of HTTP metrics got a value that is not allowed, too long or beyond the allowed number; \
                     such values are recorded as `{OVERFLOW}`"
                );
            }
            TOO_MANY
        })
    }
}
