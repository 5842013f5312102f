//! The background task that pushes at an interval.

use std::time::Duration;

use hyper_util::client::legacy::connect::Connect;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::connection::Patient;
use super::{ConfigError, Method, Push, PushError};
use crate::config::Metrics;

/// The handle of a background task that pushes metrics. Created by [`Push::every`].
///
/// Call [`finish`](Self::finish) before the program ends. A handle that is dropped also causes a last push, but in the
/// background: if the runtime shuts down first, as it does when `main` returns, that push is lost.
#[derive(Debug)]
#[must_use = "without `finish`, the last push may be lost"]
pub struct Pushing {
    /// Ends the task when it sends or is dropped.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), PushError>>,
}

impl Pushing {
    pub(super) fn start<C: Clone + Send + Sync + 'static>(
        push: Push<C>,
        interval: Duration,
        method: Method,
        metrics: Metrics,
    ) -> Result<Self, ConfigError>
    where
        Patient<C>: Connect,
    {
        if interval.is_zero() {
            return Err(ConfigError::Interval);
        }
        let runtime = Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let (stop, mut stopped) = oneshot::channel();
        let task = runtime.spawn(async move {
            let finish = loop {
                match tokio::time::timeout(interval, &mut stopped).await {
                    Ok(finish) => break finish,
                    Err(_) => log(&push.push(method, &metrics).await),
                }
            };
            // Pushes are sequential, so that older values cannot arrive after the last push.
            let last = push.push(method, &metrics).await;
            if finish.is_err() {
                // The handle was dropped, so no caller receives the error.
                log(&last);
            }
            last
        });
        Ok(Self { stop, task })
    }

    /// Ends the task, and pushes a last time with everything recorded until now.
    ///
    /// A push in progress completes first, so this takes at most twice the [timeout](Push::timeout).
    ///
    /// # Errors
    /// Returns the error of the last push. Try again with [`Push::put`] or [`Push::post`].
    pub async fn finish(self) -> Result<(), PushError> {
        // Sending fails only if the task has ended, and then awaiting it returns the reason.
        let _ = self.stop.send(());
        self.task.await.unwrap_or(Err(PushError::Stopped))
    }
}

fn log(pushed: &Result<(), PushError>) {
    if let Err(error) = pushed {
        tracing::warn!(%error, "failed to push metrics");
    }
}
