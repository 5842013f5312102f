//! The page of a push, written on a thread of its own.
//!
//! Sources can block. A worker of the runtime must not block, and a runtime waits for its blocking threads before it shuts
//! down. The thread ends by the deadline of the sources, and nothing waits for it, so no push keeps the process alive.

use std::io;
use std::time::Duration;

use tokio::sync::oneshot;

use super::PushError;
use super::labels::LabelFinder;
use crate::config::Metrics;
use crate::encode::Format;
use crate::scope;

/// Returns the page, without the sources that have not answered by the deadline. No sample may have one of the labels.
pub(super) async fn write(
    metrics: &Metrics,
    deadline: Duration,
    format: Format,
    labels: &[String],
    url: &str,
) -> Result<Vec<u8>, PushError> {
    let failed = |error: io::Error| PushError::Failed { url: url.to_owned(), error: Box::new(error) };
    let (sender, receiver) = oneshot::channel();
    let (metrics, labels) = (metrics.clone(), labels.to_vec());
    let work = move || {
        let mut finder = LabelFinder::new(&labels);
        let page = metrics.render_within(deadline, format, &mut finder);
        // Sending fails if the push has timed out.
        let _ = sender.send(match finder.found {
            Some((metric, label)) => Err(PushError::LabelTaken { metric, label }),
            None => Ok(page),
        });
    };
    scope::spawn("metrics-push", work).map_err(failed)?;
    receiver.await.unwrap_or_else(|_| Err(failed(io::Error::other("the page could not be written"))))
}
