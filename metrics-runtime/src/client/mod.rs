//! A layer that records the requests that a service sends to others.
//!
//! [`Metrics::client_layer`](crate::Metrics::client_layer) creates a [`ClientLayer`] for one upstream, by a name of the
//! program. It fits every tower client of [`http::Request`]s, such as hyper-util's client and tonic's channel, and with
//! the feature `reqwest` a `reqwest::Client`.
//!
//! ```
//! use http::{Request, Response};
//! use metrics_runtime::{Metrics, Registry};
//! use tower::{Layer, Service, service_fn};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # let builder = Metrics::builder().registry(&Registry::new());
//! let metrics = builder.build()?;
//! # let client = service_fn(async |_: Request<String>| Ok::<_, std::io::Error>(Response::new(String::new())));
//! let mut client = metrics.client_layer("ryot")?.layer(client);
//! let response = client.call(Request::new(String::new())).await?;
//! assert!(metrics.render().contains(
//!     "http_client_requests_total{upstream=\"ryot\",method=\"GET\",status=\"2xx\"} 1\n"
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Metrics
//!
//! | metric | value |
//! |---|---|
//! | `http_client_requests_total{upstream, method, status}` | finished requests |
//! | `http_client_request_duration_seconds{upstream, method}` | time from the request to the end of the response body |
//! | `http_client_errors_total{upstream, method, cause}` | requests that did not reach the end of their response |
//! | `http_client_requests_in_flight{upstream, method}` | requests whose response has not ended |
//!
//! [`ClientMetric`] lists them with the further ones, which are off by default: time to the first byte, retries, body
//! sizes. [`Builder::client`](crate::Builder::client) switches them on.
//!
//! # Labels
//!
//! The program bounds all values. Neither the host nor the path nor the query of a request is a label.
//!
//! - `upstream` is the name of the layer.
//! - `method` is a method of RFC 9110, `PATCH`, `QUERY`, or `_OTHER` for all others.
//! - `status` is the class of the response, such as `2xx`; `error` if there was none; `cancelled` if the caller dropped the
//!   request before it.
//! - `cause` is a [`Cause`], `cancelled` or `panic`.
//!
//! # End of a request
//!
//! A request is recorded once, when it has ended. It starts when its response future is first polled: one that is never
//! polled counts nothing. Once there is a response, its status counts, however its body ends.
//!
//! | the request ends when | `status` | duration | `cause` |
//! |---|---|---|---|
//! | the response was read to its end, or has no body | its class | observed | - |
//! | the caller drops the response unread | its class | observed | - |
//! | the client returns an error | `error` | observed | [that of the error](Cause::of) |
//! | the client panics | `error` | observed | `panic` |
//! | the caller drops the request before the response | `cancelled` | - | `cancelled` |
//! | the response body returns an error | its class | observed | that of the error |
//! | the response body panics | its class | observed | `panic` |
//! | the caller drops the response after it has read a part | its class | - | `cancelled` |
//! | the connection is upgraded: `101`, or `CONNECT` with 2xx | its class | - | - |
//! | a [long-lived stream](crate::http::LongLived) ends, or is dropped | its class | - | - |
//!
//! - A caller that gives up after a timeout of its own cancels the request. A timeout within the client is an error with the
//!   cause `timeout`.
//! - If a client follows redirects within its service, as reqwest does, all of them are one request, with the status of the
//!   last response. So are the retries of such a client.
//! - An upstream fails if it answers with 5xx, or if a request has another cause than `cancelled`.
//!
//! # Retries
//!
//! For the layer, a request that is sent again is a new one. It sees that it is the same one if the request has the
//! extension [`Attempts`], and then counts [`ClientMetric::Retries`]. Requests of reqwest show no extensions, so their
//! retries are not counted.
//!
//! # Beside a circuit breaker
//!
//! Give the breaker of the upstream the same name, and put it outside of the layer: calls that it rejects are no requests.
//! Dashboards then show each upstream with the state of its breaker.

mod attempts;
mod body;
mod cause;
mod future;
mod guard;
mod layer;
mod message;
mod metric;
#[cfg(feature = "reqwest")]
mod reqwest;
mod series;
mod settings;
mod upstream;

pub use attempts::Attempts;
pub use body::ResponseBody;
pub use cause::{ByError, Cause, FindCause};
pub use future::ResponseFuture;
pub use layer::{ClientLayer, ClientService};
pub use message::{ClientRequest, ClientResponse};
pub use metric::ClientMetric;
pub(crate) use settings::check;
pub use settings::{Client, ClientError};
