//! Models of the table: series are created while others are looked up, in every order of execution. See
//! [`crate::metric::sync`].
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use loom::thread::JoinHandle;

use super::removable::{Removable, RemovableTable};
use super::series::Place;
use super::{Checked, Family, Table};
use crate::metric::Counter;
use crate::metric::models::thread;
use crate::metric::sync::atomic::{AtomicU64, Ordering};
use crate::metric::sync::{OnceLock, model};
use crate::schema::{Descriptor, OpenLabels, Source};

const NAMES: [&str; 1] = ["key"];

/// Entries hold an atomic, so loom fails if a thread can reach an entry before all of it is visible.
type Numbers = Table<AtomicU64>;

/// Returns a table of this many entries. Seven fill the first index, four fill a chunk.
fn table(entries: u64) -> Arc<Numbers> {
    let table = Table::new();
    for number in 0..entries {
        insert(&table, &number.to_string(), number);
    }
    Arc::new(table)
}

/// Returns the value of the entry. A new entry gets the value `number`.
fn insert(table: &Numbers, key: &str, number: u64) -> u64 {
    let entry = table.get_or_insert(&NAMES, &[key], |_| true, |_| AtomicU64::new(number));
    entry.unwrap().value.load(Ordering::Relaxed)
}

fn get(table: &Numbers, key: &str) -> Option<u64> {
    table.get(&NAMES, &[key]).map(|entry| entry.value.load(Ordering::Relaxed))
}

fn inserts(table: &Arc<Numbers>, key: &'static str, number: u64) -> JoinHandle<u64> {
    thread(table, move |table| insert(table, key, number))
}

#[test]
fn racing_inserts_of_one_key_make_one_entry() {
    for entries in [0, 7] {
        model(3, move || {
            let table = table(entries);
            let threads = [100, 200].map(|number| inserts(&table, "new", number));
            let [first, second] = threads.map(|thread| thread.join().unwrap());
            assert_eq!(first, second);
            assert_eq!(get(&table, "new"), Some(first));
            assert_eq!(table.iter().count() as u64, entries + 1);
        });
    }
}

#[test]
fn every_entry_of_racing_inserts_is_found() {
    // Each insert starts a table, fills a chunk, or fills an index.
    for entries in [0, 3, 6, 7] {
        model(3, move || {
            let table = table(entries);
            let threads = [("a", 100), ("b", 200)].map(|(key, number)| inserts(&table, key, number));
            assert_eq!(threads.map(|thread| thread.join().unwrap()), [100, 200]);
            for number in 0..entries {
                assert_eq!(get(&table, &number.to_string()), Some(number));
            }
            assert_eq!((get(&table, "a"), get(&table, "b")), (Some(100), Some(200)));
        });
    }
}

#[test]
fn an_old_entry_is_found_while_the_index_grows() {
    model(2, || {
        let table = table(7);
        let thread = inserts(&table, "new", 100);
        for number in 0..7 {
            assert_eq!(get(&table, &number.to_string()), Some(number));
        }
        assert!(matches!(get(&table, "new"), None | Some(100)));
        thread.join().unwrap();
    });
}

#[test]
fn iterated_entries_are_complete_in_order_and_found() {
    for old in [0, 6] {
        model(2, move || {
            let table = table(old);
            let thread = thread(&table, |table| {
                insert(table, "a", 100);
                insert(table, "b", 200);
            });
            let len = table.len();
            let entries: Vec<_> = table.iter().map(|entry| (entry.labels.as_str(), &entry.value)).collect();
            assert!(len <= entries.len());
            let expected: Vec<_> = (0..old).map(|n| n.to_string()).chain(["a".to_owned(), "b".to_owned()]).collect();
            for ((labels, value), key) in entries.into_iter().zip(expected) {
                assert_eq!(labels, format!("key=\"{key}\""));
                assert_eq!(get(&table, &key), Some(value.load(Ordering::Relaxed)));
            }
            thread.join().unwrap();
        });
    }
}

/// Checks the values of the one admitted series and of the overflow, after two threads recorded twice each.
fn recorded_under_a_limit_of_one(tenants: [&'static str; 2], expected: (f64, Option<f64>)) {
    model(3, move || {
        let descriptor = Descriptor::counter("x_total", "x").labels(["tenant"]);
        let limit = Arc::new(AtomicUsize::new(1));
        let family: Arc<Family<Counter>> = Arc::new(Family::new(descriptor, Source::caller(), limit));
        let threads = tenants.map(|tenant| {
            thread(&family, move |family| {
                for _ in 0..2 {
                    family.get_or_create(&[tenant]).unwrap().inc();
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let inner = &family.inner;
        let admitted: Vec<_> = inner.loose.get().unwrap().iter().map(|entry| entry.value.get()).collect();
        let overflow = inner.overflow.get().and_then(|table| table.iter().next().map(|entry| entry.value.get()));
        assert_eq!((admitted, overflow), (vec![expected.0], expected.1));
        assert_eq!(inner.overflowed.sum() as f64, overflow.unwrap_or(0.0));
    });
}

#[test]
fn operations_beyond_the_limit_are_kept_and_counted() {
    recorded_under_a_limit_of_one(["a", "b"], (2.0, Some(2.0)));
}

#[test]
fn two_threads_share_the_last_series_before_the_limit() {
    recorded_under_a_limit_of_one(["a", "a"], (4.0, None));
}

/// Returns the value of the entry. A new entry gets the value `number`.
fn insert_removable(table: &RemovableTable<AtomicU64>, key: &str, number: u64) -> u64 {
    let entry = table.get_or_insert(&NAMES, &[key], OpenLabels::ALL, |_| true, |_| AtomicU64::new(number));
    entry.unwrap().value.load(Ordering::Relaxed)
}

#[test]
fn a_place_that_is_reused_is_not_found_for_its_earlier_key() {
    model(2, || {
        let table = Arc::new(RemovableTable::new(AtomicU64::new(0)));
        insert_removable(&table, "old", 1);
        let thread = thread(&table, |table| {
            assert_eq!(table.remove(&NAMES, &["old"], |_| true).unwrap().value.load(Ordering::Relaxed), 1);
            insert_removable(table, "new", 2);
        });
        let found = table.get(&NAMES, &["old"]).map(|entry| entry.value.load(Ordering::Relaxed));
        assert!(matches!(found, None | Some(1)));
        let found = table.get(&NAMES, &["new"]).map(|entry| entry.value.load(Ordering::Relaxed));
        assert!(matches!(found, None | Some(2)));
        thread.join().unwrap();
        assert_eq!((table.get(&NAMES, &["old"]).is_none(), insert_removable(&table, "new", 3)), (true, 2));
    });
}

#[test]
fn no_entry_is_created_twice_while_the_index_is_cleared() {
    model(2, || {
        let table = Arc::new(RemovableTable::new(AtomicU64::new(0)));
        insert_removable(&table, "kept", 1);
        for number in 0..6 {
            insert_removable(&table, &number.to_string(), number);
            drop(table.remove(&NAMES, &[&number.to_string()], |_| true));
        }
        // The index is full of marks now.
        let thread = thread(&table, |table| insert_removable(table, "new", 2));
        assert_eq!(insert_removable(&table, "kept", 3), 1);
        assert_eq!(thread.join().unwrap(), 2);
        assert_eq!(table.len(), 2);
    });
}

#[test]
fn a_walk_has_each_key_once_while_entries_come_and_go() {
    model(2, || {
        let table = Arc::new(RemovableTable::new(AtomicU64::new(0)));
        for (number, key) in ["moved", "gone", "kept"].into_iter().enumerate() {
            insert_removable(&table, key, number as u64);
        }
        let thread = thread(&table, |table| {
            for key in ["moved", "gone"] {
                drop(table.remove(&NAMES, &[key], |_| true));
            }
            // It gets the place that was freed last, which a walk reaches after the earlier one.
            insert_removable(table, "moved", 10);
            insert_removable(table, "new", 11);
        });
        for _ in 0..2 {
            let mut seen: Vec<_> = table.walk().map(|entry| entry.labels.as_str().to_owned()).collect();
            let all = seen.len();
            seen.sort_unstable();
            seen.dedup();
            assert_eq!(seen.len(), all);
            assert!(seen.contains(&"key=\"kept\"".to_owned()));
        }
        thread.join().unwrap();
        assert_eq!(table.walk().count(), 3);
    });
}

#[test]
fn a_look_has_a_series_once_while_functions_start_to_hold_it() {
    model(2, || {
        let descriptor = Descriptor::counter("x_total", "x").labels(["tenant"]);
        let family: Arc<Family<Counter>> =
            Arc::new(Family::new(descriptor, Source::caller(), Arc::new(AtomicUsize::new(10))));
        for tenant in ["a", "b"] {
            family.get_or_create(&[tenant]).unwrap();
        }
        let thread = thread(&family, |family| {
            family.known_series(&["a"]);
            family.remove(&["b"]);
            family.known_series(&["b"]);
        });
        let mut seen = Vec::new();
        family.each_series(|labels, _, _| seen.push(labels.as_str().to_owned()));
        let times = |tenant: &str| seen.iter().filter(|labels| **labels == format!("tenant=\"{tenant}\"")).count();
        assert!(times("a") == 1 && times("b") <= 1, "{seen:?}");
        thread.join().unwrap();
    });
}

/// A call site that stores a series of a family.
struct Site {
    family: Family<Counter>,
    stored: OnceLock<Arc<Removable<Counter>>>,
    checked: Checked,
}

impl Site {
    fn new() -> Arc<Self> {
        let descriptor = Descriptor::counter("x_total", "x").labels(["tenant"]);
        let family = Family::new(descriptor, Source::caller(), Arc::new(AtomicUsize::new(10)));
        family.get_or_create(&["a"]).unwrap();
        Arc::new(Self { family, stored: OnceLock::new(), checked: Checked::new() })
    }

    fn store(&self) {
        let Some(Place::Loose(entry)) = self.family.loose_place(&["a"], OpenLabels::ALL) else { panic!("no room") };
        self.stored.get_or_init(|| Arc::clone(&entry));
        self.checked.demand();
    }

    fn has_removed_series(&self) -> bool {
        self.stored.get().is_some_and(|entry| entry.is_removed())
    }

    fn is_current(&self) -> bool {
        self.checked.is_current(|| self.has_removed_series())
    }
}

#[test]
fn a_stored_series_that_was_removed_is_noticed_by_the_next_call() {
    // The second number has a mark of its own while the series is checked.
    for removals in [0, 1] {
        model(2, move || {
            let site = Site::new();
            for _ in 0..removals {
                assert!(site.family.remove(&["a"]));
                site.family.get_or_create(&["a"]).unwrap();
            }
            let threads = [
                thread(&site, |site| {
                    site.family.remove(&["a"]);
                }),
                thread(&site, Site::store),
            ];
            site.is_current();
            for thread in threads {
                thread.join().unwrap();
            }
            assert_eq!(site.is_current(), !site.has_removed_series());
            // The check is repeated only if it fails.
            assert_eq!(site.checked.is_current(|| true), !site.has_removed_series());
        });
    }
}
