//! The guard of one call, from its arrival to its code.
//!
//! The service creates the guard, the response future holds it next, and the response body holds it last. The guard
//! records the call once, in whichever of them it ends.

use std::cell::Cell;
use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use tonic::{Code, Status};

use super::code;
use super::recorder::MethodSeries;
use crate::contained::OnPanic;
use crate::metric::Moment;
use crate::shared::Shared;

thread_local! {
    /// `true` if the client has reset the request of a call within the current poll of the call.
    static RESET: Cell<bool> = const { Cell::new(false) };
}

#[inline]
pub(super) fn set_reset(reset: bool) {
    RESET.set(reset);
}

/// A call in progress, or `None` if it has been recorded or is no call.
#[derive(Default)]
pub(super) struct Call(Option<Active>);

struct Active {
    method: Shared<MethodSeries>,
    start: Moment,
    deadline: Option<Duration>,
}

impl Call {
    #[inline]
    pub(super) fn begin(method: Shared<MethodSeries>, headers: &HeaderMap) -> Self {
        method.start();
        let deadline = code::deadline(headers);
        Self(Some(Active { method, start: Moment::now(), deadline }))
    }

    #[inline]
    pub(super) fn is_active(&self) -> bool {
        self.0.is_some()
    }

    /// Runs code of the application.
    #[inline]
    pub(super) fn run<T>(&mut self, code: impl FnOnce() -> T) -> T {
        let running = OnPanic(|| self.panic());
        let returned = code();
        running.end();
        returned
    }

    /// Ends the call with the code of a panic of the application.
    #[cold]
    pub(super) fn panic(&mut self) {
        self.end(Code::Internal);
    }

    /// Records messages of the response.
    #[inline]
    pub(super) fn respond(&self, messages: u64) {
        if let Some(active) = &self.0
            && messages > 0
        {
            active.method.of_response(messages);
        }
    }

    pub(super) fn end(&mut self, code: Code) {
        if let Some(Active { method, start, .. }) = &self.0 {
            method.handle(code, *start);
            self.0 = None;
        }
    }

    /// Ends the call with the code of an answer without messages. For tonic, a request that the client resets before its
    /// message has none, which is an internal error. No client gets that answer.
    pub(super) fn answer(&mut self, code: Code) {
        self.end(if code == Code::Internal && RESET.get() { self.cancelled() } else { code });
    }

    /// Ends the call with the code of a status.
    pub(super) fn fail(&mut self, status: &Status) {
        let code = match code::of_status(status) {
            Code::Cancelled => self.cancelled(),
            code => code,
        };
        self.end(code);
    }

    /// Ends a call that was dropped before its code.
    #[cold]
    fn give_up(&mut self) {
        self.end(self.cancelled());
    }

    /// Returns the code of a call that was given up.
    fn cancelled(&self) -> Code {
        let is_late = self.0.as_ref().is_some_and(|active| {
            active.deadline.is_some_and(|deadline| u128::from(active.start.elapsed_nanos()) >= deadline.as_nanos())
        });
        if is_late { Code::DeadlineExceeded } else { Code::Cancelled }
    }
}

impl Drop for Call {
    #[inline]
    fn drop(&mut self) {
        if self.is_active() {
            self.give_up();
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("active", &self.is_active()).finish_non_exhaustive()
    }
}
