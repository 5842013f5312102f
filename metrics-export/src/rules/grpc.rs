//! Alerts on gRPC calls: those that the service answers, and those that it makes.

use super::alerts::Alerts;
use super::calls::{Calls, Durations, InFlight};
use super::events::Events;
use crate::metric::Role;
use crate::roles::Grpc;

/// The meaning of a failure, and the cause to look at.
const OF_CALLS: [&str; 2] = [
    "Calls end with a code that is the fault of the service: `Unknown`, `DeadlineExceeded`, `Unimplemented`, `Internal`, \
     `Unavailable` or `DataLoss`.",
    "the services that this one calls: their breakers and functions fail at the same time if they are the cause",
];

const OF_CLIENTS: [&str; 2] = [
    "Another service answers with a code that is its own fault, or cannot be reached.",
    "the service that is called: `Unavailable` says that it cannot be reached, `DeadlineExceeded` that it is too slow",
];

impl Alerts<'_> {
    /// Outgoing calls have tickets only: what their failures do to the service is in its own calls.
    pub(super) fn grpc(&mut self) {
        for grpc in &self.model.grpc {
            let is_server = grpc.role == Role::Grpc;
            let row = if is_server { "gRPC" } else { "gRPC clients" };
            let calls = Calls {
                name: if is_server { "Grpc" } else { "GrpcClient" }.to_owned(),
                subject: if is_server { "gRPC calls" } else { "outgoing gRPC calls" }.to_owned(),
                note: "",
                failure: if is_server { OF_CALLS } else { OF_CLIENTS },
                severity: if is_server { "page" } else { "ticket" },
                counter: grpc.calls.clone(),
                metric: self.model.metrics.iter().find(|metric| metric.name == grpc.calls.metric()),
                by: self.target.by(grpc.by.iter().copied()),
                completed: Events::of(&grpc.calls, grpc.completed()),
                failed: Events::of(&grpc.calls, grpc.failed()),
                cancelled: Some(Events::of(&grpc.calls, grpc.cancelled())),
                panels: ["Failures by method", "Calls by code", "Calls by method"]
                    .map(|panel| format!("`{panel}` in the row `{row}`")),
            };
            self.error_ratio(&calls);
            if is_server {
                self.slow_calls(grpc, &calls);
            }
            self.cancelled(&calls);
            if let Some(started) = &grpc.started {
                self.stalled(&calls, InFlight::Started(started));
            }
        }
    }

    /// A stream takes as long as its client wants.
    fn slow_calls(&mut self, grpc: &Grpc, calls: &Calls<'_>) {
        let Some((histogram, unary)) = grpc.unary() else { return };
        let panel = "`Duration by method (p95)` in the row `gRPC`";
        self.latency(calls, Durations { histogram, only: Some(&unary), by: &calls.by, of_cancelled: true, panel });
    }
}
