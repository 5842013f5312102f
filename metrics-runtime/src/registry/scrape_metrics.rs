//! What the endpoint says of itself.

use std::sync::Arc;
use std::time::Duration;

use crate::encode::{Header, Page, Type};
use crate::metric::{Bounds, Counter, Gauge, Histogram, InFlight};
use crate::schema::Number;

/// The codes that the endpoint answers with; 499 is a scraper that left before it had all of the page.
pub(crate) const CODES: [u16; 7] = [200, 401, 403, 405, 499, 500, 503];

/// The encodings of a page, by their names in HTTP.
pub(crate) const ENCODINGS: [&str; 3] = ["gzip", "identity", "zstd"];

const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

/// The scrapes of one registry, over all of its endpoints.
#[derive(Debug)]
pub(crate) struct Scrapes {
    by_code: [Counter; CODES.len()],
    pub(crate) in_flight: InFlight,
    duration: Histogram,
    bytes: [Counter; ENCODINGS.len()],
    series: Gauge,
}

impl Scrapes {
    pub(crate) fn new() -> Self {
        Self {
            by_code: std::array::from_fn(|_| Counter::new()),
            in_flight: InFlight::new(),
            duration: Histogram::new(Arc::new(Bounds::new(&SECONDS))),
            bytes: std::array::from_fn(|_| Counter::new()),
            series: Gauge::new(),
        }
    }

    /// Counts an answer. One of a code that is none of [`CODES`] counts nowhere: where metrics are switched off, it is 404.
    pub(crate) fn answered(&self, code: u16, took: Duration) {
        if let Some(i) = CODES.iter().position(|&known| known == code) {
            self.by_code[i].inc();
        }
        if code == 200 {
            self.duration.observe_duration(took);
        }
    }

    pub(crate) fn sent(&self, encoding: &str, bytes: u64) {
        if let Some(i) = ENCODINGS.iter().position(|&known| known == encoding) {
            self.bytes[i].inc_by(bytes);
        }
    }

    pub(crate) fn written(&self, series: u64) {
        self.series.set(series as f64);
    }

    pub(crate) fn write(&self, page: &mut Page, constant: &str) {
        let header = |name, kind, help| Header { name, kind, help, unit: None, constant };
        page.family(Header {
            unit: Some("bytes"),
            ..header(
                "metrics_runtime_scrape_bytes_total",
                Type::Counter,
                "Bytes of pages that were handed to the connection, as they were encoded.",
            )
        });
        for (encoding, bytes) in ENCODINGS.iter().zip(&self.bytes) {
            page.sample(&format!("encoding=\"{encoding}\""), bytes.number());
        }
        page.family(Header {
            unit: Some("seconds"),
            ..header(
                "metrics_runtime_scrape_duration_seconds",
                Type::Histogram,
                "Time from a scrape's request to the end of its page, in seconds; of those that were answered with 200.",
            )
        });
        page.bounds(&SECONDS);
        page.histogram("", |read| self.duration.read_into(read));
        page.family(header(
            "metrics_runtime_scrape_series",
            Type::Gauge,
            "Samples on the page before this one, whatever was selected of it.",
        ));
        page.sample("", Number::Float(self.series.get()));
        page.family(header(
            "metrics_runtime_scrapes_in_flight",
            Type::Gauge,
            "Scrapes whose page is not written, or not sent; this one among them.",
        ));
        page.sample("", Number::Whole(self.in_flight.get()));
        page.family(header(
            "metrics_runtime_scrapes_total",
            Type::Counter,
            "Scrapes that are over, by the code of the answer; 499 is a scraper that left early.",
        ));
        for (code, count) in CODES.iter().zip(&self.by_code) {
            page.sample(&format!("code=\"{code}\""), count.number());
        }
    }
}
