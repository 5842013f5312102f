//! The families of a server or a client.

use crate::family::{Family, Metric, Owner};
use crate::metric::{Counter, Histogram};
use crate::registry::{Registry, RegistryError};
use crate::schema::{Descriptor, Source};

/// The side of a call that a layer is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Server,
    Client,
}

/// The names that the metrics have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Those of the middlewares for Go.
    Middleware,
    OpenTelemetry,
    Both,
}

/// The families of a layer, with one or both of the names.
pub(super) struct Families {
    pub(super) middleware: Option<Middleware>,
    pub(super) calls: Option<CallDuration>,
}

/// The families with the names of the middlewares for Go.
pub(super) struct Middleware {
    pub(super) started: Family<Counter>,
    pub(super) handled: Family<Counter>,
    pub(super) received: Family<Counter>,
    pub(super) sent: Family<Counter>,
    pub(super) seconds: Family<Histogram>,
}

/// The histogram with OpenTelemetry's name.
pub(super) type CallDuration = Family<Histogram>;

const LABELS: [&str; 3] = ["grpc_type", "grpc_service", "grpc_method"];

impl Middleware {
    pub(super) fn register(
        registry: &Registry,
        side: Side,
        buckets: &[f64],
        source: Source,
    ) -> Result<Self, RegistryError> {
        let name = match side {
            Side::Server => "grpc_server",
            Side::Client => "grpc_client",
        };
        let of = |what: &str| format!("{name}_{what}");
        let (received, sent, handling) = match side {
            Side::Server => ("requests", "responses", "Time from a gRPC call to the end of its response, in seconds."),
            Side::Client => {
                ("responses", "requests", "Time from an outgoing gRPC call to the end of its response, in seconds.")
            }
        };
        let outgoing = if side == Side::Client { "Outgoing gRPC calls" } else { "gRPC calls" };
        let counter = |descriptor: Descriptor| family(registry, descriptor, source);
        Ok(Self {
            started: counter(Descriptor::counter(of("started_total"), format!("{outgoing} that have started.")))?,
            handled: family(
                registry,
                Descriptor::counter(of("handled_total"), format!("{outgoing} that have ended, by their code."))
                    .labels(LABELS.into_iter().chain(["grpc_code"])),
                source,
            )?,
            received: counter(Descriptor::counter(of("msg_received_total"), format!("Messages of gRPC {received}.")))?,
            sent: counter(Descriptor::counter(of("msg_sent_total"), format!("Messages of gRPC {sent}.")))?,
            seconds: family(
                registry,
                Descriptor::histogram(of("handling_seconds"), handling, buckets.to_vec()).unit("seconds"),
                source,
            )?,
        })
    }
}

/// Registers the duration of calls of OpenTelemetry's [semantic conventions for RPC metrics][1], under its Prometheus name.
///
/// [1]: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-metrics/
pub(super) fn call_duration(
    registry: &Registry,
    side: Side,
    buckets: &[f64],
    source: Source,
) -> Result<CallDuration, RegistryError> {
    let (name, help) = match side {
        Side::Server => ("rpc_server_call_duration_seconds", "Duration of incoming gRPC calls."),
        Side::Client => ("rpc_client_call_duration_seconds", "Duration of outgoing gRPC calls."),
    };
    let labels = ["rpc_system_name", "rpc_method", "rpc_response_status_code", "error_type"];
    let descriptor = Descriptor::histogram(name, help, buckets.to_vec()).unit("seconds").labels(labels);
    family(registry, descriptor, source)
}

/// Registers a family without a namespace. Its labels are those of a method unless it has others.
fn family<M: Metric>(registry: &Registry, descriptor: Descriptor, source: Source) -> Result<Family<M>, RegistryError> {
    let descriptor = if descriptor.labels.is_empty() { descriptor.labels(LABELS) } else { descriptor };
    registry.family_of(Owner::Library, descriptor, source)
}
