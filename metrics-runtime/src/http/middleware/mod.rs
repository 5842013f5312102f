//! The middleware: it records a request from its head to the end of its response.

mod body;
mod extract;
mod future;
mod guard;
mod head;
mod labels;
mod layer;
mod metric;
mod recorder;
mod request_body;
#[cfg(feature = "axum")]
mod router;
mod routes;
mod service;
mod settings;
mod shared;
mod skip;
mod upgrade;
mod values;

pub use body::TrackedBody;
pub use future::ResponseFuture;
pub use head::{RequestHead, ResponseHead};
pub use layer::HttpLayer;
pub use metric::HttpMetric;
pub use request_body::{RequestBody, RequestBodyLayer, RequestBodyService};
pub use service::HttpService;
pub use settings::{Http, HttpError};
pub use skip::{LeftOut, LeftOutFuture, LeftOutService};
pub use upgrade::OpenUpgrade;
