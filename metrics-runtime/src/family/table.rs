//! An append-only map from label sets to values: looked up without a lock, without an allocation.

use std::array;
use std::hash::BuildHasher;
use std::sync::PoisonError;

use crate::label::LabelText;
use crate::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use crate::sync::{HashState, Mutex, OnceLock};

/// The first index has this many slots, and each one after it twice as many; 2^28 entries are beyond any family.
const FIRST_SLOTS: usize = 8;
const LEVELS: usize = 27;
/// The first chunk of entries has this many, and each one after it twice as many.
const FIRST_ENTRIES: usize = 4;

/// Entries are written once and never move: a reader may hold a reference as long as the table.
///
/// A hash index of entry numbers stands beside them. When it is three quarters full, one of twice the size is filled
/// and published; readers that still walk the old one miss new entries and fall back to the lock, where they look again.
#[derive(Debug)]
pub(crate) struct Table<V> {
    hasher: HashState,
    chunks: [Chunk<V>; LEVELS],
    indexes: [OnceLock<Box<[AtomicU32]>>; LEVELS],
    current: AtomicUsize,
    /// The number of entries; the lock admits one writer at a time.
    len: Mutex<usize>,
    /// The same number for readers: every entry below it is there.
    published: AtomicUsize,
}

type Chunk<V> = OnceLock<Box<[OnceLock<Entry<V>>]>>;

#[derive(Debug)]
pub(crate) struct Entry<V> {
    hash: u64,
    pub(crate) labels: LabelText,
    pub(crate) value: V,
}

impl<V> Table<V> {
    pub(crate) fn new() -> Self {
        Self {
            hasher: HashState::default(),
            chunks: array::from_fn(|_| OnceLock::new()),
            indexes: array::from_fn(|_| OnceLock::new()),
            current: AtomicUsize::new(0),
            len: Mutex::new(0),
            published: AtomicUsize::new(0),
        }
    }

    /// The entry of these label values.
    #[inline]
    pub(crate) fn get<N: AsRef<str>>(&self, names: &[N], values: &[&str]) -> Option<&Entry<V>> {
        self.find(self.hasher.hash_one(values), names, values).map(|(_, entry)| entry)
    }

    /// The entry of these label values; made now, unless `admit` declines at the number of entries there are.
    pub(crate) fn get_or_insert<N: AsRef<str>>(
        &self,
        names: &[N],
        values: &[&str],
        admit: impl FnOnce(usize) -> bool,
        value: impl FnOnce() -> V,
    ) -> Option<&Entry<V>> {
        let hash = self.hasher.hash_one(values);
        if let Some((_, entry)) = self.find(hash, names, values) {
            return Some(entry);
        }
        // A panic cannot happen between the steps below, so what a poisoned lock guards is whole.
        let mut len = self.len.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, entry)) = self.find(hash, names, values) {
            return Some(entry);
        }
        if !admit(*len) {
            return None;
        }
        let entry = Entry { hash, labels: LabelText::new(names, values), value: value() };
        let number = *len;
        let (chunk, offset) = place(number);
        let chunk =
            self.chunks.get(chunk)?.get_or_init(|| (0..FIRST_ENTRIES << chunk).map(|_| OnceLock::new()).collect());
        let entry = chunk.get(offset)?.get_or_init(|| entry);
        self.index(number, hash)?;
        *len = number + 1;
        self.published.store(number + 1, Ordering::Release);
        Some(entry)
    }

    /// All entries, in the order in which they were made.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<V>> {
        (0..self.len()).filter_map(|number| self.entry(number))
    }

    pub(crate) fn len(&self) -> usize {
        self.published.load(Ordering::Acquire)
    }

    /// The number of the entry of these label values: short, copied, and good for [`entry`](Self::entry) as long as the
    /// table lives.
    #[cfg(any(test, feature = "http"))]
    pub(crate) fn number<N: AsRef<str>>(&self, names: &[N], values: &[&str]) -> Option<usize> {
        self.find(self.hasher.hash_one(values), names, values).map(|(number, _)| number)
    }

    #[inline]
    pub(crate) fn entry(&self, number: usize) -> Option<&Entry<V>> {
        let (chunk, offset) = place(number);
        self.chunks.get(chunk)?.get()?.get(offset)?.get()
    }

    fn find<N: AsRef<str>>(&self, hash: u64, names: &[N], values: &[&str]) -> Option<(usize, &Entry<V>)> {
        let index = self.indexes[self.current.load(Ordering::Acquire)].get()?;
        for slot in probe(index, hash) {
            let number = match slot.load(Ordering::Acquire) {
                0 => return None,
                number => number as usize - 1,
            };
            let entry = self.entry(number)?;
            if entry.hash == hash && entry.labels.is(names, values) {
                return Some((number, entry));
            }
        }
        None
    }

    /// Makes the entry findable. Called under the lock.
    fn index(&self, number: usize, hash: u64) -> Option<()> {
        let mut level = self.current.load(Ordering::Relaxed);
        let first = self.indexes[level].get_or_init(|| slots(level));
        if (number + 1) * 4 > first.len() * 3 {
            level += 1;
            let wider = self.indexes.get(level)?.get_or_init(|| slots(level));
            for earlier in 0..number {
                fill(wider, earlier, self.entry(earlier)?.hash);
            }
            self.current.store(level, Ordering::Release);
        }
        fill(self.indexes[level].get()?, number, hash);
        Some(())
    }
}

/// The chunk of an entry, and its place in it.
fn place(number: usize) -> (usize, usize) {
    let chunk = (number / FIRST_ENTRIES + 1).ilog2() as usize;
    (chunk, number - FIRST_ENTRIES * ((1 << chunk) - 1))
}

fn slots(level: usize) -> Box<[AtomicU32]> {
    (0..FIRST_SLOTS << level).map(|_| AtomicU32::new(0)).collect()
}

/// The slots to look at, in order; the length is a power of two.
#[expect(clippy::cast_possible_truncation, reason = "any bits of the hash will do")]
fn probe(index: &[AtomicU32], hash: u64) -> impl Iterator<Item = &AtomicU32> {
    let mask = index.len() - 1;
    (0..index.len()).map(move |step| &index[(hash as usize).wrapping_add(step) & mask])
}

fn fill(index: &[AtomicU32], number: usize, hash: u64) {
    let free = probe(index, hash).find(|slot| slot.load(Ordering::Relaxed) == 0);
    if let (Some(slot), Ok(number)) = (free, u32::try_from(number + 1)) {
        slot.store(number, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const NAMES: [&str; 2] = ["a", "b"];

    #[test]
    fn entries_stay_findable_while_the_table_grows() {
        let table = Table::new();
        for i in 0..5000usize {
            let (a, b) = (i.to_string(), (i / 7).to_string());
            let made = table.get_or_insert(&NAMES, &[&a, &b], |_| true, || i).map(|entry| entry.value);
            assert_eq!(made, Some(i));
        }
        for i in 0..5000usize {
            let (a, b) = (i.to_string(), (i / 7).to_string());
            assert_eq!(table.get(&NAMES, &[&a, &b]).map(|entry| entry.value), Some(i));
            assert_eq!(table.number(&NAMES, &[&a, &b]), Some(i));
            assert_eq!(table.entry(i).map(|entry| entry.value), Some(i));
        }
        assert_eq!(table.iter().map(|entry| entry.value).collect::<Vec<_>>(), (0..5000).collect::<Vec<_>>());
        assert!(table.get(&NAMES, &["0", "1"]).is_none());
    }

    #[test]
    fn threads_that_race_for_a_label_set_share_one_entry() {
        let table = Table::new();
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for i in 0..500 {
                        let i = i.to_string();
                        let entry = table.get_or_insert(
                            &["i"],
                            &[&i],
                            |_| true,
                            || {
                                made.fetch_add(1, Ordering::Relaxed);
                                AtomicUsize::new(0)
                            },
                        );
                        entry.map(|entry| entry.value.fetch_add(1, Ordering::Relaxed));
                    }
                });
            }
        });
        assert_eq!(made.load(Ordering::Relaxed), 500);
        assert_eq!(table.len(), 500);
        assert!(table.iter().all(|entry| entry.value.load(Ordering::Relaxed) == 8));
    }

    proptest! {
        #[test]
        fn it_is_a_map_keyed_by_the_whole_tuple(
            keys in proptest::collection::vec(("[ab\"\\\\]{0,3}", "[ab\"\\\\]{0,3}"), 0..60),
        ) {
            let (table, mut model) = (Table::new(), BTreeMap::new());
            for (i, (a, b)) in keys.iter().enumerate() {
                let expected = *model.entry((a.clone(), b.clone())).or_insert(i);
                let found = table.get_or_insert(&NAMES, &[a, b], |_| true, || i).map(|entry| entry.value);
                prop_assert_eq!(found, Some(expected));
            }
            prop_assert_eq!(table.len(), model.len());
        }
    }
}
