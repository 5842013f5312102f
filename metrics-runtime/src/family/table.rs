//! An append-only map from label sets to values. A look-up takes no lock and allocates nothing.

use std::array;
use std::hash::{BuildHasher, Hasher};
use std::sync::PoisonError;

use crate::metric::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::metric::sync::{HashState, Mutex, OnceLock, TABLE_SIZES};
use crate::schema::{LabelText, shortened};

/// The number of entries of the first chunks.
const FIRST_ENTRIES: usize = 4;
/// The number of chunks of one size. The next chunks have twice as many entries, so in a large table at most about a
/// fifth of the allocated entries is unused.
const CHUNKS_PER_SIZE: usize = 4;
pub(super) const CHUNKS: usize = TABLE_SIZES * CHUNKS_PER_SIZE;
/// The number of slots of the first index. Each further index has twice as many, more than there can be entries.
const FIRST_SLOTS: usize = 8;
pub(super) const LEVELS: usize = TABLE_SIZES + 3;

/// Entries are written once and never move, so a reader can hold a reference for as long as the table lives.
///
/// A hash index has the position of each entry. When it is seven eighths full, an index of twice the size is filled and
/// published. Readers of the old index miss new entries; they take the lock and look again. The index also has the hash
/// of each entry, so entries with another hash are skipped, and a larger index is filled, without reading entries.
#[derive(Debug)]
pub(crate) struct Table<V> {
    hasher: HashState,
    chunks: [Chunk<V>; CHUNKS],
    indexes: [OnceLock<Box<[AtomicU64]>>; LEVELS],
    current: AtomicUsize,
    /// The number of entries. The lock admits one writer at a time.
    len: Mutex<usize>,
    /// The same number for readers: every entry below it is complete.
    published: AtomicUsize,
    /// The bytes of the label texts of all entries.
    text: AtomicUsize,
}

type Chunk<V> = OnceLock<Box<[OnceLock<Entry<V>>]>>;

#[derive(Debug)]
pub(crate) struct Entry<V> {
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
            text: AtomicUsize::new(0),
        }
    }

    /// Returns the entry of these label values.
    #[inline]
    pub(crate) fn get<N: AsRef<str>>(&self, names: &[N], values: &[&str]) -> Option<&Entry<V>> {
        self.find(self.hash(values), names, values)
    }

    /// Returns the entry of these label values. Creates it if it is new and `admit` accepts the current number of
    /// entries. The entry has the [shortened] values, from which `value` creates it.
    #[inline]
    pub(crate) fn get_or_insert<N: AsRef<str>>(
        &self,
        names: &[N],
        values: &[&str],
        admit: impl Fn(usize) -> bool,
        value: impl FnOnce(&[&str]) -> V,
    ) -> Option<&Entry<V>> {
        let hash = self.hash(values);
        if let Some(entry) = self.find(hash, names, values) {
            return Some(entry);
        }
        self.insert(hash, names, values, admit, value)
    }

    #[cold]
    fn insert<N: AsRef<str>>(
        &self,
        hash: u32,
        names: &[N],
        values: &[&str],
        admit: impl Fn(usize) -> bool,
        value: impl FnOnce(&[&str]) -> V,
    ) -> Option<&Entry<V>> {
        // Values that are too long are in no entry, so they get here.
        if let Some(short) = shortened(values) {
            let short: Vec<_> = short.iter().map(AsRef::as_ref).collect();
            return self.get_or_insert(names, &short, admit, value);
        }
        // Without the lock, so that clients that always send new values do not block others. The entry may be one of those
        // that were counted.
        if !admit(self.len()) {
            return self.find(hash, names, values);
        }
        // No step below panics, so the data behind a poisoned lock is consistent.
        let mut len = self.len.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = self.find(hash, names, values) {
            return Some(entry);
        }
        if !admit(*len) {
            return None;
        }
        let entry = Entry { labels: LabelText::new(names, values), value: value(values) };
        let (chunk, offset) = place(*len);
        let entries = self.chunks.get(chunk)?.get_or_init(|| (0..chunk_len(chunk)).map(|_| OnceLock::new()).collect());
        let entry = entries.get(offset)?.get_or_init(|| entry);
        self.index(*len, slot(hash, chunk, offset))?;
        *len += 1;
        self.text.fetch_add(entry.labels.as_str().len(), Ordering::Relaxed);
        self.published.store(*len, Ordering::Release);
        Some(entry)
    }

    /// Returns all entries in the order of creation.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<V>> {
        let chunks = self.chunks.iter().map_while(|chunk| chunk.get());
        chunks.flatten().take(self.len()).filter_map(OnceLock::get)
    }

    pub(crate) fn len(&self) -> usize {
        self.published.load(Ordering::Acquire)
    }

    /// Returns the bytes of the label texts of all entries.
    pub(crate) fn text_len(&self) -> usize {
        self.text.load(Ordering::Relaxed)
    }

    #[inline]
    fn entry(&self, (chunk, offset): (usize, usize)) -> Option<&Entry<V>> {
        self.chunks.get(chunk)?.get()?.get(offset)?.get()
    }

    /// Returns the hash of label values. It is seeded, since a client may choose the values. Tuples with equal hashes
    /// are distinguished by their text.
    #[inline]
    fn hash(&self, values: &[&str]) -> u32 {
        hash_values(self.hasher.build_hasher(), values)
    }

    /// Returns the number of the entry of these label values, for [`numbered`](Self::numbered). It stays valid for as
    /// long as the table lives.
    pub(crate) fn number<N: AsRef<str>>(&self, names: &[N], values: &[&str]) -> Option<usize> {
        let find = |values: &[&str]| self.find_slot(self.hash(values), names, values);
        let found = find(values).or_else(|| {
            let short = shortened(values)?;
            find(&short.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        });
        found.map(|(slot, _)| number_of(place_of(slot)))
    }

    /// Returns the entry with this number.
    #[inline]
    pub(crate) fn numbered(&self, number: usize) -> Option<&Entry<V>> {
        self.entry(place(number))
    }

    #[inline]
    fn find<N: AsRef<str>>(&self, hash: u32, names: &[N], values: &[&str]) -> Option<&Entry<V>> {
        self.find_slot(hash, names, values).map(|(_, entry)| entry)
    }

    #[inline]
    fn find_slot<N: AsRef<str>>(&self, hash: u32, names: &[N], values: &[&str]) -> Option<(u64, &Entry<V>)> {
        let index = self.indexes[self.current.load(Ordering::Acquire)].get()?;
        for slot in probe(index, hash) {
            let slot = slot.load(Ordering::Acquire);
            if slot == FREE {
                return None;
            }
            if hash_of(slot) == hash {
                let entry = self.entry(place_of(slot))?;
                if entry.labels.is(names, values) {
                    return Some((slot, entry));
                }
            }
        }
        None
    }

    /// Adds an entry to the index, which has `others` entries. The caller holds the lock.
    fn index(&self, others: usize, slot: u64) -> Option<()> {
        let level = self.current.load(Ordering::Relaxed);
        let index = self.indexes[level].get_or_init(|| slots(level));
        if (others + 1) * 8 <= index.len() * 7 {
            return fill(index, slot);
        }
        let wider = self.indexes.get(level + 1)?.get_or_init(|| slots(level + 1));
        for earlier in index {
            let earlier = earlier.load(Ordering::Relaxed);
            if earlier != FREE {
                fill(wider, earlier)?;
            }
        }
        fill(wider, slot)?;
        self.current.store(level + 1, Ordering::Release);
        Some(())
    }
}

/// Returns the hash of label values.
#[inline]
pub(super) fn hash_values(mut hasher: impl Hasher, values: &[&str]) -> u32 {
    for value in values {
        hasher.write(value.as_bytes());
    }
    (hasher.finish() >> 32) as u32
}

/// Returns the chunk of an entry and its offset in the chunk.
#[inline]
pub(super) fn place(number: usize) -> (usize, usize) {
    // With this offset, the chunks of each size start at a power of two.
    let number = number + FIRST_ENTRIES * CHUNKS_PER_SIZE;
    let size = (number / (FIRST_ENTRIES * CHUNKS_PER_SIZE)).ilog2() as usize;
    let len = FIRST_ENTRIES << size;
    (CHUNKS_PER_SIZE * size + number / len - CHUNKS_PER_SIZE, number % len)
}

/// Returns the number of an entry: the inverse of [`place`].
pub(super) fn number_of((chunk, offset): (usize, usize)) -> usize {
    (chunk % CHUNKS_PER_SIZE + CHUNKS_PER_SIZE) * chunk_len(chunk) + offset - FIRST_ENTRIES * CHUNKS_PER_SIZE
}

pub(super) fn chunk_len(chunk: usize) -> usize {
    FIRST_ENTRIES << (chunk / CHUNKS_PER_SIZE)
}

pub(super) fn slots(level: usize) -> Box<[AtomicU64]> {
    (0..FIRST_SLOTS << level).map(|_| AtomicU64::new(FREE)).collect()
}

/// Returns the slots to look at, in order. The length of the index is a power of two.
#[inline]
pub(super) fn probe(index: &[AtomicU64], hash: u32) -> impl Iterator<Item = &AtomicU64> {
    let mask = index.len() - 1;
    (0..index.len()).map(move |step| &index[(hash as usize).wrapping_add(step) & mask])
}

/// The value of a free slot.
pub(super) const FREE: u64 = 0;

/// Returns the value of a slot. From the highest bits: the hash of the entry, its offset in the chunk, the chunk, and a
/// bit that is set.
pub(super) fn slot(hash: u32, chunk: usize, offset: usize) -> u64 {
    u64::from(hash) << 32 | (offset as u64) << 8 | (chunk as u64) << 1 | 1
}

#[inline]
pub(super) fn hash_of(slot: u64) -> u32 {
    (slot >> 32) as u32
}

#[inline]
pub(super) fn place_of(slot: u64) -> (usize, usize) {
    ((slot >> 1 & 0x7f) as usize, (slot >> 8 & 0xff_ffff) as usize)
}

/// Fills a free slot. Returns `None` if there is none, which cannot happen: an index is replaced before it is full.
pub(super) fn fill(index: &[AtomicU64], slot: u64) -> Option<()> {
    let free = probe(index, hash_of(slot)).find(|free| free.load(Ordering::Relaxed) == FREE)?;
    free.store(slot, Ordering::Release);
    Some(())
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
            let made = table.get_or_insert(&NAMES, &[&a, &b], |_| true, |_| i).map(|entry| entry.value);
            assert_eq!(made, Some(i));
        }
        for i in 0..5000usize {
            let (a, b) = (i.to_string(), (i / 7).to_string());
            assert_eq!(table.get(&NAMES, &[&a, &b]).map(|entry| entry.value), Some(i));
            assert_eq!(table.number(&NAMES, &[&a, &b]), Some(i));
            assert_eq!(table.numbered(i).map(|entry| entry.value), Some(i));
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
                            |_| {
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
        fn a_table_is_a_map_keyed_by_the_whole_tuple(
            keys in proptest::collection::vec(("[ab\"\\\\]{0,3}", "[ab\"\\\\]{0,3}"), 0..60),
        ) {
            let (table, mut model) = (Table::new(), BTreeMap::new());
            for (i, (a, b)) in keys.iter().enumerate() {
                let expected = *model.entry((a.clone(), b.clone())).or_insert(i);
                let found = table.get_or_insert(&NAMES, &[a, b], |_| true, |_| i).map(|entry| entry.value);
                prop_assert_eq!(found, Some(expected));
            }
            prop_assert_eq!(table.len(), model.len());
        }
    }
}
