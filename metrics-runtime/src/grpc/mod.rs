//! Metrics of gRPC: a layer for servers and one for clients of [`tonic`] (feature `grpc`).
//!
//! | metric | kind | labels |
//! |---|---|---|
//! | `grpc_server_started_total` | counter | `grpc_type`, `grpc_service`, `grpc_method` |
//! | `grpc_server_handled_total` | counter | these, and `grpc_code` |
//! | `grpc_server_handling_seconds` | histogram | `grpc_type`, `grpc_service`, `grpc_method` |
//! | `grpc_server_msg_received_total`, `grpc_server_msg_sent_total` | counter | `grpc_type`, `grpc_service`, `grpc_method` |
//!
//! A client has the same metrics with `client` in place of `server`. Names and label values are those of the
//! [middlewares for Go][go], which the ones for Java and Python share, so their dashboards fit. The metrics have no
//! namespace.
//!
//! With [`Grpc::opentelemetry`], OpenTelemetry's metric is recorded in place of these.
//!
//! Each call that starts is counted once when it is handled. The code is:
//!
//! | end of the call | `grpc_code` |
//! |---|---|
//! | trailers, or a response that has only trailers | the code in them |
//! | a response without a code | the [code for its HTTP status][http]; `Unknown` for `200` |
//! | an error of the inner service | the code that tonic's client gets for it |
//! | the call is dropped: the client has gone away, or an outer layer has given up | `Canceled`, or `DeadlineExceeded` after the deadline of the call |
//! | the client resets its request before the message, which tonic takes for an internal error | the same |
//! | an error of the response body | its code, `Unknown` if it has none |
//! | a panic | `Internal` |
//!
//! tonic itself says `Cancelled` for a deadline that has passed; these metrics say `DeadlineExceeded`, as all others do.
//!
//! Services and methods are those of the descriptors that a server serves, or of a list. Everything else, which only
//! clients can choose, has the type, service and method `unknown`.
//!
//! ```
//! use metrics_runtime::Registry;
//! use metrics_runtime::grpc::{Grpc, MethodKind};
//!
//! // From a build script: `tonic::include_file_descriptor_set!("shop")`, then `Grpc::server().descriptors(..)`.
//! let layer = Grpc::server().method("/shop.Orders/Place", MethodKind::Unary).layer(&Registry::new())?;
//! // tonic::transport::Server::builder().layer(layer).add_service(orders)
//! # drop(layer);
//! # Ok::<(), metrics_runtime::grpc::GrpcError>(())
//! ```
//!
//! Requests that are not gRPC pass unchanged and unrecorded. With `GrpcWebLayer`, add this layer inside of it. An
//! [`HttpLayer`](crate::http::HttpLayer) around a server does not count its calls again, unless
//! [`Grpc::with_http`] asks for it.
//!
//! [go]: https://github.com/grpc-ecosystem/go-grpc-middleware/tree/main/providers/prometheus
//! [http]: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md

mod body;
mod call;
mod code;
mod descriptors;
mod error;
mod families;
mod future;
mod layer;
mod messages;
mod methods;
mod recorder;
mod settings;

pub use body::GrpcBody;
pub use code::parse_timeout;
pub use error::GrpcError;
pub use future::GrpcFuture;
pub use layer::{GrpcLayer, GrpcService};
pub use methods::MethodKind;
pub use settings::Grpc;

/// The errors of services, as tower and tonic have them.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
