//! The metrics of the scrape endpoint.

use std::sync::Arc;
use std::time::Duration;

use super::own_metrics::family;
use crate::family::{AnyFamily, Family};
use crate::metric::{Counter, Gauge, Histogram, InFlight};
use crate::schema::Descriptor;

/// The status codes of the endpoint's responses. 499 is a scraper that disconnected before the end of its page.
const CODES: [&str; 6] = ["200", "401", "403", "405", "499", "500"];

/// The encodings of a page, by their names in HTTP.
const ENCODINGS: [&str; 3] = ["gzip", "identity", "zstd"];

const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// The scrapes of one registry, over all of its endpoints.
pub(crate) struct ScrapeMetrics {
    bytes: Family<Counter>,
    duration: Family<Histogram>,
    series: Family<Gauge>,
    in_flight: Family<InFlight>,
    scrapes: Family<Counter>,
}

impl ScrapeMetrics {
    pub(super) fn new() -> Self {
        Self {
            bytes: family(
                Descriptor::counter(
                    "metrics_runtime_scrape_bytes_total",
                    "Bytes of pages that were handed to the connection, as they were encoded.",
                )
                .unit("bytes")
                .labels(["encoding"]),
                &ENCODINGS,
            ),
            duration: family(
                Descriptor::histogram(
                    "metrics_runtime_scrape_duration_seconds",
                    "Time from the request of a scrape to the end of its page, in seconds, of scrapes answered with 200.",
                    &SECONDS[..],
                )
                .unit("seconds"),
                &[],
            ),
            series: family(
                Descriptor::gauge(
                    "metrics_runtime_scrape_series",
                    "Samples on the previous page, before a selection by name.",
                ),
                &[],
            ),
            in_flight: family(
                Descriptor::gauge(
                    "metrics_runtime_scrapes_in_flight",
                    "Scrapes whose page is being written or sent, this one included.",
                ),
                &[],
            ),
            scrapes: family(
                Descriptor::counter(
                    "metrics_runtime_scrapes_total",
                    "Finished scrapes by status code; 499 is a scraper that left early.",
                )
                .labels(["code"]),
                &CODES,
            ),
        }
    }

    pub(super) fn families(&self) -> [Arc<dyn AnyFamily>; 5] {
        [
            Arc::new(self.bytes.clone()),
            Arc::new(self.duration.clone()),
            Arc::new(self.series.clone()),
            Arc::new(self.in_flight.clone()),
            Arc::new(self.scrapes.clone()),
        ]
    }

    /// Returns the gauge of scrapes in flight.
    pub(crate) fn in_flight(&self) -> &InFlight {
        self.in_flight.known_series(&[])
    }

    /// Counts a response. A code that is not one of [`CODES`] is not counted: it is the 404 of an endpoint that is
    /// switched off.
    pub(crate) fn answered(&self, code: u16, took: Duration) {
        if let Some(code) = CODES.iter().find(|known| known.parse() == Ok(code)) {
            self.scrapes.known_series(&[code]).inc();
        }
        if code == 200 {
            self.duration.known_series(&[]).observe_duration(took);
        }
    }

    pub(crate) fn sent(&self, encoding: &str, bytes: u64) {
        if ENCODINGS.contains(&encoding) {
            self.bytes.known_series(&[encoding]).inc_by(bytes);
        }
    }

    pub(crate) fn written(&self, series: u64) {
        self.series.known_series(&[]).set(series as f64);
    }
}
