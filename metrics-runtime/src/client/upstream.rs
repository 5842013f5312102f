//! One upstream: the target of the requests of a layer.

use std::borrow::Cow;
use std::sync::OnceLock;

use super::series::Series;
use crate::family::Family;
use crate::http::middleware::METHODS;
use crate::metric::{Counter, Histogram, InFlight};
use crate::shared::Shared;

/// The families of a layer, `None` for each metric that is switched off.
pub(super) struct Families {
    pub(super) requests: Option<Family<Counter>>,
    pub(super) duration: Option<Family<Histogram>>,
    pub(super) errors: Option<Family<Counter>>,
    pub(super) in_flight: Option<Family<InFlight>>,
    pub(super) first_byte: Option<Family<Histogram>>,
    pub(super) retries: Option<Family<Counter>>,
    pub(super) request_size: Option<Family<Histogram>>,
    pub(super) response_size: Option<Family<Histogram>>,
}

/// The families of a layer, and the name of its upstream.
pub(super) struct Recorder {
    pub(super) name: Cow<'static, str>,
    pub(super) families: Families,
}

/// An upstream, with its series by method.
pub(super) struct Upstream {
    recorder: Shared<Recorder>,
    methods: [OnceLock<Shared<Series>>; METHODS.len()],
}

impl Upstream {
    pub(super) fn new(recorder: Shared<Recorder>) -> Self {
        Self { recorder, methods: Default::default() }
    }

    /// Returns the series of a method.
    #[inline]
    pub(super) fn series(&self, method: usize) -> &Shared<Series> {
        let series = &self.methods[method];
        match series.get() {
            Some(series) => series,
            None => series.get_or_init(|| self.create(method)),
        }
    }

    #[cold]
    fn create(&self, method: usize) -> Shared<Series> {
        Shared::new(Series::new(&self.recorder, method), self.recorder.is_static())
    }
}
