//! The gRPC service: one function for each method, and the status for each error.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use examples::log;
use examples::run::chain;
use futures::{Stream, StreamExt as _, stream};
use metrics_runtime::grpc::{Grpc, MethodKind};
use metrics_runtime::track;
use reqwest::StatusCode;
use tonic::metadata::MetadataMap;
use tonic::{Code, Request, Response, Status, Streaming};

use crate::completions::completions_server::Completions;
use crate::completions::{Completion, GenerateRequest, SampleRequest};
use crate::deadline::Deadline;
use crate::neurectomy::{Neurectomy, NeurectomyError};

/// The maximum size of a message, which is also that of Neurectomy's requests.
pub(crate) const MAX_MESSAGE_BYTES: usize = 256 << 10;

/// The maximum number of completions of one prompt.
const MAX_SAMPLES: u32 = 16;

/// The metadata with the delay until a retry, as the clients of gRPC that retry by themselves understand it.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// The buckets of all durations, which are those of the language model.
pub(crate) const SECONDS: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Returns the methods of the service, for their metrics.
pub(crate) fn methods() -> Grpc {
    Grpc::server()
        .method("/gateway.v1.Completions/Generate", MethodKind::Unary)
        .method("/gateway.v1.Completions/Sample", MethodKind::ServerStream)
        .method("/gateway.v1.Completions/GenerateEach", MethodKind::BidiStream)
        .buckets(SECONDS)
}

type CompletionStream = Pin<Box<dyn Stream<Item = Result<Completion, Status>> + Send>>;

/// The service. Clones are cheap.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    neurectomy: Arc<Neurectomy>,
}

#[tonic::async_trait]
impl Completions for Gateway {
    type SampleStream = CompletionStream;
    type GenerateEachStream = CompletionStream;

    async fn generate(&self, call: Request<GenerateRequest>) -> Result<Response<Completion>, Status> {
        let deadline = Deadline::of(call.metadata());
        self.complete(call.get_ref(), deadline).await.map(Response::new)
    }

    async fn sample(&self, call: Request<SampleRequest>) -> Result<Response<CompletionStream>, Status> {
        let deadline = Deadline::of(call.metadata());
        let SampleRequest { request, count } = call.into_inner();
        let Some(request) = request else {
            return Err(Status::invalid_argument("`request` is missing"));
        };
        if !(1..=MAX_SAMPLES).contains(&count) {
            let message = format!("`count` is {count}; expected a number from 1 to {MAX_SAMPLES}");
            return Err(Status::invalid_argument(message));
        }
        let requests = (0..count).map(move |number| GenerateRequest {
            seed: request.seed.map(|first| first.wrapping_add(number.into())),
            ..request.clone()
        });
        Ok(Response::new(self.clone().complete_each(stream::iter(requests.map(Ok)), deadline)))
    }

    async fn generate_each(
        &self,
        call: Request<Streaming<GenerateRequest>>,
    ) -> Result<Response<CompletionStream>, Status> {
        let deadline = Deadline::of(call.metadata());
        Ok(Response::new(self.clone().complete_each(call.into_inner(), deadline)))
    }
}

impl Gateway {
    pub(crate) fn new(neurectomy: Arc<Neurectomy>) -> Self {
        Self { neurectomy }
    }

    /// Returns the completions of the requests, one after the other. tonic ends the stream at the first error.
    fn complete_each(
        self,
        requests: impl Stream<Item = Result<GenerateRequest, Status>> + Send + 'static,
        deadline: Deadline,
    ) -> CompletionStream {
        let gateway = Arc::new(self);
        Box::pin(requests.then(move |request| {
            let gateway = Arc::clone(&gateway);
            async move { gateway.complete(&request?, deadline).await }
        }))
    }

    /// Completions of prompts by Neurectomy.
    #[track(
        name = "completions",
        in_flight,
        polls,
        buckets = SECONDS,
        objective(success = 99.0, latency("10s", 95.0)),
    )]
    async fn complete(&self, request: &GenerateRequest, deadline: Deadline) -> Result<Completion, Status> {
        // JSON has no other numbers, and Neurectomy would not know that there was one.
        if let Some(temperature) = request.temperature.filter(|temperature| !temperature.is_finite()) {
            let message = format!("`temperature` is {temperature}; expected a number from 0 to 2");
            return Err(Status::invalid_argument(message));
        }
        Ok(self.neurectomy.generate(request, deadline).await?)
    }
}

impl From<NeurectomyError> for Status {
    fn from(error: NeurectomyError) -> Self {
        let (code, message, retry_after) = match &error {
            NeurectomyError::Refused(reason) => return Self::invalid_argument(reason),
            NeurectomyError::Deadline => return Self::deadline_exceeded(error.to_string()),
            NeurectomyError::Open(open) => {
                let message = "Neurectomy failed too often; try again later";
                return with_pushback(Code::Unavailable, message, open.retry_after());
            }
            NeurectomyError::Limited { retry_after, .. } => {
                (Code::ResourceExhausted, "Neurectomy limits the rate of requests; try again later", *retry_after)
            }
            NeurectomyError::Status { status, retry_after, .. } => match *status {
                StatusCode::SERVICE_UNAVAILABLE => {
                    (Code::Unavailable, "Neurectomy is not available; try again later", *retry_after)
                }
                StatusCode::BAD_GATEWAY => (Code::Unavailable, "Neurectomy cannot reach its language model", None),
                StatusCode::GATEWAY_TIMEOUT => {
                    (Code::DeadlineExceeded, "Neurectomy's language model did not answer in time", None)
                }
                _ => (Code::Internal, "Neurectomy answered with an error", None),
            },
            NeurectomyError::TimedOut(_) => (Code::DeadlineExceeded, "Neurectomy did not answer in time", None),
            NeurectomyError::Unreachable(_) => (Code::Unavailable, "the connection to Neurectomy failed", None),
            NeurectomyError::Malformed(_) => (Code::Internal, "Neurectomy's answer is not a completion", None),
        };
        // The cause is only logged, since it may contain hosts and secrets.
        log::line(chain(&error));
        with_pushback(code, message, retry_after)
    }
}

/// Returns a status with the delay until a retry, if it is known.
fn with_pushback(code: Code, message: &str, delay: Option<Duration>) -> Status {
    let mut metadata = MetadataMap::new();
    if let Some(delay) = delay {
        metadata.insert(PUSHBACK, u64::try_from(delay.as_millis()).unwrap_or(u64::MAX).into());
    }
    Status::with_metadata(code, message, metadata)
}
