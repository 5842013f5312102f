//! The routes of a router by the address of their path, so that most look-ups compare no text.

use std::array;
use std::sync::{Arc, OnceLock};

use axum::extract::MatchedPath;

use super::routes::Route;

/// The routes that were found before, each with its path. A router keeps the texts of its routes, so a route usually has
/// the same address as before. No other text can be allocated there, because the path is kept here.
pub(super) struct KnownPaths {
    slots: [OnceLock<(MatchedPath, Arc<Route>)>; SLOTS],
}

/// The number of slots, more than most applications have routes.
const SLOTS: usize = 256;

/// The number of slots in which a path can be.
const PROBES: usize = 4;

/// The maximum number of addresses of one route. A router in a nested service has a new address for each request.
pub(super) const ADDRESSES: usize = 4;

impl KnownPaths {
    pub(super) fn new() -> Self {
        Self { slots: array::from_fn(|_| OnceLock::new()) }
    }

    /// Returns the route with this path, if its address is known.
    #[inline]
    pub(super) fn get(&self, path: &MatchedPath) -> Option<&Route> {
        let address = path.as_str().as_ptr();
        for slot in self.slots_of(path) {
            let (known, route) = slot.get()?;
            if known.as_str().as_ptr() == address {
                return Some(route);
            }
        }
        None
    }

    /// Remembers the address of a path, if it has a free slot.
    pub(super) fn remember(&self, path: &MatchedPath, route: &Arc<Route>) {
        if let Some(slot) = self.slots_of(path).find(|slot| slot.get().is_none())
            && route.takes_address()
        {
            // Another thread may have filled the slot meanwhile.
            let _ = slot.set((path.clone(), Arc::clone(route)));
        }
    }

    #[inline]
    fn slots_of(&self, path: &MatchedPath) -> impl Iterator<Item = &OnceLock<(MatchedPath, Arc<Route>)>> {
        let first = path.as_str().as_ptr().addr() / 16;
        (0..PROBES).map(move |step| &self.slots[(first + step) % SLOTS])
    }
}
