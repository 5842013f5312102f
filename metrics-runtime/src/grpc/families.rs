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

#[derive(Clone)]
pub(super) struct Families {
    pub(super) started: Family<Counter>,
    pub(super) handled: Family<Counter>,
    pub(super) received: Family<Counter>,
    pub(super) sent: Family<Counter>,
    pub(super) seconds: Family<Histogram>,
}

const LABELS: [&str; 3] = ["grpc_type", "grpc_service", "grpc_method"];

impl Families {
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

/// Registers a family without a namespace. Its labels are those of a method unless it has others.
fn family<M: Metric>(registry: &Registry, descriptor: Descriptor, source: Source) -> Result<Family<M>, RegistryError> {
    let descriptor = if descriptor.labels.is_empty() { descriptor.labels(LABELS) } else { descriptor };
    registry.family_of(Owner::Library, descriptor, source)
}
