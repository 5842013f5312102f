//! Pushing in the background.

use std::time::Duration;

use hyper_util::client::legacy::connect::Connect;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{ConfigError, Method, Push, PushError};
use crate::config::Metrics;

/// Metrics that are pushed in the background, see [`Push::every`].
///
/// [`finish`](Self::finish) it before the program ends. Dropped without that, it pushes a last time all the same, but in
/// the background: if the runtime ends first, as it does when `main` returns, that push is lost.
#[derive(Debug)]
#[must_use = "what is not finished may lose its last push"]
pub struct Pushing {
    /// Dropped or used, it ends the task.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), PushError>>,
}

impl Pushing {
    pub(super) fn start<C: Connect + Clone + Send + Sync + 'static>(
        push: Push<C>,
        interval: Duration,
        method: Method,
        metrics: Metrics,
    ) -> Result<Self, ConfigError> {
        if interval.is_zero() {
            return Err(ConfigError::Interval);
        }
        let runtime = Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let (stop, mut stopped) = oneshot::channel();
        let task = runtime.spawn(async move {
            let asked = loop {
                match tokio::time::timeout(interval, &mut stopped).await {
                    Ok(asked) => break asked,
                    Err(_) => log(&push.push(method, &metrics).await),
                }
            };
            // One after the other: nothing that is older can arrive behind the last.
            let last = push.push(method, &metrics).await;
            if asked.is_err() {
                // Nobody waits for it.
                log(&last);
            }
            last
        });
        Ok(Self { stop, task })
    }

    /// Pushes a last time, with all that was recorded until now, and waits for it. If another push is under way, that
    /// one comes first; so this takes at most twice the [timeout](Push::timeout).
    ///
    /// # Errors
    /// The last push did not succeed. It can be tried again with [`Push::put`] or [`Push::post`].
    pub async fn finish(self) -> Result<(), PushError> {
        // If the task has ended, the answer is in what it left.
        let _ = self.stop.send(());
        self.task.await.unwrap_or(Err(PushError::Stopped))
    }
}

fn log(pushed: &Result<(), PushError>) {
    if let Err(error) = pushed {
        tracing::warn!(%error, "metrics were not pushed");
    }
}
