//! The middleware that records HTTP requests, from the head of a request to the end of its response.
//!
//! [`Http`] holds the settings. [`HttpLayer`] wraps a service in an [`HttpService`], which creates one guard per
//! request. The guard moves into the [`ResponseFuture`], then into the [`TrackedBody`], and records the request when it
//! is over.

mod body;
mod ending;
mod extract;
mod families;
mod future;
mod guard;
mod head;
#[cfg(feature = "axum")]
mod known_paths;
mod labels;
mod layer;
mod mark;
mod metric;
#[cfg(feature = "axum")]
mod probe;
mod progress;
mod recorder;
mod request_body;
#[cfg(feature = "axum")]
mod router;
mod routes;
mod service;
mod settings;
mod skip;
mod upgrade;

pub use body::TrackedBody;
#[cfg(feature = "client")]
pub(crate) use body::{UNKNOWN, read};
pub use ending::LongLived;
#[cfg(feature = "client")]
pub(crate) use ending::{Ending, Outcome};
pub use future::ResponseFuture;
pub use head::{RequestHead, ResponseHead};
#[cfg(feature = "client")]
pub(crate) use labels::{METHODS, has_body, is_upgrade, method};
pub use layer::HttpLayer;
pub use metric::HttpMetric;
#[cfg(feature = "axum")]
pub(crate) use probe::{Matched, RouteProbe};
#[cfg(feature = "client")]
pub(crate) use progress::Progress;
pub use request_body::{RequestBody, RequestBodyLayer, RequestBodyService};
pub use service::HttpService;
pub use settings::{Http, HttpError};
pub use skip::{Skip, SkipService};
pub use upgrade::OpenUpgrade;
