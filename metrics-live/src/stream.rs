//! The stream of events of one viewer.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::body::{Bytes, HttpBody};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{sleep_until, timeout_at};

use crate::hub::{Hub, Seat};

/// The size of a frame. A viewer that does not read keeps one of them.
const FRAME: usize = 16 << 10;

/// The body of a response with events.
#[derive(Debug)]
pub(crate) struct Events(Receiver<Bytes>);

/// Starts a stream with an event for each interval, and the first one at once. It ends if the viewer leaves, or has not
/// read an event by the deadline.
pub(crate) fn events(hub: Arc<Hub>, seat: Seat, interval: Duration, deadline: Duration) -> Events {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let end = async {
            tokio::select! {
                () = hub.closed() => {}
                () = sender.closed() => {}
            }
        };
        tokio::select! {
            () = send(&hub, &sender, interval, deadline) => {}
            () = end => {}
        }
        drop(seat);
    });
    Events(receiver)
}

async fn send(hub: &Hub, sender: &Sender<Bytes>, interval: Duration, deadline: Duration) {
    let mut since = 0;
    // A viewer that has just come sees the last sample, unless it is old.
    let mut not_before = Instant::now().checked_sub(interval).unwrap_or_else(Instant::now);
    let mut due = Instant::now();
    loop {
        let Some((tick, event)) = hub.event(since, not_before, interval).await else {
            tracing::warn!("the live page cannot read the metrics: there is no thread for it, or reading panicked");
            return;
        };
        since = tick;
        let deadline = tokio::time::Instant::now() + deadline;
        for frame in event.chunks(FRAME) {
            // A copy, so that a slow viewer does not keep the whole event.
            let sent = timeout_at(deadline, sender.send(Bytes::copy_from_slice(frame))).await;
            if !matches!(sent, Ok(Ok(()))) {
                return;
            }
        }
        // A late event moves the next ones. Viewers with the same interval still share a walk, because the last one to
        // come is late by less than half of it.
        let now = Instant::now();
        due = (due + interval).max(now);
        not_before = due.checked_sub(interval / 2).unwrap_or(due).max(now);
        sleep_until(due.into()).await;
    }
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Infallible>>> {
        let frame = ready!(self.0.poll_recv(cx));
        Poll::Ready(frame.map(|frame| Ok(http_body::Frame::data(frame))))
    }
}
