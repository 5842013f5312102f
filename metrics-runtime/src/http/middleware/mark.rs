//! The mark of a request: the layers that record it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::Request;

use super::families::Families;
use super::recorder::Series;
use super::routes::Routes;
use super::shared::Shared;

/// A node of the list of layers that record a request, in the extensions of the request, the innermost layer first.
///
/// It belongs to the request, not to the thread or the task: a request that a handler sends to another service in the
/// same process has a list of its own.
#[derive(Clone)]
pub(super) struct Mark(Arc<Layer>);

struct Layer {
    series: Shared<Series>,
    is_skipped: AtomicBool,
    outer: Option<Mark>,
}

/// `true` once requests have to be marked. Marking allocates, and most processes have one layer and skip no route.
static NEEDED: AtomicBool = AtomicBool::new(false);

impl Mark {
    /// Returns `true` if requests have to be marked.
    #[inline]
    pub(super) fn is_needed() -> bool {
        NEEDED.load(Ordering::Relaxed)
    }

    /// Marks all requests from now on, because a request may pass two layers or reach a skipped route.
    pub(super) fn need() {
        NEEDED.store(true, Ordering::Relaxed);
    }

    /// Marks all requests from now on if an earlier layer has one of these families.
    pub(super) fn need_if_shared(families: &Families) {
        // The addresses of families that are gone stay. If one is used again, requests are marked without need.
        static KNOWN: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        for address in families.addresses().into_iter().flatten() {
            if !known.insert(address) {
                Self::need();
            }
        }
    }

    /// Adds a layer to the mark of the request. Returns the series without the families in which an outer layer records
    /// the request, or `None` if no family is left.
    pub(super) fn add<B>(
        routes: &Routes,
        series: &Shared<Series>,
        request: &mut Request<B>,
    ) -> Option<(Self, Shared<Series>)> {
        let outer = request.extensions().get::<Self>().cloned();
        let families = series.recorder().families.addresses();
        let mut recorded = [false; Families::COUNT];
        for mark in std::iter::successors(outer.as_ref(), |mark| mark.0.outer.as_ref()) {
            let others = mark.0.series.recorder().families.addresses();
            for ((recorded, family), other) in recorded.iter_mut().zip(families).zip(others) {
                *recorded |= family.is_some() && family == other;
            }
        }
        let mut series = series.clone();
        if recorded.contains(&true) {
            routes.warn_nested();
            series = series.without(recorded)?;
        }
        let mark = Layer { series: series.clone(), is_skipped: AtomicBool::new(false), outer };
        let mark = Self(Arc::new(mark));
        request.extensions_mut().insert(mark.clone());
        Some((mark, series))
    }

    /// Skips the request in all layers that it has passed.
    pub(super) fn skip<B>(request: &Request<B>) {
        let innermost = request.extensions().get::<Self>();
        for mark in std::iter::successors(innermost, |mark| mark.0.outer.as_ref()) {
            mark.0.is_skipped.store(true, Ordering::Relaxed);
        }
    }

    /// Returns `true` if the request has reached a skipped route.
    pub(super) fn is_skipped(&self) -> bool {
        self.0.is_skipped.load(Ordering::Relaxed)
    }
}
