//! The handle of the task.

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::{ConfigError, FinishError};
use crate::writer::{Writer, Written};

/// The handle of a task that writes metrics. Created by [`RemoteWrite::start`](crate::RemoteWrite::start).
///
/// Call [`finish`](Self::finish) before the program ends. A handle that is dropped also causes a last write, but in the
/// background: if the runtime shuts down first, as it does when `main` returns, that write is lost.
#[derive(Debug)]
#[must_use = "without `finish`, the last write may be lost"]
pub struct Writing {
    /// `None` if metrics are switched off.
    task: Option<Task>,
}

#[derive(Debug)]
struct Task {
    /// Ends the task when it sends or is dropped.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Written, FinishError>>,
}

impl Writing {
    pub(crate) fn start(writer: impl FnOnce() -> Result<Writer, ConfigError>) -> Result<Self, ConfigError> {
        let runtime = Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let writer = writer()?;
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(writer.run(stopped));
        Ok(Self { task: Some(Task { stop, task }) })
    }

    pub(crate) fn switched_off() -> Self {
        Self { task: None }
    }

    /// Writes everything that was recorded until now, marks all series as stale, and ends the task.
    ///
    /// It takes at most the [timeout of the shutdown](crate::RemoteWrite::shutdown_timeout).
    ///
    /// # Errors
    /// Returns [`FinishError::Lost`] if samples of the whole time since the start did not reach the receiver, with their
    /// numbers.
    pub async fn finish(self) -> Result<Written, FinishError> {
        let Some(Task { stop, task }) = self.task else { return Ok(Written { samples: 0 }) };
        // Sending fails only if the task has ended, and then awaiting it returns the reason.
        let _ = stop.send(());
        task.await.unwrap_or(Err(FinishError::Stopped))
    }
}
