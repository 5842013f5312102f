//! The pages in memory, and their limit.
//!
//! A page is in memory while a response reads it. A client that does not read would keep it there for as long as it
//! likes. Therefore, if its memory is needed, a page is taken away from its readers once they had time to read it, and
//! earlier from those that read so slowly that this time will not suffice. A reader that waits for the runtime of the
//! service is not slow.

use std::collections::VecDeque;
use std::ops::{Deref, Range};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::compression::Coding;
use super::filter::Index;

/// The maximum number of pages in memory, without the one that is being written.
const MAX_PAGES: usize = 8;

/// The time for reading a page, without the time for which its readers wait for the runtime. After it, its memory can be
/// taken for another page.
const READ_TIME: Duration = Duration::from_secs(4);

/// The longest time for which readers that wait for the runtime are waited for.
const MAX_WAIT: Duration = Duration::from_secs(4);

/// A page that nobody has read at the necessary pace for this time can be taken earlier.
const READ_PAUSE: Duration = Duration::from_secs(1);

/// The same if a scraper's timeout is near. A reader that is on pace keeps its page: any client can name a timeout.
const URGENT_PAUSE: Duration = Duration::from_millis(500);

/// The interval of looking for new requests, and for their timeouts, while there is no room.
const RECHECK: Duration = Duration::from_millis(20);

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
    /// The time at which a part was last read by a reader that is on pace.
    read: Instant,
    /// The longest time for which such a reader has waited for the runtime, up to [`MAX_WAIT`].
    waited: Duration,
    /// The number of readers that wait for the runtime, and not for their clients.
    delayed: usize,
}

impl Content {
    /// Returns the time until the memory of the page can be taken.
    fn protected(&self, now: Instant, is_urgent: bool) -> Duration {
        let state = lock(&self.state);
        let left = (READ_TIME + state.waited).saturating_sub(now.saturating_duration_since(self.written));
        if state.delayed > 0 {
            return left;
        }
        let pause = if is_urgent { URGENT_PAUSE } else { READ_PAUSE };
        left.min(pause.saturating_sub(now.saturating_duration_since(state.read)))
    }

    /// Returns `true` if a reader that has this share of the page left will have read it in time, at its pace so far. It
    /// has waited for the runtime for `waited`.
    fn is_on_pace(&self, now: Instant, waited: Duration, left: f64) -> bool {
        let late = now.saturating_duration_since(self.written).saturating_sub(waited + URGENT_PAUSE);
        1.0 - left >= late.div_duration_f64(READ_TIME.saturating_sub(URGENT_PAUSE))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        lock(&self.pages.in_memory).retain(|content| !Arc::ptr_eq(content, &self.content));
        self.pages.changed.notify_all();
    }
}

/// A reader of a page. It waits for the runtime from its creation until it first reads.
pub(super) struct Reader {
    page: Arc<Page>,
    /// The time since which it waits for the runtime.
    delayed_since: Option<Instant>,
    /// The time for which it has waited for the runtime until then.
    waited: Duration,
}

impl Reader {
    pub(super) fn new(page: &Arc<Page>) -> Self {
        let mut reader = Self { page: Arc::clone(page), delayed_since: None, waited: Duration::ZERO };
        reader.set_delayed(true);
        reader
    }

    /// Sets whether the reader waits for the runtime.
    pub(super) fn set_delayed(&mut self, is_delayed: bool) {
        match self.delayed_since {
            None if is_delayed => {
                self.delayed_since = Some(Instant::now());
                lock(&self.page.content.state).delayed += 1;
            }
            Some(since) if !is_delayed => {
                self.delayed_since = None;
                self.waited += since.elapsed();
                lock(&self.page.content.state).delayed -= 1;
            }
            _ => {}
        }
    }

    /// Returns a copy of a part of the page, or `None` if the page was taken away. A reference would keep the page in
    /// memory while it waits in the buffers of a connection. `left` bytes are to be read, with this part.
    pub(super) fn read(&mut self, part: Range<usize>, left: usize) -> Option<Bytes> {
        self.set_delayed(false);
        let (now, content) = (Instant::now(), &self.page.content);
        let is_on_pace = content.is_on_pace(now, self.waited, left as f64 / self.page.len.max(1) as f64);
        let mut state = lock(&content.state);
        if is_on_pace {
            state.read = now;
            state.waited = state.waited.max(self.waited.min(MAX_WAIT));
        }
        state.bytes.as_ref()?.get(part).map(Bytes::copy_from_slice)
    }

    /// Returns `true` if the page was taken away.
    pub(super) fn is_taken(&self) -> bool {
        lock(&self.page.content.state).bytes.is_none()
    }
}

impl Deref for Reader {
    type Target = Page;

    fn deref(&self) -> &Page {
        &self.page
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.set_delayed(false);
    }
}

/// The pages of one endpoint that are in memory, oldest first.
#[derive(Default)]
pub(super) struct Pages {
    in_memory: Mutex<VecDeque<Arc<Content>>>,
    changed: Condvar,
}

impl Pages {
    /// Adds a page. Blocks while the memory is full of pages whose readers have time left. `due` returns the time at
    /// which the first request needs a page.
    pub(super) fn add(
        self: &Arc<Self>,
        due: &dyn Fn() -> Option<Instant>,
        coding: Coding,
        bytes: Vec<u8>,
        index: Option<Index>,
        is_complete: bool,
    ) -> Arc<Page> {
        let len = bytes.len();
        let mut in_memory = self.make_room(due);
        let now = Instant::now();
        let state = Mutex::new(ContentState { bytes: Some(bytes), read: now, waited: Duration::ZERO, delayed: 0 });
        let content = Arc::new(Content { written: now, state });
        in_memory.push_back(Arc::clone(&content));
        drop(in_memory);
        Arc::new(Page { coding, is_complete, len, index, content, pages: Arc::clone(self) })
    }

    fn make_room(&self, due: &dyn Fn() -> Option<Instant>) -> MutexGuard<'_, VecDeque<Arc<Content>>> {
        loop {
            // Called without the lock.
            let due = due();
            let mut in_memory = lock(&self.in_memory);
            let now = Instant::now();
            let is_urgent = due.is_some_and(|due| due <= now + URGENT_PAUSE);
            while in_memory.len() >= MAX_PAGES {
                let times = in_memory.iter().map(|content| content.protected(now, is_urgent)).enumerate();
                let next = times.min_by_key(|(_, left)| *left).filter(|(_, left)| left.is_zero());
                let Some(content) = next.and_then(|(next, _)| in_memory.remove(next)) else { break };
                lock(&content.state).bytes = None;
            }
            if in_memory.len() < MAX_PAGES {
                return in_memory;
            }
            drop(self.changed.wait_timeout(in_memory, RECHECK));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No code panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::*;

    /// Adds a page, and returns a reader that waits for its client.
    fn add(pages: &Arc<Pages>, text: &str) -> Reader {
        add_due(pages, text, None)
    }

    fn add_due(pages: &Arc<Pages>, text: &str, due: Option<Instant>) -> Reader {
        let mut reader = Reader::new(&pages.add(&|| due, Coding::Identity, text.into(), None, true));
        reader.set_delayed(false);
        reader
    }

    #[test]
    fn a_page_that_nobody_reads_any_more_makes_room() {
        let pages = Arc::new(Pages::default());
        let mut kept: Vec<_> = (0..MAX_PAGES).map(|i| add(&pages, &i.to_string())).collect();
        for i in 0..100 {
            drop(kept.remove(i % MAX_PAGES));
            kept.insert(i % MAX_PAGES, add(&pages, "next"));
        }
        assert!(kept.iter_mut().all(|page| page.read(0..4, 4).is_some()));
        assert_eq!(lock(&pages.in_memory).len(), MAX_PAGES);
    }

    #[test]
    fn a_page_is_protected_for_as_long_as_it_is_read_at_a_sufficient_pace() {
        let pages = Arc::new(Pages::default());
        let mut reader = add(&pages, "page");
        let content = Arc::clone(&reader.content);
        let at = |seconds: f64| content.written + Duration::from_secs_f64(seconds);
        // The share that is left, and the time until which this is enough.
        for (left, until) in [(1.0, 0.5), (0.8, 1.2), (0.5, 2.25), (0.2, 3.3), (0.0, 4.0)] {
            for waited in [0.0, 0.3, 3.0] {
                let is_on_pace =
                    |late: f64| content.is_on_pace(at(until + waited + late), Duration::from_secs_f64(waited), left);
                assert!(is_on_pace(-0.001) && !is_on_pace(0.001), "{left} {waited}");
            }
        }
        let protected = |seconds, is_urgent| content.protected(at(seconds), is_urgent).as_secs_f64();
        let read = |seconds| lock(&content.state).read = at(seconds);
        for (last_read, seconds, calm, urgent) in [
            (0.0, 0.0, 1.0, 0.5),
            (0.0, 0.5, 0.5, 0.0),
            (0.0, 1.0, 0.0, 0.0),
            (2.0, 2.0, 1.0, 0.5),
            (2.0, 2.75, 0.25, 0.0),
            (3.9, 3.9, 0.1, 0.1),
            (4.0, 4.0, 0.0, 0.0),
        ] {
            read(last_read);
            let found = (protected(seconds, false), protected(seconds, true));
            assert!(
                (found.0 - calm).abs() < 1e-6 && (found.1 - urgent).abs() < 1e-6,
                "{last_read} {seconds}: {found:?}"
            );
        }
        // A reader that the runtime has not polled yet is not slow.
        reader.set_delayed(true);
        let second = Reader::new(&reader.page);
        assert!((protected(3.0, true) - 1.0).abs() < 1e-6 && protected(4.0, false) < 1e-6);
        let _ = reader.read(0..1, 4);
        assert!(protected(3.0, true) > 1.0 - 1e-6, "the other one still waits");
        drop(second);
        read(2.0);
        assert!(protected(3.0, true) < 1e-6);
        // A reader that is on pace has the time for which it has waited.
        lock(&content.state).waited = Duration::ZERO;
        reader.waited = Duration::from_secs(3);
        let _ = reader.read(0..1, 4);
        read(6.7);
        assert!((protected(6.7, false) - 0.3).abs() < 1e-3);
        reader.waited = Duration::from_secs(60);
        let _ = reader.read(0..1, 4);
        read(8.0);
        assert!(protected(7.5, true) > 0.4 && protected(8.0, true) < 1e-6, "others have to wait no longer");
    }

    #[test]
    fn a_request_that_is_due_does_not_wait_for_slow_readers() {
        let pages = Arc::new(Pages::default());
        let mut slow: Vec<_> = (0..MAX_PAGES).map(|i| add(&pages, &i.to_string())).collect();
        let first = slow[0].content.written;
        let is_slow = AtomicBool::new(true);
        let mut page = thread::scope(|scope| {
            scope.spawn(|| {
                while is_slow.load(Ordering::Relaxed) {
                    // All of it is left, whatever they read.
                    for page in &mut slow {
                        let _ = page.read(0..1, 1);
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let page = add_due(&pages, "due", Some(first));
            is_slow.store(false, Ordering::Relaxed);
            page
        });
        assert!(first.elapsed() >= URGENT_PAUSE, "they had time");
        assert!(page.read(0..3, 3).is_some());
        assert!(slow[0].is_taken());
    }

    #[test]
    fn a_page_whose_memory_is_needed_is_taken_from_readers_that_do_not_read() {
        let pages = Arc::new(Pages::default());
        let mut kept: Vec<_> = (0..=MAX_PAGES).map(|i| add(&pages, &i.to_string())).collect();
        assert!(kept[0].content.written.elapsed() >= READ_PAUSE);
        assert_eq!(kept[0].read(0..1, 1), None);
        assert_eq!(kept[1].read(0..1, 1).as_deref(), Some(&b"1"[..]));
        assert!(kept[MAX_PAGES].read(0..1, 1).is_some());
        drop(kept);
        assert!(lock(&pages.in_memory).is_empty());
    }
}
