//! The families of a layer.

use crate::family::{AnyFamily as _, Family, Metric};
use crate::metric::{Counter, Histogram, InFlight};

/// The families of a layer, `None` for each metric that is switched off.
#[derive(Default)]
pub(super) struct Families {
    pub(super) requests: Option<Family<Counter>>,
    pub(super) duration: Option<Family<Histogram>>,
    pub(super) first_byte: Option<Family<Histogram>>,
    pub(super) in_flight: Option<Family<InFlight>>,
    pub(super) request_size: Option<Family<Histogram>>,
    pub(super) response_size: Option<Family<Histogram>>,
    pub(super) aborted: Option<Family<Counter>>,
    pub(super) overdue: Option<Family<Counter>>,
    pub(super) upgrades: Option<Family<Counter>>,
    pub(super) upgrades_open: Option<Family<InFlight>>,
    pub(super) opentelemetry: Option<Family<Histogram>>,
}

impl Families {
    pub(super) const COUNT: usize = 11;

    /// Returns the families that are not excluded. The order is that of [`addresses`](Self::addresses).
    pub(super) fn without(&self, excluded: [bool; Self::COUNT]) -> Self {
        fn keep<M: Metric>(family: Option<&Family<M>>, is_excluded: bool) -> Option<Family<M>> {
            family.filter(|_| !is_excluded).cloned()
        }
        let [requests, duration, first_byte, in_flight, request_size, response_size, aborted, rest @ ..] = excluded;
        let [overdue, upgrades, upgrades_open, opentelemetry] = rest;
        Self {
            requests: keep(self.requests.as_ref(), requests),
            duration: keep(self.duration.as_ref(), duration),
            first_byte: keep(self.first_byte.as_ref(), first_byte),
            in_flight: keep(self.in_flight.as_ref(), in_flight),
            request_size: keep(self.request_size.as_ref(), request_size),
            response_size: keep(self.response_size.as_ref(), response_size),
            aborted: keep(self.aborted.as_ref(), aborted),
            overdue: keep(self.overdue.as_ref(), overdue),
            upgrades: keep(self.upgrades.as_ref(), upgrades),
            upgrades_open: keep(self.upgrades_open.as_ref(), upgrades_open),
            opentelemetry: keep(self.opentelemetry.as_ref(), opentelemetry),
        }
    }

    /// Returns the addresses that distinguish the families, in a fixed order.
    pub(super) fn addresses(&self) -> [Option<usize>; Self::COUNT] {
        fn address<M: Metric>(family: Option<&Family<M>>) -> Option<usize> {
            family.map(|family| std::ptr::from_ref(family.descriptor()).addr())
        }
        [
            address(self.requests.as_ref()),
            address(self.duration.as_ref()),
            address(self.first_byte.as_ref()),
            address(self.in_flight.as_ref()),
            address(self.request_size.as_ref()),
            address(self.response_size.as_ref()),
            address(self.aborted.as_ref()),
            address(self.overdue.as_ref()),
            address(self.upgrades.as_ref()),
            address(self.upgrades_open.as_ref()),
            address(self.opentelemetry.as_ref()),
        ]
    }
}
