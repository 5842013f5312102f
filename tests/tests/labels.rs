//! Labels of attributes: sources of their values, the time of evaluation, and series that exist from the start.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use metrics_runtime::{Label, LabelValue, track, track_counter, track_histogram, track_in_flight};
use support::{Payload, abandon, page, panics, panics_async, quiet_panic, ready, sample};
use tests::page::Labels;

#[derive(Clone, Copy, Debug, LabelValue, PartialEq)]
enum Source {
    Http,
    BulkImport,
    #[label(rename = "CLI v2")]
    Terminal,
}

/// The label sets of all series of a name.
fn label_sets(name: &str) -> BTreeSet<Labels> {
    page().series(name).into_iter().map(|sample| sample.labels.clone()).collect()
}

/// The sum of all series of a name.
fn total(name: &str) -> f64 {
    page().series(name).into_iter().map(|sample| sample.value).sum()
}

mod at_entry {
    use super::*;

    #[test]
    fn a_label_may_use_a_parameter_that_the_body_moves() {
        #[track_counter(name = "moved_total", labels(tenant = tenant, len = list.len()))]
        fn moved(tenant: String, list: Vec<u8>) -> usize {
            drop(list);
            drop(tenant);
            0
        }
        #[track_counter(name = "moved_later_total", labels(tenant = tenant))]
        async fn moved_later(tenant: String) {
            tokio::task::yield_now().await;
            drop(tenant);
        }
        moved("acme".to_owned(), vec![1, 2]);
        abandon(moved_later("acme".to_owned()));
        assert_eq!(sample("moved_total", [("tenant", "acme"), ("len", "2"), ("status", "success")]), 1.0);
        assert_eq!(sample("moved_later_total", [("tenant", "acme"), ("status", "cancelled")]), 1.0);
    }

    #[test]
    fn a_label_has_the_value_at_entry_even_if_the_body_changes_it() {
        #[track_counter(name = "at_entry_total", labels(number = number))]
        fn at_entry(number: &mut u8) {
            *number = 9;
        }
        let mut number = 1;
        at_entry(&mut number);
        assert_eq!(number, 9);
        assert_eq!(sample("at_entry_total", [("number", "1"), ("status", "success")]), 1.0);
    }

    #[test]
    fn expressions_are_evaluated_once_in_the_order_of_the_labels() {
        thread_local!(static ORDER: Cell<(u8, u8)> = const { Cell::new((0, 0)) });
        fn noted(first: bool) -> &'static str {
            let (a, b) = ORDER.get();
            ORDER.set(if first { (a + 1, b) } else { (a, a + b) });
            if first { "first" } else { "second" }
        }
        const FIXED: &str = "constant";
        struct Service {
            name: String,
        }
        impl Service {
            #[track_counter(
                name = "expressions_total",
                labels(b = noted(true), a = noted(false), name = self.name, fixed = FIXED, block = { 1 + 1 })
            )]
            fn call(&self) {}
        }
        Service { name: "x".to_owned() }.call();
        assert_eq!(ORDER.get(), (1, 1));
        let labels = [
            ("b", "first"),
            ("a", "second"),
            ("name", "x"),
            ("fixed", "constant"),
            ("block", "2"),
            ("status", "success"),
        ];
        assert_eq!(sample("expressions_total", labels), 1.0);
    }

    #[test]
    fn every_label_type_is_accepted() {
        #[track_counter(
            name = "types_total",
            labels(a = a, b = b, c = c, d = d, e = e, f = f, g = g, h = h, i = i, j = j, k = k)
        )]
        #[expect(clippy::too_many_arguments, clippy::many_single_char_names, reason = "one for each type")]
        fn types(
            a: &str,
            b: String,
            c: Cow<'_, str>,
            d: u64,
            e: i8,
            f: bool,
            g: char,
            h: &std::rc::Rc<str>,
            i: Box<str>,
            j: http::Method,
            k: http::StatusCode,
        ) {
            drop((b, c, i, j));
            let _ = (a, d, e, f, g, h, k);
        }
        let method = http::Method::PATCH;
        types(
            "a",
            "b".into(),
            "c".into(),
            u64::MAX,
            -1,
            true,
            'é',
            &"h".into(),
            "i".into(),
            method,
            http::StatusCode::IM_A_TEAPOT,
        );
        let labels = [
            ("a", "a"),
            ("b", "b"),
            ("c", "c"),
            ("d", "18446744073709551615"),
            ("e", "-1"),
            ("f", "true"),
            ("g", "é"),
            ("h", "h"),
            ("i", "i"),
            ("j", "PATCH"),
            ("k", "418"),
            ("status", "success"),
        ];
        assert_eq!(sample("types_total", labels), 1.0);
    }

    #[test]
    fn a_custom_type_can_be_a_label() {
        struct Tenant(u8);
        impl LabelValue for Tenant {
            const VALUES: &'static [&'static str] = &["even", "odd"];
            fn label(&self) -> Label<'_> {
                Label::from_static(if self.0.is_multiple_of(2) { "even" } else { "odd" })
            }
        }
        #[track_counter(name = "own_type_total", labels(tenant = tenant))]
        fn own_type(tenant: &Tenant) -> u8 {
            tenant.0
        }
        own_type(&Tenant(3));
        assert_eq!(sample("own_type_total", [("tenant", "odd"), ("status", "success")]), 1.0);
    }

    #[test]
    fn a_label_is_not_evaluated_if_the_future_is_never_polled() {
        static READ: AtomicUsize = AtomicUsize::new(0);
        fn read() -> usize {
            READ.fetch_add(1, Ordering::Relaxed)
        }
        #[track_counter(name = "unread_total", labels(read = read()))]
        async fn unread() {
            tokio::task::yield_now().await;
        }
        drop(unread());
        assert_eq!(READ.load(Ordering::Relaxed), 0);
        futures::executor::block_on(unread());
        assert_eq!(READ.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn labels_may_be_generic() {
        #[track_counter(name = "generic_labels_total", labels(value = value, size = N))]
        fn generic<T: LabelValue, const N: usize>(value: T, _: [u8; N]) -> T {
            value
        }
        struct Wrapper<T>(T);
        impl<T: LabelValue> Wrapper<T> {
            #[track_counter(name = "generic_self_total", labels(value = self.0, other = other))]
            fn get<U: LabelValue + Copy>(&self, other: &U) -> U {
                *other
            }
        }
        generic("text", [1]);
        generic(7, []);
        Wrapper(true).get(&'x');
        assert_eq!(sample("generic_labels_total", [("value", "text"), ("size", "1"), ("status", "success")]), 1.0);
        assert_eq!(sample("generic_labels_total", [("value", "7"), ("size", "0"), ("status", "success")]), 1.0);
        assert_eq!(sample("generic_self_total", [("value", "true"), ("other", "x"), ("status", "success")]), 1.0);
    }
}

mod of_the_result {
    use super::*;

    #[test]
    fn closures_get_the_whole_result() {
        #[track_counter(
            name = "returned_total",
            labels(
                kind = |found: &Result<String, u8>| if found.is_ok() { "text" } else { "code" },
                size = |found| match found {
                    Ok(text) => text.len(),
                    Err(code) => usize::from(*code),
                }
            )
        )]
        fn returned(good: bool) -> Result<String, u8> {
            if good { Ok("four".to_owned()) } else { Err(7) }
        }
        assert!(returned(true).is_ok());
        assert!(returned(false).is_err());
        assert_eq!(sample("returned_total", [("kind", "text"), ("size", "4"), ("status", "success")]), 1.0);
        assert_eq!(sample("returned_total", [("kind", "code"), ("size", "7"), ("status", "error")]), 1.0);
    }

    #[test]
    fn closures_may_borrow_from_the_result_and_use_remaining_parameters() {
        #[track_counter(
            name = "borrowed_total",
            labels(first = |text: &String| &text[..1], both = |text: &String| format!("{prefix}{text}"))
        )]
        fn borrowed(prefix: &str) -> String {
            prefix.to_uppercase()
        }
        assert_eq!(borrowed("ab"), "AB");
        assert_eq!(sample("borrowed_total", [("first", "A"), ("both", "abAB"), ("status", "success")]), 1.0);
    }

    /// Without a result, the label has the outcome of the call.
    #[test]
    fn without_a_result_the_label_is_panic_or_cancelled() {
        #[track_counter(name = "nothing_returned_total", labels(tenant = tenant, size = |size: &u8| *size))]
        async fn nothing_returned(tenant: &str, wait: bool) -> u8 {
            if wait { pending().await } else { quiet_panic() }
        }
        assert_eq!(ready(panics_async(nothing_returned("a", false))), Payload(7));
        abandon(nothing_returned("a", true));
        let labels = |size: &'static str| [("tenant", "a"), ("size", size), ("status", size)];
        assert_eq!(sample("nothing_returned_total", labels("panic")), 1.0);
        assert_eq!(sample("nothing_returned_total", labels("cancelled")), 1.0);
    }

    #[test]
    fn a_custom_status_replaces_the_outcome() {
        #[track_counter(
            name = "own_status_total",
            labels(status = |found: &Option<u8>| if found.is_some() { "found" } else { "missing" })
        )]
        fn own_status(found: Option<u8>) -> Option<u8> {
            found.map(|number| if number == 9 { quiet_panic() } else { number })
        }
        own_status(Some(1));
        own_status(None);
        assert_eq!(panics(|| own_status(Some(9))), Payload(7));
        for status in ["found", "missing", "panic"] {
            assert_eq!(sample("own_status_total", [("status", status)]), 1.0, "{status}");
        }
        assert_eq!(label_sets("own_status_total").len(), 3);
    }

    #[test]
    fn a_gauge_of_calls_in_flight_has_no_labels_of_the_result() {
        #[track_in_flight(name = "entry_only", labels(tenant = tenant))]
        #[track(name = "both_kinds", in_flight, labels(tenant = tenant, size = |size: &u8| *size))]
        fn both(tenant: &str) -> u8 {
            assert_eq!(sample("both_kinds_in_flight", [("tenant", tenant)]), 1.0);
            assert_eq!(sample("entry_only", [("tenant", tenant)]), 1.0);
            1
        }
        both("a");
        assert_eq!(sample("both_kinds_in_flight", [("tenant", "a")]), 0.0);
        assert_eq!(sample("both_kinds_total", [("tenant", "a"), ("size", "1"), ("status", "success")]), 1.0);
        assert_eq!(sample("both_kinds_duration_seconds_count", [("tenant", "a"), ("size", "1")]), 1.0);
    }
}

mod known_from_the_start {
    use super::*;

    const STATUSES: [&str; 4] = ["success", "error", "panic", "cancelled"];
    const SOURCES: [&str; 3] = ["http", "bulk_import", "CLI v2"];

    fn with_every_status(labels: &[&[(&str, &str)]]) -> BTreeSet<Labels> {
        let with = |labels: &[(&str, &str)], status: &str| {
            let all = labels.iter().copied().chain([("status", status)]);
            all.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
        };
        labels.iter().flat_map(|labels| STATUSES.map(|status| with(labels, status))).collect()
    }

    #[test]
    fn series_of_an_enum_parameter() {
        #[track_counter(name = "known_parameter_total", labels(source = source))]
        fn parameter(source: Source) -> Source {
            source
        }
        let all: Vec<_> = SOURCES.iter().map(|source| [("source", *source)]).collect();
        let all: Vec<_> = all.iter().map(<[_; 1]>::as_slice).collect();
        assert_eq!(label_sets("known_parameter_total"), with_every_status(&all));
        assert_eq!(total("known_parameter_total"), 0.0);
        assert_eq!(parameter(Source::BulkImport), Source::BulkImport);
        assert_eq!(sample("known_parameter_total", [("source", "bulk_import"), ("status", "success")]), 1.0);
        assert_eq!(label_sets("known_parameter_total"), with_every_status(&all));
    }

    #[test]
    fn series_of_a_reference_a_bool_and_a_literal() {
        #[track_counter(name = "known_mixed_total", labels(fixed = "x", flag = flag, source = source))]
        #[expect(clippy::trivially_copy_pass_by_ref, reason = "the test needs a reference")]
        fn mixed(flag: bool, source: &Source) -> bool {
            flag && *source == Source::Http
        }
        assert_eq!(label_sets("known_mixed_total").len(), STATUSES.len() * 2 * SOURCES.len());
        assert!(mixed(true, &Source::Http));
        let labels = [("fixed", "x"), ("flag", "true"), ("source", "http"), ("status", "success")];
        assert_eq!(sample("known_mixed_total", labels), 1.0);
        assert_eq!(total("known_mixed_total"), 1.0);
    }

    #[test]
    fn series_of_a_label_with_an_explicit_type() {
        struct Job {
            source: Source,
        }
        #[track_histogram(name = "known_typed_seconds", labels(source: Source = job.source, good: bool = |found| found.is_some()))]
        fn typed(job: &Job) -> Option<Source> {
            Some(job.source)
        }
        let name = "known_typed_seconds_count";
        // The values of the result, and `panic`.
        assert_eq!(label_sets(name).len(), SOURCES.len() * 3);
        assert_eq!(typed(&Job { source: Source::Terminal }), Some(Source::Terminal));
        assert_eq!(sample(name, [("source", "CLI v2"), ("good", "true")]), 1.0);
        assert_eq!(total(name), 1.0);
    }

    #[test]
    fn series_of_a_closure_with_a_return_type() {
        #[track_counter(name = "known_closure_total", labels(source = |source: &Source| -> Source { *source }))]
        fn closure() -> Source {
            Source::Http
        }
        // Success and error with each value, and panic and cancelled with themselves.
        assert_eq!(label_sets("known_closure_total").len(), 2 * SOURCES.len() + 2);
        closure();
        assert_eq!(sample("known_closure_total", [("source", "http"), ("status", "success")]), 1.0);
    }

    #[test]
    fn no_series_if_one_label_is_unbounded() {
        #[track_counter(name = "unknown_total", labels(source = source, tenant = tenant))]
        fn unknown(source: Source, tenant: &str) -> usize {
            tenant.len() + usize::from(source == Source::Http)
        }
        assert_eq!(label_sets("unknown_total").len(), 0);
        unknown(Source::Http, "a");
        assert_eq!(label_sets("unknown_total").len(), 1);
    }
}

/// If all labels at entry have bounded types, a series is found by the ordinals of its values.
mod bounded {
    use super::*;

    fn noted(log: &Cell<Vec<&'static str>>, what: &'static str) {
        let mut all = log.take();
        all.push(what);
        log.set(all);
    }

    #[test]
    fn expressions_are_evaluated_once_in_order_before_the_body() {
        #[track_counter(
            name = "bounded_once_total",
            labels(
                source: Source = { noted(log, "source"); Source::Http },
                flag: bool = { noted(log, "flag"); true },
                other: &Source = { noted(log, "other"); &Source::Terminal },
            )
        )]
        fn once(log: &Cell<Vec<&'static str>>) {
            noted(log, "body");
        }
        let log = Cell::default();
        once(&log);
        assert_eq!(log.take(), ["source", "flag", "other", "body"]);
        let labels = [("source", "http"), ("flag", "true"), ("other", "CLI v2"), ("status", "success")];
        assert_eq!(sample("bounded_once_total", labels), 1.0);
        assert_eq!(total("bounded_once_total"), 1.0);
    }

    #[test]
    fn expressions_may_borrow_what_the_body_moves_and_temporaries() {
        struct Job {
            source: Source,
            boxed: Box<Source>,
            lock: Mutex<Source>,
        }
        #[track_counter(
            name = "bounded_borrows_total",
            labels(own: Source = job.source, boxed: Source = job.boxed, guarded: Source = *job.lock.lock().unwrap())
        )]
        fn borrows(job: Job) -> Source {
            // This would deadlock if the guard in the label expression outlived the labels.
            let guarded = *job.lock.lock().unwrap();
            drop(job);
            guarded
        }
        borrows(Job { source: Source::BulkImport, boxed: Box::new(Source::Terminal), lock: Mutex::new(Source::Http) });
        let labels = [("own", "bulk_import"), ("boxed", "CLI v2"), ("guarded", "http"), ("status", "success")];
        assert_eq!(sample("bounded_borrows_total", labels), 1.0);
    }

    #[test]
    fn every_tuple_and_outcome_has_its_own_series() {
        #[track(name = "bounded_calls", in_flight, labels(source: Source = source, flag = flag))]
        async fn call(source: Source, flag: bool, how: u8) -> Result<u8, u8> {
            match how {
                0 => Ok(0),
                1 => Err(1),
                2 => quiet_panic(),
                _ => pending().await,
            }
        }
        let mut calls = 0;
        for source in [Source::Http, Source::BulkImport, Source::Terminal] {
            for flag in [false, true] {
                calls += 1;
                for _ in 0..calls {
                    assert_eq!(ready(call(source, flag, 0)), Ok(0));
                    assert_eq!(ready(call(source, flag, 1)), Err(1));
                    assert_eq!(ready(panics_async(call(source, flag, 2))), Payload(7));
                    abandon(call(source, flag, 3));
                }
            }
        }
        let mut calls = 0.0;
        for source in ["http", "bulk_import", "CLI v2"] {
            for flag in ["false", "true"] {
                calls += 1.0;
                for status in ["success", "error", "panic", "cancelled"] {
                    let labels = [("source", source), ("flag", flag), ("status", status)];
                    assert_eq!(sample("bounded_calls_total", labels), calls, "{labels:?}");
                }
                let labels = [("source", source), ("flag", flag)];
                assert_eq!(sample("bounded_calls_in_flight", labels), 0.0);
                assert_eq!(sample("bounded_calls_duration_seconds_count", labels), 3.0 * calls);
            }
        }
    }

    /// A function that returns a future evaluates its labels at the call.
    #[test]
    fn a_future_is_counted_with_the_labels_of_its_call() {
        #[track_counter(name = "bounded_later_total", labels(source: Source = source.get()))]
        fn later(source: &Cell<Source>) -> impl Future<Output = ()> + use<> {
            std::future::ready(())
        }
        let source = Cell::new(Source::Terminal);
        let (first, second) = (later(&source), later(&source));
        source.set(Source::Http);
        ready(first);
        drop(second);
        assert_eq!(sample("bounded_later_total", [("source", "CLI v2"), ("status", "success")]), 1.0);
        assert_eq!(total("bounded_later_total"), 1.0);
    }

    #[test]
    fn bounded_labels_work_beside_labels_of_the_result() {
        #[track_counter(name = "bounded_result_total", labels(source: Source = source, size = |size: &usize| *size))]
        fn sized(source: Source, text: &str) -> usize {
            if source == Source::Terminal { quiet_panic() } else { text.len() }
        }
        sized(Source::Http, "four");
        sized(Source::BulkImport, "four");
        sized(Source::BulkImport, "four");
        panics(|| sized(Source::Terminal, ""));
        let calls = |source: &'static str, size: &'static str, status: &'static str| {
            sample("bounded_result_total", [("source", source), ("size", size), ("status", status)])
        };
        assert_eq!(calls("http", "4", "success"), 1.0);
        assert_eq!(calls("bulk_import", "4", "success"), 2.0);
        assert_eq!(calls("CLI v2", "panic", "panic"), 1.0);
    }

    #[test]
    fn a_value_without_an_ordinal_is_found_by_its_text() {
        #[derive(Clone, Copy)]
        enum Level {
            Known(bool),
            Other(u8),
        }
        impl LabelValue for Level {
            const VALUES: &'static [&'static str] = &["low", "high"];

            fn label(&self) -> Label<'_> {
                match self {
                    Self::Known(high) => Label::from_static(if *high { "high" } else { "low" }),
                    Self::Other(level) => Label::from(format!("level {level}")),
                }
            }

            fn ordinal(&self) -> Option<usize> {
                match self {
                    Self::Known(high) => Some(usize::from(*high)),
                    Self::Other(level) => Some(usize::from(*level)).filter(|_| *level > 9),
                }
            }
        }
        #[track_counter(name = "bounded_levels_total", labels(level: Level = level, flag = flag))]
        fn levels(level: Level, flag: bool) -> u8 {
            match level {
                Level::Known(_) => u8::from(flag),
                Level::Other(level) => level,
            }
        }
        // One value has no ordinal, another one an ordinal out of range.
        for level in [Level::Known(true), Level::Other(1), Level::Other(10), Level::Other(1)] {
            levels(level, true);
        }
        for (level, calls) in [("low", 0.0), ("high", 1.0), ("level 1", 2.0), ("level 10", 1.0)] {
            let labels = [("level", level), ("flag", "true"), ("status", "success")];
            assert_eq!(sample("bounded_levels_total", labels), calls, "{level}");
        }
        assert_eq!(total("bounded_levels_total"), 4.0);
    }
}

mod identity {
    use super::*;

    #[track_counter(name = "tuples_total", labels(a = a, b = b))]
    fn tuple(a: &str, b: &str) -> usize {
        a.len() + b.len()
    }

    fn count(a: &str, b: &str) -> f64 {
        sample("tuples_total", [("a", a), ("b", b), ("status", "success")])
    }

    #[test]
    fn two_tuples_are_two_series_even_if_their_texts_join_equally() {
        let tuples = [
            ("ab", "c"),
            ("a", "bc"),
            ("abc", ""),
            ("", "abc"),
            ("a\",b=\"b", "c"),
            ("a", "b\",b=\"c"),
            ("a\\", "\"b"),
            ("a\\\"", "b"),
            ("a\n", "b"),
            ("a\\n", "b"),
            ("a", "\nb"),
            ("\u{0}", "é{}#,= "),
        ];
        for (calls, (a, b)) in tuples.iter().enumerate() {
            for _ in 0..=calls {
                tuple(a, b);
            }
        }
        for (calls, (a, b)) in tuples.iter().enumerate() {
            assert_eq!(count(a, b), (calls + 1) as f64, "{a:?} {b:?}");
        }
        assert_eq!(label_sets("tuples_total").len(), tuples.len());
    }

    /// Labels are matched by name, not by order.
    #[test]
    fn two_locations_may_order_their_labels_differently() {
        #[track_counter(name = "ordered_total", help = "One metric.", labels(a = left, b = right))]
        fn one(left: &str, right: &str) -> usize {
            left.len() + right.len()
        }
        #[track_counter(name = "ordered_total", help = "One metric.", labels(b = |()| "2", a = "1"))]
        fn other() {}
        one("1", "2");
        other();
        assert_eq!(sample("ordered_total", [("a", "1"), ("b", "2"), ("status", "success")]), 2.0);
        assert_eq!(label_sets("ordered_total").len(), 1);
    }
}

/// Types of labels that an item in the function cannot name, or only some of them.
mod types {
    use super::*;

    #[derive(Clone, Copy, Debug, LabelValue, PartialEq)]
    enum S {
        Left,
        Right,
    }

    mod m {
        #[derive(Clone, Copy, metrics_runtime::LabelValue)]
        pub(super) enum Kind {
            A,
            B,
        }
    }

    /// The number of series that exist before the first call.
    fn known(name: &str) -> usize {
        label_sets(name).len()
    }

    struct Service<Tenant>(Tenant);

    impl<Tenant: LabelValue + Clone> Service<Tenant> {
        #[track_counter(name = "generic_of_block_total", labels(tenant = tenant))]
        fn make(tenant: Tenant) {
            drop(tenant);
        }

        #[track_counter(name = "generic_by_reference_total", labels(tenant = tenant, kind = kind))]
        async fn asked(tenant: &Tenant, kind: Source) -> Tenant {
            let _ = kind;
            tenant.clone()
        }

        #[track_counter(name = "generic_given_total", labels(tenant: Tenant = self.0.clone(), source = source))]
        fn given(&self, source: Source) -> Source {
            let _ = &self.0;
            source
        }

        #[track_counter(name = "generic_returned_total", labels(tenant: Tenant = |tenant| tenant.clone()))]
        fn returned(self) -> Tenant {
            self.0
        }
    }

    trait Asks<Answer: LabelValue> {
        #[track_counter(name = "generic_of_trait_total", labels(answer = answer))]
        fn ask(answer: Answer) {
            drop(answer);
        }

        #[track_counter(name = "generic_future_total", labels(answer = answer))]
        fn later(answer: Answer) -> impl Future<Output = ()> {
            drop(answer);
            std::future::ready(())
        }
    }

    impl Asks<u8> for Service<u8> {}

    #[track]
    impl<Tenant: LabelValue, const N: u8> Numbered<Tenant, N> {
        #[track(name = "generic_of_annotated_block", labels(tenant = tenant, source = source))]
        fn make(tenant: Tenant, source: Source) -> Self {
            let _ = source;
            Self(tenant)
        }
    }

    struct Numbered<Tenant, const N: u8>(Tenant);

    #[test]
    fn a_label_may_be_a_generic_of_the_block_or_trait_with_any_name() {
        Service::make("acme");
        let service = Service("acme");
        assert_eq!(ready(Service::asked(&"acme", Source::Http)), "acme");
        assert_eq!(service.given(Source::Http), Source::Http);
        assert_eq!(service.returned(), "acme");
        Service::<u8>::ask(4);
        ready(Service::<u8>::later(5));
        assert_eq!(Numbered::<_, 3>::make("acme", Source::Http).0, "acme");
        for name in ["generic_of_block_total", "generic_returned_total"] {
            assert_eq!(sample(name, [("tenant", "acme"), ("status", "success")]), 1.0, "{name}");
        }
        let labels = [("tenant", "acme"), ("kind", "http"), ("status", "success")];
        assert_eq!(sample("generic_by_reference_total", labels), 1.0);
        let labels = [("tenant", "acme"), ("source", "http"), ("status", "success")];
        assert_eq!(sample("generic_given_total", labels), 1.0);
        assert_eq!(sample("generic_of_annotated_block_total", labels), 1.0);
        assert_eq!(sample("generic_of_trait_total", [("answer", "4"), ("status", "success")]), 1.0);
        assert_eq!(sample("generic_future_total", [("answer", "5"), ("status", "success")]), 1.0);
    }

    #[test]
    fn the_values_of_every_type_of_a_module_are_known() {
        #[track_counter(name = "known_short_total", labels(side = side))]
        fn short(side: S) -> S {
            side
        }
        #[track_counter(name = "known_short_given_total", labels(side: S = side))]
        fn short_given(side: S) -> S {
            side
        }
        #[track_counter(name = "known_path_total", labels(kind: m::Kind = kind))]
        fn path(kind: m::Kind) -> m::Kind {
            kind
        }
        struct Store;
        impl Store {
            #[track_counter(name = "known_in_method_total", labels(side = side, flag = flag))]
            fn method(&self, side: S, flag: bool) -> Option<S> {
                let Self = self;
                flag.then_some(side)
            }
        }
        let known: Vec<_> =
            ["known_short_total", "known_short_given_total", "known_path_total", "known_in_method_total"]
                .into_iter()
                .map(known)
                .collect();
        assert_eq!(known, [8, 8, 8, 16]);
        assert_eq!((short(S::Left), short_given(S::Right)), (S::Left, S::Right));
        assert_eq!(Store.method(S::Left, true), Some(S::Left));
        assert!(matches!((path(m::Kind::A), path(m::Kind::B)), (m::Kind::A, m::Kind::B)));
    }

    #[test]
    fn a_type_that_is_local_to_a_function_is_known_if_it_is_given() {
        #[derive(Clone, Copy, LabelValue)]
        enum Local {
            One,
        }
        #[track_counter(name = "known_local_total", labels(local: Local = local))]
        fn given(local: Local) {
            let Local::One = local;
        }
        #[track_counter(name = "unknown_local_total", labels(local = local))]
        fn found(local: Local) {
            let Local::One = local;
        }
        assert_eq!((known("known_local_total"), known("unknown_local_total")), (4, 0));
        given(Local::One);
        found(Local::One);
        assert_eq!(sample("unknown_local_total", [("local", "one"), ("status", "success")]), 1.0);
    }

    #[test]
    fn a_label_may_be_a_parameter_under_a_cfg() {
        #[track_counter(name = "configured_total", labels(a = a))]
        fn configured(#[cfg(not(test))] a: Missing, #[cfg(test)] a: S) -> S {
            a
        }
        #[track_counter(name = "configured_later_total", labels(a = a))]
        async fn later(#[cfg(test)] a: u8, #[cfg(not(test))] a: Missing) -> u8 {
            a
        }
        assert_eq!(known("configured_total"), 8);
        assert_eq!(configured(S::Left), S::Left);
        assert_eq!(ready(later(3)), 3);
        assert_eq!(sample("configured_total", [("a", "left"), ("status", "success")]), 1.0);
        assert_eq!(sample("configured_later_total", [("a", "3"), ("status", "success")]), 1.0);
    }
}

/// Series at zero for labels of the result.
mod known_of_results {
    use super::*;

    #[derive(Clone, Copy, LabelValue)]
    enum Kind {
        None,
        Io,
    }

    #[track(name = "judged", labels(error: Kind = |r| if r.is_ok() { Kind::None } else { Kind::Io }))]
    fn judged(fails: bool) -> Result<(), ()> {
        if fails { Err(()) } else { Ok(()) }
    }

    fn sets<'a>(name: &str, label: &'a str) -> BTreeSet<(String, String)> {
        let value = |labels: &Labels, name: &'a str| labels.get(name).cloned().unwrap_or_default();
        label_sets(name).iter().map(|labels| (value(labels, label), value(labels, "status"))).collect()
    }

    #[test]
    fn the_series_at_zero_are_those_that_can_occur_and_all_of_them() {
        let pairs = |pairs: &[(&str, &str)]| -> BTreeSet<_> {
            pairs.iter().map(|(value, status)| ((*value).to_owned(), (*status).to_owned())).collect()
        };
        let counted = [
            ("none", "success"),
            ("none", "error"),
            ("io", "success"),
            ("io", "error"),
            ("panic", "panic"),
            ("cancelled", "cancelled"),
        ];
        assert_eq!(sets("judged_total", "error"), pairs(&counted));
        let timed = [("none", ""), ("io", ""), ("panic", "")];
        assert_eq!(sets("judged_duration_seconds_count", "error"), pairs(&timed));
        assert!(judged(true).is_err() && judged(false).is_ok());
        assert_eq!(sets("judged_total", "error"), pairs(&counted));
    }
}

/// Control flow inside of closures, async blocks and loops of an argument does not leave it.
mod control_flow {
    use super::*;

    #[test]
    fn an_argument_may_have_control_flow_of_its_own() {
        #[track_counter(
            name = "own_control_flow_total",
            labels(
                parsed = text.split(',').filter_map(|part| Some(part.parse::<u8>().ok()? + 1)).sum::<u8>(),
                first = 'found: {
                    for part in text.split(',') {
                        if part.is_empty() {
                            continue;
                        }
                        break 'found part;
                    }
                    "none"
                },
                looped = {
                    let mut len = 0;
                    loop {
                        if len == text.len() {
                            break len;
                        }
                        len += 1;
                    }
                },
                returned = |r| (|| Some(u8::try_from(*r).ok()? + 1))().unwrap_or_default(),
            ),
            ok_if = |r| {
                if *r == 0 {
                    return false;
                }
                true
            },
        )]
        fn own(text: &str) -> usize {
            text.len()
        }
        assert_eq!(own("1,x,2"), 5);
        let labels = [("parsed", "5"), ("first", "1"), ("looped", "5"), ("returned", "6"), ("status", "success")];
        assert_eq!(sample("own_control_flow_total", labels), 1.0);
    }
}

mod values {
    use super::*;

    #[test]
    fn an_ordinal_is_an_index_into_the_known_values() {
        for value in [false, true] {
            assert_eq!(value.ordinal().map(|i| bool::VALUES[i]), Some(value.label().as_str()));
        }
        assert_eq!("text".ordinal(), None);
    }

    #[test]
    fn numbers_have_their_decimal_text() {
        assert_eq!(i128::MIN.label().as_str(), i128::MIN.to_string());
        assert_eq!(u8::MAX.label().as_str(), "255");
        assert_eq!('é'.label().as_str(), "é");
        assert_eq!(<&bool as LabelValue>::label(&&true).as_str(), "true");
    }
}

mod of_the_counter {
    use super::*;

    #[derive(Clone, Copy, LabelValue)]
    enum Cause {
        None,
        Io,
    }

    fn cause<T>(result: &Result<T, ()>) -> Cause {
        if result.is_ok() { Cause::None } else { Cause::Io }
    }

    fn names(metric: &str) -> BTreeSet<String> {
        label_sets(metric).into_iter().flat_map(|labels| labels.into_keys().filter(|name| name != "le")).collect()
    }

    #[test]
    fn no_histogram_and_no_gauge_has_the_label() {
        #[track(name = "fetch", in_flight, labels(tenant = tenant), counter_labels(cause = |r| -> Cause { cause(r) }))]
        fn fetch(tenant: &str, result: Result<(), ()>) -> Result<(), ()> {
            assert_eq!(sample("fetch_in_flight", [("tenant", tenant)]), 1.0);
            result
        }
        assert_eq!(fetch("acme", Ok(())), Ok(()));
        assert_eq!(fetch("acme", Err(())), Err(()));
        let count = |cause: &str, status: &str| {
            sample("fetch_total", [("tenant", "acme"), ("cause", cause), ("status", status)])
        };
        assert_eq!((count("none", "success"), count("io", "error")), (1.0, 1.0));
        assert_eq!(sample("fetch_duration_seconds_count", [("tenant", "acme")]), 2.0);
        assert_eq!(names("fetch_duration_seconds_bucket"), ["tenant".to_owned()].into());
        assert_eq!(names("fetch_in_flight"), ["tenant".to_owned()].into());
    }

    #[test]
    fn the_other_metrics_keep_their_labels_if_only_the_counter_is_full() {
        #[track(name = "upload", limit = 3, labels(tenant = tenant), counter_labels(reason = |r| r.unwrap_err().to_string()))]
        fn upload(tenant: &str, reason: u32) -> Result<(), u32> {
            if tenant.is_empty() { Ok(()) } else { Err(reason) }
        }
        for reason in 0..12 {
            upload("acme", reason).unwrap_err();
        }
        assert_eq!(sample("upload_duration_seconds_count", [("tenant", "acme")]), 12.0);
        for tenant in ["b", "c", "d", "e"] {
            upload(tenant, 1).unwrap_err();
        }
        let durations = |tenant: &str| sample("upload_duration_seconds_count", [("tenant", tenant)]);
        assert_eq!((durations("b"), durations("c"), durations("_overflow")), (1.0, 1.0, 2.0));
        assert_eq!(total("upload_total"), 16.0);
    }

    #[test]
    fn its_series_exist_at_zero_if_all_values_are_known() {
        #[track(name = "store", objective(latency("1s", 99.0)), counter_labels(cause = |r| -> Cause { cause(r) }, kind = "file"))]
        async fn store() -> Result<(), ()> {
            pending().await
        }
        let series: BTreeSet<_> = label_sets("store_total")
            .into_iter()
            .map(|labels| (labels["cause"].clone(), labels["status"].clone()))
            .collect();
        let expected = [
            ("cancelled", "cancelled"),
            ("io", "error"),
            ("io", "success"),
            ("none", "error"),
            ("none", "success"),
            ("panic", "panic"),
        ];
        assert_eq!(series, expected.map(|(cause, status)| (cause.to_owned(), status.to_owned())).into());
        assert_eq!(label_sets("store_duration_seconds_count"), [Labels::new()].into());
        assert_eq!(label_sets("store_overdue_total"), [Labels::new()].into());
        abandon(store());
        let cancelled = [("cause", "cancelled"), ("kind", "file"), ("status", "cancelled")];
        assert_eq!(sample("store_total", cancelled), 1.0);
    }

    #[test]
    fn its_value_may_be_evaluated_before_the_body_and_be_any_text() {
        #[track(name = "send", labels(kind = |r| *r), counter_labels(to = to, size = |r| r.to_string()))]
        fn send(to: String) -> u8 {
            drop(to);
            7
        }
        send("ada".to_owned());
        send("bob".to_owned());
        let count = |to: &str| sample("send_total", [("kind", "7"), ("to", to), ("size", "7"), ("status", "success")]);
        assert_eq!((count("ada"), count("bob")), (1.0, 1.0));
        assert_eq!(sample("send_duration_seconds_count", [("kind", "7")]), 2.0);
    }

    #[test]
    fn methods_and_presets_have_such_labels() {
        use metrics_runtime::presets::{Instrument, Preset};

        const MAIL: Preset = Preset::new()
            .calls(Instrument::counter("posts_total", "Posts."))
            .duration(Instrument::histogram("post_duration_seconds", "Duration.", &[1.0]).unit("seconds"));

        struct Post;

        #[track]
        impl Post {
            #[track(preset = MAIL, labels(kind = "letter"), counter_labels(cause = |r| -> Cause { cause(r) }))]
            fn send() -> Result<(), ()> {
                Err(())
            }
        }
        assert_eq!(Post::send(), Err(()));
        assert_eq!(sample("posts_total", [("kind", "letter"), ("cause", "io"), ("status", "error")]), 1.0);
        assert_eq!(sample("post_duration_seconds_count", [("kind", "letter")]), 1.0);
    }
}
