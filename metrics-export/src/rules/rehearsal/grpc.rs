//! The series of gRPC calls in a scenario.

use std::collections::BTreeMap;

use super::{Instance, START, Traffic};
use crate::metric::Role;
use crate::roles::Grpc;
use crate::rules::scenario::Scenario;

/// The calls of a minute with one code.
type Calls = fn(Traffic) -> f64;

impl Instance<'_> {
    /// Writes unary calls of each method with an objective, or of one without.
    pub(super) fn grpc(&mut self, grpc: &Grpc) {
        let is_server = grpc.role == Role::Grpc;
        let promised = if is_server { self.rehearsal.model.methods.as_slice() } else { &[] };
        let mut paths: Vec<_> = promised.iter().map(|objective| objective.route.as_str()).collect();
        if paths.is_empty() {
            paths.push("/rehearsal.Rehearsal/Call");
        }
        for path in paths {
            self.method(grpc, &grpc.method(path), if is_server { "GrpcStalled" } else { "GrpcClientStalled" });
        }
        if is_server && self.scenario == Scenario::NotFoundScan {
            let (rehearsal, scenario) = (self.rehearsal, self.scenario);
            let calls = move |now| if rehearsal.is_trouble(scenario, now) { 10_000.0 } else { 0.0 };
            let labels = grpc.scanned();
            match grpc.counting_duration() {
                Some(duration) => self.observed(duration, &labels, START, calls, calls),
                None => self.counter(&grpc.calls.series(), &labels, START, calls),
            }
        }
    }

    fn method(&mut self, grpc: &Grpc, labels: &[(&str, &str)], stalled: &str) {
        let (rehearsal, scenario) = (self.rehearsal, self.scenario);
        // Calls that were given up have a duration too.
        let hangs = move |now| scenario == Scenario::Hang && rehearsal.is_trouble(scenario, now);
        let is_slow = move |now| rehearsal.traffic(scenario, now).slow || hangs(now);
        let fast =
            move |calls: Calls| move |now| if is_slow(now) { 0.0 } else { calls(rehearsal.traffic(scenario, now)) };
        let all = move |calls: Calls| move |now| calls(rehearsal.traffic(scenario, now));
        let [ok, failed, cancelled] = grpc.codes();
        let calls: [(&str, u64, Calls); 3] = [
            (ok, 0, |traffic| traffic.succeeded),
            (failed, self.failures_born(), |traffic| traffic.failed),
            (cancelled, 0, |traffic| traffic.cancelled),
        ];
        let mut started = BTreeMap::new();
        for (code, born, calls) in calls {
            let labels = [labels, &[(grpc.code(), code)]].concat();
            if let Some(duration) = grpc.counting_duration() {
                self.observed(duration, &labels, born, fast(calls), all(calls));
                continue;
            }
            let values = self.counted(born, all(calls));
            self.values(&grpc.calls.series(), &labels, &values);
            for (now, value) in values {
                *started.entry(now).or_insert(0.0) += value;
            }
        }
        let labels = [labels, &[("grpc_type", "unary")]].concat();
        if let Some(metric) = &grpc.started {
            let waiting = self.waiting(stalled);
            for (now, value) in &mut started {
                *value += waiting(*now);
            }
            self.values(&metric.name, &labels, &started);
        }
        if let Some(duration) = grpc.duration.as_ref().filter(|_| grpc.counting_duration().is_none()) {
            let calls: Calls = |traffic| traffic.completed() + traffic.cancelled;
            self.observed(duration, &labels, 0, fast(calls), all(calls));
        }
    }
}
