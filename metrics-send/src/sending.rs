//! The handle of the task.

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::{ConfigError, FinishError};
use crate::task::{Sent, Task};
use crate::walk::Protocol;

/// The handle of a task that sends metrics. Created by [`Sender::start`](crate::Sender::start).
///
/// Call [`finish`](Self::finish) before the program ends. A handle that is dropped also causes a last request, but in the
/// background: if the runtime shuts down first, as it does when `main` returns, that request is lost.
#[derive(Debug)]
#[must_use = "without `finish`, the last samples may be lost"]
pub struct Sending {
    /// `None` if metrics are switched off.
    task: Option<Running>,
}

#[derive(Debug)]
struct Running {
    /// Ends the task when it sends or is dropped.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<Sent, FinishError>>,
}

impl Sending {
    pub(crate) fn start<P: Protocol>(task: impl FnOnce() -> Result<Task<P>, ConfigError>) -> Result<Self, ConfigError> {
        let runtime = Handle::try_current().map_err(|_| ConfigError::NoRuntime)?;
        let task = task()?;
        let (stop, stopped) = oneshot::channel();
        let task = runtime.spawn(task.run(stopped));
        Ok(Self { task: Some(Running { stop, task }) })
    }

    pub(crate) fn switched_off() -> Self {
        Self { task: None }
    }

    /// Sends everything that was recorded until now, marks all series as stale, and ends the task.
    ///
    /// It takes at most the [timeout of the shutdown](crate::Sender::shutdown_timeout).
    ///
    /// # Errors
    /// Returns [`FinishError::Lost`] if samples of the whole time since the start did not reach the receiver, with their
    /// numbers.
    pub async fn finish(self) -> Result<Sent, FinishError> {
        let Some(Running { stop, task }) = self.task else { return Ok(Sent { samples: 0 }) };
        // Sending fails only if the task has ended, and then awaiting it returns the reason.
        let _ = stop.send(());
        task.await.unwrap_or(Err(FinishError::Stopped))
    }
}
