//! Labels and routes that closures of the application extract from requests and responses.

use std::borrow::Cow;
use std::sync::Arc;

use super::head::{RequestHead, ResponseHead};
use crate::contained::contained;
use crate::family::{OVERFLOW, Table};
use crate::schema::Label;

pub(super) type RequestExtractor = Arc<dyn for<'a> Fn(RequestHead<'a>) -> Option<Label<'a>> + Send + Sync>;
pub(super) type ResponseExtractor = Arc<dyn for<'a> Fn(ResponseHead<'a>) -> Option<Label<'a>> + Send + Sync>;

/// The maximum number of extracted labels. It is fixed, so that a request stores their values without an allocation.
pub(super) const MAX_LABELS: usize = 4;

/// The maximum length of a value, in bytes. Longer values are recorded as [`OVERFLOW`].
const MAX_LENGTH: usize = 128;

/// The definition of an extracted label.
#[derive(Clone)]
pub(super) struct ExtractedLabel {
    pub(super) name: Cow<'static, str>,
    /// The maximum number of values.
    pub(super) limit: usize,
    pub(super) extractor: Extractor,
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
    limit: usize,
    extractor: Extractor,
    values: Table<Box<str>>,
}

/// The extracted values of one request: one code per label.
pub(super) type ExtractedValues = [u16; MAX_LABELS];

/// The code for no value. It is the initial code of every label.
const EMPTY: u16 = 0;
/// The code for a value that is too long or exceeds the limit.
const TOO_MANY: u16 = 1;
/// The code of the first known value.
const FIRST: u16 = 2;

impl ExtractedLabels {
    pub(super) fn new(labels: &[ExtractedLabel]) -> Self {
        let known = |label: &ExtractedLabel| KnownValues {
            limit: label.limit,
            extractor: label.extractor.clone(),
            values: Table::new(),
        };
        Self { labels: labels.iter().map(known).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    #[cold]
    pub(super) fn extract_from_request(&self, request: RequestHead<'_>, values: &mut ExtractedValues) {
        for (known, value) in self.labels.iter().zip(values) {
            if let Extractor::Request(extract) = &known.extractor {
                *value = known.code(catch_panic(|| extract(request)).flatten());
            }
        }
    }

    #[cold]
    pub(super) fn extract_from_response(&self, response: ResponseHead<'_>, values: &mut ExtractedValues) {
        for (known, value) in self.labels.iter().zip(values) {
            if let Extractor::Response(extract) = &known.extractor {
                *value = known.code(catch_panic(|| extract(response)).flatten());
            }
        }
    }

    /// Returns the label values for these codes.
    pub(super) fn texts<'a>(&'a self, values: &ExtractedValues) -> impl Iterator<Item = &'a str> {
        self.labels.iter().zip(*values).map(|(known, code)| match code {
            EMPTY => "",
            TOO_MANY => OVERFLOW,
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
    /// Returns the code of a value, and adds the value to the known ones if there is room.
    fn code(&self, value: Option<Label<'_>>) -> u16 {
        let Some(value) = value else { return EMPTY };
        let value = value.as_str();
        if value.is_empty() {
            return EMPTY;
        }
        let (names, values) = (&["value"], &[value]);
        let number = self.values.number(names, values).or_else(|| {
            // Checked before taking the lock, so that clients that always send new values do not block other requests.
            if value.len() > MAX_LENGTH || value == OVERFLOW || self.values.len() >= self.limit {
                return None;
            }
            self.values.get_or_insert(names, values, |len| len < self.limit, || value.into())?;
            self.values.number(names, values)
        });
        number.and_then(|number| u16::try_from(number).ok()?.checked_add(FIRST)).unwrap_or(TOO_MANY)
    }
}

/// Runs a closure of the application and returns `None` if it panics, so that a faulty extractor does not fail
/// requests.
pub(super) fn catch_panic<T>(code: impl FnOnce() -> T) -> Option<T> {
    contained(code)
}
