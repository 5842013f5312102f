//! A map from label sets to values whose entries can be removed. A look-up takes no lock.

use std::array;
use std::hash::BuildHasher as _;
use std::sync::{Arc, PoisonError};

use super::created::Created;
use super::table::{
    CHUNKS, FREE, LEVELS, chunk_len, fill, hash_of, hash_values, number_of, place, place_of, probe, slot, slots,
};
use crate::metric::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use crate::metric::sync::{ArcCell, ArcGuard, HashState, Mutex, MutexGuard, OnceLock};
use crate::schema::{LabelText, OpenLabels, shortened};

/// Places are allocated once and reused; entries are counted references. A reader that has loaded an entry can use it
/// for as long as it likes, and compares the labels of the entry, so it never takes the entry of another label set.
///
/// The index is that of [`Table`](super::Table), with a mark in place of a removed entry. Many marks are cleared in
/// place. Readers can miss an entry meanwhile; they take the lock and look again.
#[derive(Debug)]
pub(crate) struct RemovableTable<V> {
    hasher: HashState,
    chunks: [Chunk<V>; CHUNKS],
    indexes: [OnceLock<Box<[AtomicU64]>>; LEVELS],
    current: AtomicUsize,
    /// The entry of all places without another one.
    vacant: Arc<Removable<V>>,
    writer: Mutex<Writer>,
    /// The number of places that were ever used.
    used: AtomicUsize,
    len: AtomicUsize,
    /// The bytes of the label texts of all entries.
    text: AtomicUsize,
}

type Chunk<V> = OnceLock<Box<[ArcCell<Removable<V>>]>>;

#[derive(Debug, Default)]
struct Writer {
    free: Vec<usize>,
    /// The number of slots of the current index that are not free.
    filled: usize,
    /// `true` if new entries have the age [`Age::OTHER_NEW`].
    has_other_age: bool,
}

impl Writer {
    /// Returns the [age](Age) of new entries.
    fn age(&self) -> u32 {
        if self.has_other_age { Age::OTHER_NEW } else { Age::NEW }
    }
}

#[derive(Debug)]
pub(crate) struct Removable<V> {
    pub(crate) labels: LabelText,
    pub(crate) value: V,
    /// The labels whose values the program does not bound.
    pub(super) open: OpenLabels,
    /// The time of creation, above the [age](Age).
    state: AtomicU32,
}

/// The lowest bits of the state of an entry.
struct Age;

impl Age {
    const BITS: u32 = 2;
    const MASK: u32 = 0b11;
    /// A walk has passed the entry.
    const OLD: u32 = 0;
    /// No walk has passed the entry. Each walk starts the other one of these two ages, so that it can tell the entries that
    /// are created meanwhile.
    const NEW: u32 = 1;
    const OTHER_NEW: u32 = 2;
    /// The entry is no longer in the table.
    const GONE: u32 = 0b11;
}

impl<V> Removable<V> {
    fn new(labels: LabelText, open: OpenLabels, value: V, age: u32) -> Self {
        Self { labels, value, open, state: AtomicU32::new(Created::now().bits() << Age::BITS | age) }
    }

    /// Returns `true` if the entry is no longer in the table.
    #[inline]
    pub(crate) fn is_removed(&self) -> bool {
        self.state.load(Ordering::Acquire) & Age::MASK == Age::GONE
    }

    /// Returns the time at which the entry was created.
    #[inline]
    pub(super) fn created(&self) -> Created {
        Created::from_bits(self.state.load(Ordering::Relaxed) >> Age::BITS)
    }

    /// Returns `true` if the entry was created before a walk that has started this age.
    fn is_before(&self, age: u32) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        match state & Age::MASK {
            now if now == age => return false,
            Age::OLD | Age::GONE => {}
            // Fails only if the entry is removed at this moment.
            _ => _ = self.state.compare_exchange(state, state & !Age::MASK, Ordering::Relaxed, Ordering::Relaxed),
        }
        true
    }
}

/// A walk over entries. If it is dropped before its end, it passes the rest of them, so that the next walk, which gives
/// new entries the age of these, does not take them for new.
struct Walk<I: Iterator>(I);

impl<I: Iterator> Iterator for Walk<I> {
    type Item = I::Item;

    #[inline]
    fn next(&mut self) -> Option<I::Item> {
        self.0.next()
    }
}

impl<I: Iterator> Drop for Walk<I> {
    fn drop(&mut self) {
        self.0.by_ref().for_each(drop);
    }
}

/// A loaded entry. Holding it does not keep the entry in the table.
pub(crate) type Loaded<V> = ArcGuard<Removable<V>>;

/// The value of a slot whose entry was removed. Slots of entries are odd.
const REMOVED: u64 = 2;

impl<V> RemovableTable<V> {
    /// Creates an empty table. No look-up returns `vacant`.
    pub(crate) fn new(vacant: V) -> Self {
        Self {
            hasher: HashState::default(),
            chunks: array::from_fn(|_| OnceLock::new()),
            indexes: array::from_fn(|_| OnceLock::new()),
            current: AtomicUsize::new(0),
            vacant: Arc::new(Removable::new(LabelText::new::<&str>(&[], &[]), OpenLabels::ALL, vacant, 0)),
            writer: Mutex::new(Writer::default()),
            used: AtomicUsize::new(0),
            len: AtomicUsize::new(0),
            text: AtomicUsize::new(0),
        }
    }

    /// Returns the entry of these label values.
    #[inline]
    pub(crate) fn get<N: AsRef<str>>(&self, names: &[N], values: &[&str]) -> Option<Loaded<V>> {
        self.find(self.hash(values), names, values)
    }

    /// Returns the entry of these label values. Creates it if it is new and `admit` accepts the current number of
    /// entries. The entry has the [shortened] values, from which `value` creates it.
    pub(crate) fn get_or_insert<N: AsRef<str>>(
        &self,
        names: &[N],
        values: &[&str],
        open: OpenLabels,
        admit: impl Fn(usize) -> bool,
        value: impl FnOnce(&[&str]) -> V,
    ) -> Option<Loaded<V>> {
        let hash = self.hash(values);
        self.find(hash, names, values).or_else(|| self.insert(hash, names, values, open, admit, value))
    }

    #[cold]
    fn insert<N: AsRef<str>>(
        &self,
        hash: u32,
        names: &[N],
        values: &[&str],
        open: OpenLabels,
        admit: impl Fn(usize) -> bool,
        value: impl FnOnce(&[&str]) -> V,
    ) -> Option<Loaded<V>> {
        if let Some(short) = shortened(values) {
            let short: Vec<_> = short.iter().map(AsRef::as_ref).collect();
            return self.get_or_insert(names, &short, open, admit, value);
        }
        let mut writer = self.writer();
        if let Some(found) = self.find(hash, names, values) {
            return Some(found);
        }
        if !admit(self.len()) {
            return None;
        }
        let number = writer.free.last().copied().unwrap_or_else(|| self.used.load(Ordering::Relaxed));
        let (chunk, offset) = place(number);
        let vacant = || ArcCell::new(Arc::clone(&self.vacant));
        let cells = self.chunks.get(chunk)?.get_or_init(|| (0..chunk_len(chunk)).map(|_| vacant()).collect());
        let cell = cells.get(offset)?;
        let entry = Arc::new(Removable::new(LabelText::new(names, values), open, value(values), writer.age()));
        let bytes = entry.labels.as_str().len();
        cell.store(entry);
        self.index(&mut writer, slot(hash, chunk, offset))?;
        if writer.free.pop().is_none() {
            self.used.store(number + 1, Ordering::Release);
        }
        self.text.fetch_add(bytes, Ordering::Relaxed);
        // Whoever sees that the table is full also finds the entry.
        self.len.fetch_add(1, Ordering::Release);
        Some(cell.load())
    }

    /// Removes the entry of these label values, if `remove` accepts it, and returns it.
    pub(crate) fn remove<N: AsRef<str>>(
        &self,
        names: &[N],
        values: &[&str],
        remove: impl Fn(&Removable<V>) -> bool,
    ) -> Option<Arc<Removable<V>>> {
        if let Some(short) = shortened(values) {
            return self.remove(names, &short.iter().map(AsRef::as_ref).collect::<Vec<_>>(), remove);
        }
        let hash = self.hash(values);
        let mut writer = self.writer();
        let index = self.indexes[self.current.load(Ordering::Relaxed)].get()?;
        for indexed in probe(index, hash) {
            let now = indexed.load(Ordering::Relaxed);
            if now == FREE {
                return None;
            }
            let Some(cell) = self.cell(now).filter(|_| hash_of(now) == hash) else { continue };
            if !self.is(&cell.load(), names, values) {
                continue;
            }
            if !remove(&cell.load()) {
                return None;
            }
            indexed.store(REMOVED, Ordering::Release);
            let removed = cell.swap(Arc::clone(&self.vacant));
            removed.state.fetch_or(Age::GONE, Ordering::Release);
            writer.free.push(number_of(place_of(now)));
            self.text.fetch_sub(removed.labels.as_str().len(), Ordering::Relaxed);
            self.len.fetch_sub(1, Ordering::Relaxed);
            return Some(removed);
        }
        None
    }

    /// Returns all entries, in the order of their places.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Loaded<V>> {
        let cells = self.chunks.iter().map_while(|chunk| chunk.get()).flatten();
        let loaded = cells.take(self.used.load(Ordering::Acquire)).map(ArcCell::load);
        loaded.filter(|entry| !Arc::ptr_eq(entry, &self.vacant))
    }

    /// Returns the entries that exist now, without those that are removed before the iterator gets there. An entry that
    /// is created meanwhile is not among them, so no labels come twice. The caller drops a walk before it starts another
    /// one.
    pub(super) fn walk(&self) -> impl Iterator<Item = Loaded<V>> {
        let age = {
            let mut writer = self.writer();
            writer.has_other_age = !writer.has_other_age;
            writer.age()
        };
        Walk(self.iter().filter(move |entry| entry.is_before(age)))
    }

    /// Returns the number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len.load(Ordering::Acquire)
    }

    /// Returns the bytes of the label texts of all entries.
    pub(super) fn text_len(&self) -> usize {
        self.text.load(Ordering::Relaxed)
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // No step under the lock panics, so the data behind a poisoned lock is consistent.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the hash of label values, for [`find`](Self::find).
    #[inline]
    pub(crate) fn hash(&self, values: &[&str]) -> u32 {
        hash_values(self.hasher.build_hasher(), values)
    }

    /// Returns the entry of these label values, whose hash is known.
    pub(crate) fn find<N: AsRef<str>>(&self, hash: u32, names: &[N], values: &[&str]) -> Option<Loaded<V>> {
        let index = self.indexes[self.current.load(Ordering::Acquire)].get()?;
        for indexed in probe(index, hash) {
            let now = indexed.load(Ordering::Acquire);
            if now == FREE {
                return None;
            }
            if hash_of(now) == hash
                && let Some(cell) = self.cell(now)
            {
                let entry = cell.load();
                if self.is(&entry, names, values) {
                    return Some(entry);
                }
            }
        }
        None
    }

    fn is<N: AsRef<str>>(&self, entry: &Arc<Removable<V>>, names: &[N], values: &[&str]) -> bool {
        !Arc::ptr_eq(entry, &self.vacant) && entry.labels.is(names, values)
    }

    /// Returns the cell of a slot, or `None` for a removed one.
    fn cell(&self, slot: u64) -> Option<&ArcCell<Removable<V>>> {
        let (chunk, offset) = place_of(slot);
        if slot == REMOVED { None } else { self.chunks.get(chunk)?.get()?.get(offset) }
    }

    /// Adds an entry to the index. The caller holds the lock.
    fn index(&self, writer: &mut Writer, slot: u64) -> Option<()> {
        let level = self.current.load(Ordering::Relaxed);
        let index = self.indexes[level].get_or_init(|| slots(level));
        if (writer.filled + 1) * 8 <= index.len() * 7 {
            writer.filled += 1;
            return fill(index, slot);
        }
        let indexed = index.iter().map(|slot| slot.load(Ordering::Relaxed));
        let live: Vec<_> = indexed.filter(|slot| *slot & 1 == 1).collect();
        // Half of it is free again without the marks, or else it is too small.
        let next = level + usize::from(live.len() * 2 >= index.len());
        let index = self.indexes.get(next)?.get_or_init(|| slots(next));
        for cleared in index {
            cleared.store(FREE, Ordering::Release);
        }
        for slot in live.iter().chain([&slot]) {
            fill(index, *slot)?;
        }
        writer.filled = live.len() + 1;
        self.current.store(next, Ordering::Release);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const NAMES: [&str; 1] = ["a"];

    fn insert(table: &RemovableTable<usize>, key: &str, number: usize) -> usize {
        table.get_or_insert(&NAMES, &[key], OpenLabels::ALL, |_| true, |_| number).unwrap().value
    }

    fn remove(table: &RemovableTable<usize>, key: &str) -> Option<usize> {
        table.remove(&NAMES, &[key], |_| true).map(|entry| entry.value)
    }

    proptest! {
        #[test]
        fn it_is_a_map(operations in proptest::collection::vec((0..40_usize, any::<bool>()), 0..400)) {
            let (table, mut model) = (RemovableTable::new(usize::MAX), BTreeMap::new());
            for (number, (key, inserts)) in operations.into_iter().enumerate() {
                let text = key.to_string();
                if inserts {
                    let expected = *model.entry(key).or_insert(number);
                    prop_assert_eq!(insert(&table, &text, number), expected);
                } else {
                    prop_assert_eq!(remove(&table, &text), model.remove(&key));
                }
                prop_assert_eq!(table.len(), model.len());
            }
            let mut found: Vec<_> = table.iter().map(|entry| entry.value).collect();
            found.sort_unstable();
            let mut expected: Vec<_> = model.into_values().collect();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn places_and_slots_are_reused() {
        let table = RemovableTable::new(usize::MAX);
        for number in 0..100_000 {
            insert(&table, &number.to_string(), number);
            if number >= 20 {
                assert_eq!(remove(&table, &(number - 20).to_string()), Some(number - 20));
            }
        }
        assert_eq!((table.len(), table.used.load(Ordering::Relaxed)), (20, 21));
        assert!(table.indexes[table.current.load(Ordering::Relaxed)].get().unwrap().len() <= 64);
        assert_eq!(table.text_len(), 20 * "a=\"99999\"".len());
    }

    #[test]
    fn a_loaded_entry_outlives_its_removal() {
        let table = RemovableTable::new(usize::MAX);
        insert(&table, "x", 1);
        let loaded = table.get_or_insert(&NAMES, &["x"], OpenLabels::ALL, |_| true, |_| 0).unwrap();
        let removed = table.remove(&NAMES, &["x"], |_| true).unwrap();
        insert(&table, "y", 2);
        assert_eq!((loaded.value, loaded.labels.as_str()), (1, "a=\"x\""));
        assert!(Arc::into_inner(removed).is_none(), "the loaded entry counts");
        drop(loaded);
    }

    #[test]
    fn a_removed_entry_without_readers_is_released() {
        let table = RemovableTable::new(usize::MAX);
        insert(&table, "x", 1);
        assert!(Arc::into_inner(table.remove(&NAMES, &["x"], |_| true).unwrap()).is_some());
    }

    #[test]
    fn threads_find_their_entries_while_others_come_and_go() {
        let table = RemovableTable::new(AtomicUsize::new(0));
        let get_or_create = |table: &RemovableTable<AtomicUsize>, key: &str| {
            table.get_or_insert(&NAMES, &[key], OpenLabels::ALL, |_| true, |_| AtomicUsize::new(0)).unwrap()
        };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let table = &table;
                scope.spawn(move || {
                    let own = format!("own{thread}");
                    for i in 0..5_000 {
                        let entry = get_or_create(table, &own);
                        assert_eq!(entry.value.fetch_add(1, Ordering::Relaxed), i);
                        let shared = (i % 60).to_string();
                        let entry = get_or_create(table, &shared);
                        assert_eq!(entry.labels.as_str(), format!("a=\"{shared}\""));
                        if i % 3 == 0 {
                            drop(table.remove(&NAMES, &[&shared], |_| true));
                        }
                    }
                });
            }
        });
        for thread in 0..4 {
            let removed = table.remove(&NAMES, &[&format!("own{thread}")], |_| true).unwrap();
            assert_eq!(removed.value.load(Ordering::Relaxed), 5_000);
        }
    }
}
