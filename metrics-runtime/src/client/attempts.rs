//! The attempts of a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// The number of times that a request was sent: an extension of requests that clones of the request share.
///
/// A request that is sent again is a new request for the client. With this extension, the layer sees that it is the same
/// one, and counts [`ClientMetric::Retries`](super::ClientMetric::Retries). Insert it where the request is created, outside of what
/// repeats it, such as `tower::retry`. What clones the request has to keep its extensions, as its `clone` does.
///
/// ```
/// use http::Request;
/// use metrics_runtime::client::Attempts;
///
/// let mut request = Request::new("the body");
/// request.extensions_mut().insert(Attempts::new());
/// let again = request.clone();
/// # let attempts = again.extensions().get::<Attempts>();
/// # assert_eq!(attempts.map(Attempts::count), Some(0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// Creates the extension of a request that was not sent yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the number of times that the request was sent.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Counts an attempt. Returns `true` if it is not the first one.
    pub(super) fn add(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed) > 0
    }
}
