//! The requests to a receiver.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, marker};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Method, Request, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::connect::Connect;
use metrics_runtime::__shared::{Answer, Client, Failure, Patient, deadline, root_cause};

use crate::outcome::Outcome;
use crate::queue::Batch;
use crate::walk::Protocol;

/// Sends a request, which has to be answered within a duration.
type Send = Arc<dyn Fn(Request<Full<Bytes>>, Duration) -> Sending + marker::Send + Sync>;

type Sending = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + marker::Send>>;

/// A receiver. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Receiver {
    send: Send,
    uri: Uri,
    headers: HeaderMap,
    timeout: Duration,
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("uri", &self.url()).field("timeout", &self.timeout).finish_non_exhaustive()
    }
}

impl Receiver {
    pub(crate) fn new<C: Clone + marker::Send + Sync + 'static>(connector: C, uri: Uri) -> Self
    where
        Patient<C>: Connect,
    {
        let mut headers = HeaderMap::new();
        let agent = concat!("metrics-send/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        Self { send: sender(connector), uri, headers, timeout: Duration::from_secs(30) }
    }

    /// Replaces the connector.
    #[cfg(feature = "tls")]
    pub(crate) fn connect_with<C: Clone + marker::Send + Sync + 'static>(&mut self, connector: C)
    where
        Patient<C>: Connect,
    {
        self.send = sender(connector);
    }

    pub(crate) fn set_header(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Returns the host and the port.
    pub(crate) fn authority(&self) -> &str {
        self.uri.authority().map(http::uri::Authority::as_str).unwrap_or_default()
    }

    /// Returns the address without its query, which may contain a secret.
    pub(crate) fn url(&self) -> String {
        format!("{}://{}{}", self.uri.scheme_str().unwrap_or_default(), self.authority(), self.uri.path())
    }

    /// Sends a batch.
    pub(crate) async fn send<P: Protocol>(&self, batch: Batch, protocol: &P) -> Outcome {
        let mut request = Request::new(Full::new(batch.body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.uri.clone();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        protocol.set_headers(headers);
        match (self.send)(request, self.timeout).await {
            Ok(answer) => protocol.outcome(&answer, batch.samples),
            Err(Failure::TimedOut) => {
                Outcome::Retry { after: None, problem: format!("no answer within {:?}", self.timeout) }
            }
            Err(Failure::Failed(error)) => Outcome::Retry { after: None, problem: root_cause(&error) },
        }
    }
}

/// Returns a function without the type of the connector.
fn sender<C: Clone + marker::Send + Sync + 'static>(connector: C) -> Send
where
    Patient<C>: Connect,
{
    // With one idle connection, because the requests follow each other.
    let client = Client::new(connector, 1);
    Arc::new(move |request, timeout| {
        let client = client.clone();
        Box::pin(async move { client.send(request, deadline(timeout)).await })
    })
}
