//! The mark of a request: the layers that record it, and which requests are marked.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};

use super::families::Families;
use super::recorder::Series;
use super::routes::Routes;
use crate::shared::Shared;

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

/// The requests of one layer that are marked: a [`Marked`]. Marking allocates, and most requests pass one layer and reach
/// no skipped route.
pub(super) struct Marking(Arc<AtomicU8>);

/// The requests that a layer marks. Each value includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Marked {
    Nothing,
    /// The calls of gRPC, because its layer skips them.
    #[cfg_attr(not(feature = "grpc"), expect(dead_code, reason = "there is no layer of gRPC"))]
    Calls,
    /// All requests: they may pass two layers, or reach a skipped route.
    Everything,
}

/// The layers of the process.
struct Layers {
    known: Vec<(Addresses, Weak<AtomicU8>)>,
    /// The requests of all layers that are marked.
    marked: Marked,
}

type Addresses = [Option<usize>; Families::COUNT];

static LAYERS: Mutex<Layers> = Mutex::new(Layers { known: Vec::new(), marked: Marked::Nothing });

fn layers() -> MutexGuard<'static, Layers> {
    LAYERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Marking {
    /// Decides for a new layer with these families. An earlier layer that has one of them marks its requests as well
    /// from now on, because a request may pass both.
    pub(super) fn of(families: &Families) -> Self {
        let mut layers = layers();
        layers.known.retain(|(_, layer)| layer.strong_count() > 0);
        let own = families.addresses();
        let shares = |other: &Addresses| own.iter().zip(other).any(|(own, other)| own.is_some() && own == other);
        let marking = Self(Arc::new(AtomicU8::new(layers.marked as u8)));
        let sharing = layers.known.iter().filter(|(other, _)| shares(other));
        for layer in sharing.filter_map(|(_, layer)| layer.upgrade()) {
            layer.fetch_max(Marked::Everything as u8, Ordering::Relaxed);
            marking.start();
        }
        layers.known.push((own, Arc::downgrade(&marking.0)));
        marking
    }

    /// Marks all requests of this layer from now on, because they may pass it twice.
    pub(super) fn start(&self) {
        self.0.fetch_max(Marked::Everything as u8, Ordering::Relaxed);
    }

    /// Marks these requests of all layers from now on, because they may be skipped.
    pub(super) fn start_everywhere(marked: Marked) {
        let mut layers = layers();
        layers.marked = layers.marked.max(marked);
        for layer in layers.known.iter().filter_map(|(_, layer)| layer.upgrade()) {
            layer.fetch_max(marked as u8, Ordering::Relaxed);
        }
    }

    /// Returns `true` if the layer marks a request with these headers.
    #[inline]
    pub(super) fn includes(&self, headers: &HeaderMap) -> bool {
        match self.0.load(Ordering::Relaxed) {
            0 => false,
            marked => marked == Marked::Everything as u8 || is_call(headers),
        }
    }
}

/// Returns `true` if a layer of gRPC may take a request for a call: also one of gRPC-Web, which a layer in between turns
/// into one of gRPC.
fn is_call(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

impl Mark {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_known_by_their_content_type() {
        let is = |value: &'static str| is_call(&HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]));
        for value in ["application/grpc", "application/grpc+proto", "application/grpc-web-text"] {
            assert!(is(value), "{value}");
        }
        assert!(!is("application/json") && !is_call(&HeaderMap::new()));
    }
}
