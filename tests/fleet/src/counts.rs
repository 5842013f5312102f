//! Requests by their outcome: as clients count them, as pages and stores have them.

use std::ops::{AddAssign, Index, IndexMut};

use tests::page::{Labels, Page};

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// An answer from 200 to 399.
    Success,
    /// An answer from 400 to 498: a mistake of the client.
    Refused,
    /// The client has left before the answer, which is 499 on the page.
    Left,
    /// An answer from 500.
    Failed,
}

impl Outcome {
    /// All outcomes, in the order of the table.
    pub const ALL: [Self; 4] = [Self::Success, Self::Refused, Self::Left, Self::Failed];

    /// Returns the outcome of a status code.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            ..400 => Self::Success,
            499 => Self::Left,
            400..500 => Self::Refused,
            500.. => Self::Failed,
        }
    }

    /// Returns the outcome that a series counts, by its label `status`.
    #[must_use]
    pub fn of_series(labels: &Labels) -> Self {
        let status = labels.get("status").and_then(|status| status.parse().ok());
        Self::of_status(status.unwrap_or_else(|| panic!("expected a label `status` with a number, found {labels:?}")))
    }

    /// Returns the name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused (4xx)",
            Self::Left => "client left (499)",
            Self::Failed => "failed (5xx)",
        }
    }
}

/// Requests by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts([u64; 4]);

impl Counts {
    /// Returns the sum over all outcomes.
    #[must_use]
    pub fn total(self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns the requests on a page, from the series of this counter.
    #[must_use]
    pub fn on_page(page: &Page, counter: &str) -> Self {
        let mut counts = Self::default();
        for sample in page.series(counter) {
            counts[Outcome::of_series(&sample.labels)] += whole(sample.value);
        }
        counts
    }

    /// Returns `true` if no outcome has more requests than in `other`.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.0.iter().zip(other.0).all(|(one, other)| *one <= other)
    }
}

/// Returns the value of a counter of requests.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of requests")]
pub fn whole(value: f64) -> u64 {
    value as u64
}

impl Index<Outcome> for Counts {
    type Output = u64;

    fn index(&self, outcome: Outcome) -> &u64 {
        &self.0[outcome as usize]
    }
}

impl IndexMut<Outcome> for Counts {
    fn index_mut(&mut self, outcome: Outcome) -> &mut u64 {
        &mut self.0[outcome as usize]
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        for (one, other) in self.0.iter_mut().zip(other.0) {
            *one += other;
        }
    }
}

#[cfg(test)]
mod test {
    use Outcome::{Failed, Left, Refused, Success};

    use super::*;

    #[test]
    fn statuses_have_outcomes() {
        let outcomes = [200, 302, 404, 498, 499, 500, 503].map(Outcome::of_status);
        assert_eq!(outcomes, [Success, Success, Refused, Refused, Left, Failed, Failed]);
    }

    #[test]
    fn the_series_of_a_page_are_added_by_outcome() {
        let page = "# HELP a_requests_total Requests.\n# TYPE a_requests_total counter\n\
                    a_requests_total{status=\"200\",path=\"/\"} 3\na_requests_total{status=\"201\",path=\"/\"} 4\n\
                    a_requests_total{status=\"499\",path=\"/\"} 1\n";
        let counts = Counts::on_page(&Page::parse_text(page).unwrap(), "a_requests_total");
        assert_eq!((counts.total(), counts[Success], counts[Left]), (8, 7, 1));
        assert!(counts.is_within(counts) && !counts.is_within(Counts::default()));
    }
}
