//! The pages in memory, and their limit.
//!
//! A page is in memory while a response reads it. A client that does not read would keep it there for as long as it
//! likes. Therefore, if its memory is needed, a page is taken away from its readers once they had time to read it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::compression::Coding;
use super::filter::Index;

/// The maximum number of pages in memory, without the one that is being written.
const MAX_PAGES: usize = 8;

/// The time for reading a page. After it, its memory can be taken for another page.
const READ_TIME: Duration = Duration::from_secs(4);

/// A page that nobody has read for this time can be taken earlier.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// A written page in one coding. Its memory is freed when its last reader drops it.
pub(super) struct Page {
    /// The coding, which is not the requested one if encoding failed.
    pub(super) coding: Coding,
    /// `false` if families are missing.
    pub(super) is_complete: bool,
    /// The length in bytes.
    pub(super) len: usize,
    /// The place of each family, if a request selects families.
    pub(super) index: Option<Index>,
    content: Arc<Content>,
    pages: Arc<Pages>,
}

struct Content {
    written: Instant,
    state: Mutex<ContentState>,
}

struct ContentState {
    /// `None` after the page was taken away.
    bytes: Option<Vec<u8>>,
    /// The time at which a part was last read.
    read: Instant,
}

impl Content {
    /// Returns the time until the memory of the page can be taken.
    fn protected(&self) -> Duration {
        let paused = READ_PAUSE.saturating_sub(lock(&self.state).read.elapsed());
        READ_TIME.saturating_sub(self.written.elapsed()).min(paused)
    }
}

impl Page {
    /// Returns a copy of a part of the page, or `None` if the page was taken away. A reference would keep the page in
    /// memory while it waits in the buffers of a connection.
    pub(super) fn read(&self, part: Range<usize>) -> Option<Bytes> {
        let mut state = lock(&self.content.state);
        state.read = Instant::now();
        state.bytes.as_ref()?.get(part).map(Bytes::copy_from_slice)
    }

    /// Returns `true` if the page was taken away.
    pub(super) fn is_taken(&self) -> bool {
        lock(&self.content.state).bytes.is_none()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        lock(&self.pages.in_memory).retain(|content| !Arc::ptr_eq(content, &self.content));
        self.pages.changed.notify_all();
    }
}

/// The pages of one endpoint that are in memory, oldest first.
#[derive(Default)]
pub(super) struct Pages {
    in_memory: Mutex<VecDeque<Arc<Content>>>,
    changed: Condvar,
}

impl Pages {
    /// Adds a page. Blocks while the memory is full of pages whose readers have time left.
    pub(super) fn add(
        self: &Arc<Self>,
        coding: Coding,
        bytes: Vec<u8>,
        index: Option<Index>,
        is_complete: bool,
    ) -> Arc<Page> {
        let len = bytes.len();
        let mut in_memory = self.make_room();
        let now = Instant::now();
        let state = Mutex::new(ContentState { bytes: Some(bytes), read: now });
        let content = Arc::new(Content { written: now, state });
        in_memory.push_back(Arc::clone(&content));
        drop(in_memory);
        Arc::new(Page { coding, is_complete, len, index, content, pages: Arc::clone(self) })
    }

    fn make_room(&self) -> MutexGuard<'_, VecDeque<Arc<Content>>> {
        let mut in_memory = lock(&self.in_memory);
        while in_memory.len() >= MAX_PAGES {
            let times = in_memory.iter().map(|content| content.protected()).enumerate();
            let Some((next, left)) = times.min_by_key(|(_, left)| *left) else { break };
            if left.is_zero() {
                if let Some(content) = in_memory.remove(next) {
                    lock(&content.state).bytes = None;
                }
            } else {
                in_memory = self.changed.wait_timeout(in_memory, left).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        in_memory
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add(pages: &Arc<Pages>, text: &str) -> Arc<Page> {
        pages.add(Coding::Identity, text.into(), None, true)
    }

    #[test]
    fn a_page_that_nobody_reads_any_more_makes_room() {
        let pages = Arc::new(Pages::default());
        let mut kept: Vec<_> = (0..MAX_PAGES).map(|i| add(&pages, &i.to_string())).collect();
        for i in 0..100 {
            drop(kept.remove(i % MAX_PAGES));
            kept.insert(i % MAX_PAGES, add(&pages, "next"));
        }
        assert!(kept.iter().all(|page| page.read(0..4).is_some()));
        assert_eq!(lock(&pages.in_memory).len(), MAX_PAGES);
    }

    #[test]
    fn a_page_whose_memory_is_needed_is_taken_from_readers_that_do_not_read() {
        let pages = Arc::new(Pages::default());
        let kept: Vec<_> = (0..=MAX_PAGES).map(|i| add(&pages, &i.to_string())).collect();
        assert!(kept[0].content.written.elapsed() >= READ_PAUSE);
        assert_eq!(kept[0].read(0..1), None);
        assert_eq!(kept[1].read(0..1).as_deref(), Some(&b"1"[..]));
        assert!(kept[MAX_PAGES].read(0..1).is_some());
        drop(kept);
        assert!(lock(&pages.in_memory).is_empty());
    }
}
