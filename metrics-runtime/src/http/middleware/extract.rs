//! Labels and routes that the application reads from a request or a response by itself.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::head::{RequestHead, ResponseHead};
use crate::family::{OVERFLOW, Table};
use crate::schema::label::Label;

pub(super) type FromRequest = Arc<dyn for<'a> Fn(RequestHead<'a>) -> Option<Label<'a>> + Send + Sync>;
pub(super) type FromResponse = Arc<dyn for<'a> Fn(ResponseHead<'a>) -> Option<Label<'a>> + Send + Sync>;

/// How many labels an application can add: what a request carries of them has a fixed size.
pub(super) const MAX_LABELS: usize = 4;

/// The longest value, in bytes. A longer one is as good as one too many.
const MAX_LENGTH: usize = 128;

/// A label of the application's own, as it was declared.
#[derive(Clone)]
pub(super) struct Declared {
    pub(super) name: Cow<'static, str>,
    /// How many values it may have.
    pub(super) limit: usize,
    pub(super) from: From,
}

#[derive(Clone)]
pub(super) enum From {
    Request(FromRequest),
    Response(FromResponse),
}

/// All of them, with the values each has had.
pub(super) struct Custom {
    labels: Box<[Known]>,
}

struct Known {
    limit: usize,
    from: From,
    values: Table<Box<str>>,
}

/// The values of one request, as numbers among those that are known.
pub(super) type Picked = [u16; MAX_LABELS];

/// There was no value; so begins every request.
const NONE: u16 = 0;
/// There was one too many.
const TOO_MANY: u16 = 1;
const FIRST: u16 = 2;

impl Custom {
    pub(super) fn new(declared: &[Declared]) -> Self {
        let known =
            |declared: &Declared| Known { limit: declared.limit, from: declared.from.clone(), values: Table::new() };
        Self { labels: declared.iter().map(known).collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    #[cold]
    pub(super) fn read_request(&self, request: RequestHead<'_>, picked: &mut Picked) {
        for (known, picked) in self.labels.iter().zip(picked) {
            if let From::Request(from) = &known.from {
                *picked = known.pick(guarded(|| from(request)).flatten());
            }
        }
    }

    #[cold]
    pub(super) fn read_response(&self, response: ResponseHead<'_>, picked: &mut Picked) {
        for (known, picked) in self.labels.iter().zip(picked) {
            if let From::Response(from) = &known.from {
                *picked = known.pick(guarded(|| from(response)).flatten());
            }
        }
    }

    /// The texts of the values.
    pub(super) fn texts<'a>(&'a self, picked: &Picked) -> impl Iterator<Item = &'a str> {
        self.labels.iter().zip(*picked).map(|(known, picked)| match picked {
            NONE => "",
            TOO_MANY => OVERFLOW,
            number => known.values.numbered(usize::from(number - FIRST)).map_or("", |entry| &entry.value),
        })
    }

    /// How many values there are, over all labels.
    #[cfg(all(test, feature = "axum"))]
    pub(super) fn len(&self) -> usize {
        self.labels.iter().map(|known| known.values.len()).sum()
    }
}

impl Known {
    fn pick(&self, value: Option<Label<'_>>) -> u16 {
        let Some(value) = value else { return NONE };
        let value = value.as_str();
        if value.is_empty() {
            return NONE;
        }
        let (names, values) = (&["value"], &[value]);
        let known = self.values.number(names, values).or_else(|| {
            // Looked at before the lock: who sends ever new values is not to hold up the others.
            if value.len() > MAX_LENGTH || value == OVERFLOW || self.values.len() >= self.limit {
                return None;
            }
            self.values.get_or_insert(names, values, |len| len < self.limit, || value.into())?;
            self.values.number(names, values)
        });
        known.and_then(|number| u16::try_from(number).ok()?.checked_add(FIRST)).unwrap_or(TOO_MANY)
    }
}

/// Runs what the application says about its requests. Its panic is not to be the request's: there is no value then.
pub(super) fn guarded<T>(code: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(code)).ok()
}
