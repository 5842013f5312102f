//! The layer.

use std::sync::Arc;

use tower_layer::Layer;

use super::guard::Recorder;
use super::service::HttpService;

/// The middleware as a [`Layer`], made by [`Http::layer`](super::Http::layer). Cheap to clone: clones record into the
/// same metrics.
#[derive(Clone, Debug)]
pub struct HttpLayer {
    recorder: Option<Arc<Recorder>>,
}

impl HttpLayer {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self { recorder: Some(Arc::new(recorder)) }
    }

    /// A layer that records nothing.
    #[must_use]
    pub const fn disabled() -> Self {
        Self { recorder: None }
    }
}

impl<S> Layer<S> for HttpLayer {
    type Service = HttpService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpService::new(inner, self.recorder.clone())
    }
}
