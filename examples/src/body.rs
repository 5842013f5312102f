//! Limits of request bodies: size, time and memory.
//!
//! Without them, clients that send slowly, or a lot at once, take the connections and the memory of all others.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{self, Next};
use axum::{BoxError, Router};
use http_body::{Frame, SizeHint};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};

/// The memory for the bodies of all requests in progress, in bytes.
const MEMORY: usize = 512 << 20;

/// The time limit of a body, as a multiple of the longest pause within it.
const MAX_PAUSES: u32 = 10;

/// A problem with the body of a request. All of them are the client's, except that the service is busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The body is larger than this number of bytes.
    #[error("the body is too large; the limit is {0} bytes")]
    TooLarge(usize),
    /// The client paused for too long, or took too long altogether.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection ended within the body.
    #[error("the connection ended within the body")]
    Incomplete,
    /// The bodies of other requests take the memory.
    #[error("the service is busy with the bodies of other requests; try again")]
    Busy,
}

impl BodyError {
    /// Finds the problem with a body among an error and its sources.
    #[must_use]
    pub fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref() {
                return Some(*found);
            }
            if let Some(error) = error.downcast_ref::<io::Error>() {
                use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
                let ended = matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe);
                return ended.then_some(Self::Incomplete);
            }
            cause = error.source();
        }
        None
    }
}

/// The limits that the routes of a service share.
#[derive(Debug, Clone)]
pub struct BodyLimits {
    pause: Duration,
    memory: Arc<Semaphore>,
}

impl BodyLimits {
    /// Creates limits. A client may pause for `pause` within a body, and take ten times as long for all of it.
    #[must_use]
    pub fn new(pause: Duration) -> Self {
        Self { pause, memory: Arc::new(Semaphore::new(MEMORY)) }
    }

    /// Limits bodies to `size` bytes in all routes of `router`. Their handlers hold at most `held` bytes of a body in
    /// memory.
    pub fn apply<S>(&self, router: Router<S>, size: usize, held: usize) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let limits = self.clone();
        router.layer(DefaultBodyLimit::disable()).layer(middleware::from_fn(move |request: Request, next: Next| {
            let memory = Arc::new(Held { memory: Arc::clone(&limits.memory), bytes: AtomicUsize::new(0) });
            let now = Instant::now();
            let limited = |body| Limited {
                body,
                size,
                left: size,
                unheld: held,
                memory: Arc::clone(&memory),
                pause: limits.pause,
                end: now + limits.pause * MAX_PAUSES,
                timer: Box::pin(tokio::time::sleep_until(now + limits.pause)),
            };
            let request = request.map(|body| Body::new(limited(body)));
            async move {
                let response = next.run(request).await;
                drop(memory);
                response
            }
        }))
    }
}

/// The memory that a body takes, from its first byte until the handler returns.
struct Held {
    memory: Arc<Semaphore>,
    bytes: AtomicUsize,
}

impl Held {
    fn add(&self, bytes: usize) -> Result<(), BodyError> {
        let permits = u32::try_from(bytes).map_err(|_| BodyError::Busy)?;
        self.memory.try_acquire_many(permits).map_err(|_| BodyError::Busy)?.forget();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.memory.add_permits(*self.bytes.get_mut());
    }
}

/// A body that fails beyond its limits.
struct Limited {
    body: Body,
    size: usize,
    /// The bytes that may follow.
    left: usize,
    /// The bytes that may be added to the memory.
    unheld: usize,
    memory: Arc<Held>,
    pause: Duration,
    end: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Limited {
    fn receive(&mut self, data: &Bytes) -> Result<(), BodyError> {
        self.left = self.left.checked_sub(data.len()).ok_or(BodyError::TooLarge(self.size))?;
        let held = data.len().min(self.unheld);
        self.unheld -= held;
        self.memory.add(held)
    }
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
            return self.timer.as_mut().poll(cx).map(|()| Some(Err(BodyError::TooSlow.into())));
        };
        let next = self.end.min(Instant::now() + self.pause);
        self.timer.as_mut().reset(next);
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            frame.data_ref().map_or(Ok(()), |data| self.receive(data))?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{StreamExt as _, stream};

    const PAUSE: Duration = Duration::from_secs(2);

    /// Sends a body to a handler that counts its bytes.
    async fn send(limits: &BodyLimits, held: usize, body: Body) -> Result<usize, BodyError> {
        use axum::routing::post;
        use tower_service::Service as _;

        let count = post(|body: Body| async move {
            match axum::body::to_bytes(body, usize::MAX).await {
                Ok(bytes) => format!("{}", bytes.len()),
                Err(error) => format!("{:?}", BodyError::find(&error)),
            }
        });
        let mut router: Router = limits.apply(Router::new().route("/", count), 1000, held);
        let request = Request::post("/").body(body).expect("a request");
        let response = router.call(request).await.expect("infallible");
        let text = axum::body::to_bytes(response.into_body(), 1000).await.expect("a text");
        let text = String::from_utf8_lossy(&text).into_owned();
        let problems = [BodyError::TooLarge(1000), BodyError::TooSlow, BodyError::Incomplete, BodyError::Busy];
        match problems.into_iter().find(|problem| text == format!("{:?}", Some(problem))) {
            Some(problem) => Err(problem),
            None => Ok(text.parse().expect("a number")),
        }
    }

    /// A body of parts that are `pause` apart.
    fn slow(parts: usize, pause: Duration) -> Body {
        Body::from_stream(stream::iter(0..parts).then(move |_| async move {
            tokio::time::sleep(pause).await;
            Ok::<_, io::Error>("x")
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_limited_in_size_and_time() {
        let limits = BodyLimits::new(PAUSE);
        let large = |size| Body::from("x".repeat(size));
        assert_eq!(send(&limits, 1000, large(1000)).await, Ok(1000));
        assert_eq!(send(&limits, 1000, large(1001)).await, Err(BodyError::TooLarge(1000)));
        assert_eq!(send(&limits, 1000, slow(5, PAUSE / 2)).await, Ok(5));
        assert_eq!(send(&limits, 1000, slow(5, PAUSE * 2)).await, Err(BodyError::TooSlow));
        assert_eq!(send(&limits, 1000, slow(100, PAUSE / 2)).await, Err(BodyError::TooSlow), "altogether");
        let broken = stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))]);
        assert_eq!(send(&limits, 1000, Body::from_stream(broken)).await, Err(BodyError::Incomplete));
    }

    #[tokio::test]
    async fn bodies_share_the_memory_and_give_it_back() {
        let limits = BodyLimits { memory: Arc::new(Semaphore::new(800)), ..BodyLimits::new(PAUSE) };
        for _ in 0..3 {
            assert_eq!(send(&limits, 1000, Body::from("x".repeat(800))).await, Ok(800));
            assert_eq!(send(&limits, 1000, Body::from("x".repeat(801))).await, Err(BodyError::Busy));
            assert_eq!(send(&limits, 100, Body::from("x".repeat(1000))).await, Ok(1000), "a stream holds little");
        }
        assert_eq!(limits.memory.available_permits(), 800);
    }
}
