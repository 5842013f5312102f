//! Functions that are difficult for attributes: each compiles without changes, behaves as before, and is recorded.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::executor::block_on;
use futures::future::BoxFuture;
use metrics_runtime::Outcome::{Cancelled, Error, Panic, Success};
use metrics_runtime::{track, track_compression, track_counter, track_histogram, track_in_flight, track_storage};
use support::{Payload, assert_recorded, panics, panics_async, quiet_panic, ready, sample};

mod borrows {
    use super::*;

    #[test]
    fn a_reborrow_is_returned() {
        #[track(name = "reborrow")]
        fn reborrow(number: &mut u8) -> &u8 {
            number
        }
        #[track]
        fn reborrow_mutably<'a>(list: &'a mut Vec<u8>, _: &str) -> &'a mut u8 {
            list.push(1);
            &mut list[0]
        }
        let mut list = vec![5];
        *reborrow_mutably(&mut list, "") += 1;
        assert_eq!(list, [6, 1]);
        assert_eq!(reborrow(&mut 3), &3);
        assert_eq!(sample("reborrow_total", [("status", "success")]), 1.0);
    }

    #[tokio::test]
    async fn a_reborrow_is_returned_by_a_future() {
        #[track]
        async fn reborrow(number: &mut u8) -> &u8 {
            *number += 1;
            number
        }
        #[track]
        async fn longest<'a>(left: &'a str, right: &'a str) -> &'a str {
            if left.len() < right.len() { right } else { left }
        }
        assert_eq!(reborrow(&mut 3).await, &4);
        assert_eq!(longest("a", "bb").await, "bb");
    }

    #[test]
    fn a_borrow_of_the_receiver_is_returned() {
        #[derive(Default)]
        struct Store {
            items: HashMap<u8, String>,
            reads: u32,
        }
        impl Store {
            #[track]
            fn get(&mut self, key: u8) -> Option<&mut String> {
                self.reads += 1;
                self.items.get_mut(&key)
            }
            #[track]
            fn keys(&self) -> impl Iterator<Item = &u8> {
                self.items.keys()
            }
            #[track]
            fn or_insert(&mut self, key: u8) -> &mut String {
                self.items.entry(key).or_default()
            }
        }
        let mut store = Store::default();
        store.or_insert(1).push('x');
        store.get(1).unwrap().push('y');
        assert_eq!(store.items[&1], "xy");
        assert_eq!(store.keys().collect::<Vec<_>>(), [&1]);
        assert_eq!(store.reads, 1);
    }

    #[test]
    fn parameters_may_be_mutable() {
        #[track]
        fn grown(mut list: Vec<u8>) -> Vec<u8> {
            list.push(1);
            list
        }
        #[track]
        fn count(mut self_less: usize, mut step: impl FnMut() -> usize) -> usize {
            while self_less < 10 {
                self_less += step();
            }
            self_less
        }
        #[track]
        async fn grown_later(mut list: Vec<u8>) -> Vec<u8> {
            tokio::task::yield_now().await;
            list.push(1);
            list
        }
        #[derive(Debug, PartialEq)]
        struct Counter(u8);
        impl Counter {
            #[track]
            fn next(mut self) -> Self {
                self.0 += 1;
                self
            }
            #[track]
            async fn next_later(mut self: Box<Self>) -> Box<Self> {
                self.0 += 1;
                self
            }
        }
        assert_eq!(grown(vec![]), [1]);
        assert_eq!(count(1, || 4), 13);
        assert_eq!(ready(async { grown_later(vec![]).now_or_never() }), None);
        assert_eq!(Counter(1).next(), Counter(2));
        assert_eq!(*ready(Box::new(Counter(1)).next_later()), Counter(2));
    }

    #[test]
    fn parameters_may_be_patterns() {
        struct Point {
            x: u8,
            y: u8,
        }
        struct Wrapped(u8);
        #[track_counter(name = "apart_total", labels(x = x, third = third))]
        fn apart(
            Point { x, y: renamed }: Point,
            (a, _): (u8, u8),
            [first, .., third]: [u8; 3],
            &Wrapped(w): &Wrapped,
        ) -> u8 {
            x + renamed + a + first + third + w
        }
        #[track]
        async fn apart_later(Point { x, .. }: Point, whole @ (a, _): (u8, u8), _: u8) -> u8 {
            tokio::task::yield_now().await;
            x + a + whole.1
        }
        let point = || Point { x: 1, y: 2 };
        assert_eq!(apart(point(), (3, 0), [4, 0, 5], &Wrapped(6)), 21);
        assert_eq!(sample("apart_total", [("x", "1"), ("third", "5"), ("status", "success")]), 1.0);
        assert_eq!(block_on(apart_later(point(), (2, 3), 0)), 6);
    }
}

mod types {
    use super::*;

    trait HasOutput {
        type Out;
        fn out() -> Self::Out;
    }
    impl HasOutput for u8 {
        type Out = Result<u16, String>;
        fn out() -> Self::Out {
            Err("none".to_owned())
        }
    }
    impl HasOutput for u16 {
        type Out = u16;
        fn out() -> u16 {
            7
        }
    }

    #[test]
    fn impl_trait_inside_other_types() {
        #[track(name = "impl_in_result", in_flight)]
        fn in_result(good: bool) -> Result<impl ToString, String> {
            if !good {
                return Err("no".into());
            }
            Ok(1)
        }
        #[track]
        fn in_option() -> Option<Result<impl Display, impl Debug>> {
            Some(if true { Ok(1) } else { Err("no") })
        }
        #[track]
        fn in_box() -> Box<dyn Iterator<Item = impl Display>> {
            Box::new([1, 2].into_iter())
        }
        #[track]
        fn in_result_of_box() -> Result<Box<dyn Iterator<Item = impl Display>>, String> {
            Ok(Box::new([1, 2].into_iter()))
        }
        #[track]
        fn in_tuple_and_array() -> (impl Display, [impl Display; 2]) {
            (1, ["a", "b"])
        }
        #[track]
        async fn later(good: bool) -> Result<impl ToString, String> {
            if good { Ok(1) } else { Err("no".into()) }
        }
        assert_eq!(in_result(true).unwrap().to_string(), "1");
        assert!(in_result(false).is_err());
        assert_recorded("impl_in_result", &[Success, Error]);
        assert_eq!(in_option().unwrap().unwrap().to_string(), "1");
        assert_eq!(in_box().map(|item| item.to_string()).collect::<String>(), "12");
        assert_eq!(in_result_of_box().unwrap().map(|item| item.to_string()).collect::<String>(), "12");
        assert_eq!(in_tuple_and_array().1.map(|item| item.to_string()), ["a", "b"]);
        assert_eq!(ready(later(true)).unwrap().to_string(), "1");
    }

    #[test]
    fn impl_trait_with_precise_captures() {
        #[track]
        fn some<'a>(text: &'a str, _other: &str) -> impl Iterator<Item = char> + use<'a> {
            text.chars()
        }
        #[track]
        fn none(_text: &str) -> impl Display + use<> {
            1
        }
        #[track]
        fn generic<'a, T: Display>(value: &'a T, _other: &str) -> impl Display + use<'a, T> {
            value
        }
        let text = "ab".to_owned();
        let (chars, number) = {
            let short_lived = String::new();
            (some(&text, &short_lived), none(&short_lived))
        };
        assert_eq!(chars.rev_text(), "ba");
        assert_eq!(number.to_string(), "1");
        assert_eq!(generic(&2, "").to_string(), "2");
    }

    trait RevText {
        fn rev_text(self) -> String;
    }
    impl<I: Iterator<Item = char>> RevText for I {
        fn rev_text(self) -> String {
            self.collect::<Vec<_>>().into_iter().rev().collect()
        }
    }

    #[test]
    fn paths_with_a_qualified_self_and_leading_colons() {
        #[track(name = "qualified")]
        fn qualified<T: HasOutput>() -> <T as HasOutput>::Out {
            T::out()
        }
        #[track(name = "projected")]
        fn projected() -> <u16 as HasOutput>::Out {
            7
        }
        #[track(name = "rooted")]
        fn rooted() -> ::std::result::Result<u8, ::std::string::String> {
            ::std::result::Result::Err("no".into())
        }
        #[track(name = "rooted_later")]
        async fn rooted_later() -> ::axum::response::Result<::std::primitive::u8> {
            Err(http::StatusCode::BAD_REQUEST)?
        }
        assert_eq!(qualified::<u16>(), 7);
        assert_eq!(projected(), 7);
        assert!(rooted().is_err());
        assert!(ready(rooted_later()).is_err());
        for (metric, status) in [
            ("qualified_total", "success"),
            ("projected_total", "success"),
            ("rooted_total", "error"),
            ("rooted_later_total", "error"),
        ] {
            assert_eq!(sample(metric, [("status", status)]), 1.0, "{metric}");
        }
    }

    #[test]
    fn the_declared_type_still_drives_inference() {
        #[track]
        fn collected() -> Vec<u64> {
            (0..3).collect()
        }
        #[track]
        async fn collected_later() -> Result<HashMap<u8, String>, std::num::ParseIntError> {
            let number = "1".parse()?;
            Ok([(number, "one".into())].into_iter().collect())
        }
        #[track]
        fn parsed() -> Option<u16> {
            let text = ["12"];
            let number = text.first()?.parse().ok()?;
            Some(number)
        }
        #[track]
        fn defaulted() -> (u8, String, Vec<()>) {
            Default::default()
        }
        #[track]
        fn early(flag: bool) -> Box<dyn Display> {
            if flag {
                return Box::new("text");
            }
            Box::new(1)
        }
        assert_eq!(collected(), [0, 1, 2]);
        assert_eq!(ready(collected_later()).unwrap()[&1], "one");
        assert_eq!(parsed(), Some(12));
        assert_eq!(defaulted(), (0, String::new(), vec![]));
        assert_eq!(format!("{}{}", early(true), early(false)), "text1");
    }

    #[test]
    fn values_are_still_coerced() {
        #[track]
        fn boxed_in_result() -> Result<Pin<Box<dyn Future<Output = u8>>>, String> {
            Ok(Box::pin(async { 1 }))
        }
        #[track]
        fn slice(list: &[u8; 3]) -> &[u8] {
            list
        }
        #[track]
        fn pointer() -> fn(u8) -> u8 {
            fn next(number: u8) -> u8 {
                number + 1
            }
            next
        }
        #[track]
        fn closure(step: u8) -> Box<dyn Fn(u8) -> u8> {
            Box::new(move |number| number + step)
        }
        #[track]
        async fn error(fail: bool) -> Result<u8, Box<dyn std::error::Error + Send + Sync>> {
            if fail {
                return Err("no".into());
            }
            Ok("7".parse()?)
        }
        #[track]
        async fn object(name: &str) -> Box<dyn Display + '_> {
            Box::new(name)
        }
        assert_eq!(ready(boxed_in_result().unwrap()), 1);
        assert_eq!(slice(&[1, 2, 3]), [1, 2, 3]);
        assert_eq!(pointer()(1) + closure(2)(3), 7);
        assert_eq!(ready(error(false)).unwrap(), 7);
        assert!(ready(error(true)).is_err());
        assert_eq!(ready(object("x")).to_string(), "x");
    }

    #[test]
    fn generics_of_every_kind() {
        #[track(name = "generics")]
        fn all<'a, T, const N: usize, F>(values: &'a [T; N], pick: F) -> Option<&'a T>
        where
            T: PartialOrd,
            F: for<'b> Fn(&'b T) -> bool,
        {
            values.iter().find(|value| pick(value))
        }
        #[track]
        fn sized<const N: usize>() -> [u8; N] {
            [1; N]
        }
        #[track]
        fn unsized_value<T: Display + ?Sized>(value: &T) -> String {
            value.to_string()
        }
        struct Wrapper<T>(T);
        impl<T: Clone> Wrapper<T> {
            #[track]
            fn get(&self) -> T
            where
                T: Debug,
            {
                self.0.clone()
            }
            #[track]
            async fn get_later<U: From<T>>(&self) -> U {
                self.0.clone().into()
            }
        }
        assert_eq!(all(&[1, 2, 3], |value| *value > 1), Some(&2));
        assert_eq!(all(&["a"], |_| false), None);
        assert_eq!(sample("generics_total", [("status", "success")]), 2.0);
        assert_eq!(sized::<2>(), [1, 1]);
        assert_eq!(unsized_value("a"), "a");
        assert_eq!(Wrapper(1_u8).get(), 1);
        assert_eq!(ready(Wrapper(1_u8).get_later::<u32>()), 1);
    }

    #[test]
    fn functions_that_never_return() {
        #[track(name = "never")]
        fn never() -> ! {
            quiet_panic()
        }
        #[track(name = "unfinished")]
        async fn unfinished(_input: u8) -> HashMap<u8, u8> {
            quiet_panic()
        }
        #[track(name = "never_later")]
        async fn never_later() -> ! {
            quiet_panic()
        }
        #[track(name = "opaque_unfinished")]
        fn opaque() -> impl Display {
            if true {
                quiet_panic();
            }
            1
        }
        assert_eq!(panics(|| never()), Payload(7));
        assert_eq!(panics(opaque), Payload(7));
        assert_eq!(ready(panics_async(unfinished(1))), Payload(7));
        assert_eq!(ready(panics_async(async { never_later().await })), Payload(7));
        for metric in ["never_total", "unfinished_total", "never_later_total", "opaque_unfinished_total"] {
            assert_eq!(sample(metric, [("status", "panic")]), 1.0, "{metric}");
        }
    }
}

mod shapes {
    //! Functions by the shape of their values, receivers and futures.
    use super::*;

    #[test]
    fn of_values() {
        #[track]
        fn higher_ranked() -> Box<dyn Fn(&str) -> &str> {
            Box::new(|text| text.trim())
        }
        #[track]
        #[expect(clippy::type_complexity, reason = "the test is about it")]
        fn in_an_option(_: &str) -> Option<Box<dyn for<'a> Fn(&'a str, &str) -> &'a str + Send>> {
            Some(Box::new(|text, _| text))
        }
        #[track]
        fn mutable_items(list: &mut [u8]) -> impl Iterator<Item = &mut u8> {
            list.iter_mut()
        }
        #[track]
        fn cow(text: &str) -> Cow<'_, str> {
            if text.is_empty() { "none".into() } else { text.to_uppercase().into() }
        }
        #[track]
        fn objects() -> Vec<Box<dyn Display>> {
            vec![Box::new(1), Box::new("a")]
        }
        #[track]
        async fn objects_later() -> Vec<Box<dyn Display>> {
            vec![Box::new(1), Box::new("a")]
        }
        #[track]
        fn writer<'a>(text: &'a mut String) -> &'a mut (dyn std::fmt::Write + 'a) {
            text
        }
        #[track]
        fn called(function: impl FnOnce() -> u8) -> impl FnOnce() -> u8 {
            move || function() + 1
        }
        #[track]
        fn inner_return() -> u8 {
            let inner = || {
                if true {
                    return 3;
                }
                4
            };
            inner()
        }
        #[track]
        fn arms(number: u8) -> &'static str {
            match number {
                0 => "none",
                1 => return "one",
                _ => panic!("{number} is too much"),
            }
        }
        #[track]
        fn uninhabited(result: Result<u8, std::convert::Infallible>) -> u8 {
            match result {
                Ok(number) => number,
                Err(never) => match never {},
            }
        }
        #[track]
        fn nested() -> Result<Result<u8, String>, Box<dyn std::error::Error>> {
            Ok("1".parse().map_err(|_| "no number".to_owned()))
        }
        assert_eq!(higher_ranked()(" a "), "a");
        assert_eq!(in_an_option("").unwrap()("a", "b"), "a");
        let mut list = [1, 2];
        mutable_items(&mut list).for_each(|item| *item += 1);
        assert_eq!(list, [2, 3]);
        assert_eq!([cow(""), cow("a")].concat(), "noneA");
        assert_eq!(objects().len() + ready(objects_later()).len(), 4);
        let mut text = String::new();
        writer(&mut text).write_str("a").unwrap();
        assert_eq!(text, "a");
        assert_eq!(called(|| 1)(), 2);
        assert_eq!(inner_return(), 3);
        assert_eq!([arms(0), arms(1)], ["none", "one"]);
        assert_eq!(uninhabited(Ok(1)), 1);
        assert_eq!(nested().unwrap(), Ok(1));
    }

    #[test]
    fn of_receivers() {
        struct Number(u8);
        #[track]
        impl Number {
            fn by_arc(self: Arc<Self>) -> u8 {
                self.0
            }
            fn by_reference_to_arc(self: &Arc<Self>) -> u8 {
                self.0
            }
            fn by_pin(self: Pin<&mut Self>) -> &mut u8 {
                &mut self.get_mut().0
            }
            async fn later(self: &Arc<Self>, more: u8) -> u8 {
                self.0 + more
            }
            fn in_a_closure(&mut self) -> u8 {
                let mut next = || {
                    self.0 += 1;
                    self.0
                };
                next() + next()
            }
            async fn swapped(&mut self, other: &mut Self) -> u8 {
                std::mem::swap(self, other);
                self.0
            }
            fn future(&mut self) -> impl Future<Output = &mut u8> + Send {
                async move { &mut self.0 }
            }
            fn boxed(&mut self) -> Pin<Box<dyn Future<Output = &mut u8> + Send + '_>> {
                Box::pin(async move { &mut self.0 })
            }
        }
        let shared = Arc::new(Number(1));
        assert_eq!(shared.by_reference_to_arc() + ready(shared.later(1)) + shared.by_arc(), 4);
        let mut number = Number(1);
        *Pin::new(&mut number).by_pin() += 1;
        *ready(number.future()) += 1;
        *ready(number.boxed()) += 1;
        assert_eq!(number.in_a_closure(), 11);
        assert_eq!(ready(number.swapped(&mut Number(9))), 9);
    }

    #[test]
    fn of_futures() {
        #[track]
        fn opaque<'a>(
            text: &'a str,
            other: &'a str,
        ) -> impl Future<Output = Result<impl Display + 'a, &'a str>> + Send {
            async move { if text.is_empty() { Err(other) } else { Ok(text) } }
        }
        #[track]
        async fn bounded<'a, 'b: 'a, T>(a: &'a str, b: &'b str, value: &'a T) -> Result<&'a str, &'b str>
        where
            T: Display + Sync,
        {
            if value.to_string().is_empty() { Ok(a) } else { Err(b) }
        }
        #[track]
        async fn inner() -> u8 {
            let inner = async {
                if true {
                    return 3;
                }
                4
            };
            inner.await
        }
        #[track]
        fn maybe() -> Option<impl Future<Output = u8>> {
            Some(async { 1 })
        }
        assert_eq!(ready(opaque("a", "b")).map(|text| text.to_string()), Ok("a".to_owned()));
        assert_eq!(ready(bounded("a", "b", &1)), Err("b"));
        assert_eq!(ready(inner()), 3);
        assert_eq!(ready(maybe().unwrap()), 1);
    }
}

mod futures_returned {
    use super::*;

    thread_local! {
        static STEPS: Cell<u8> = const { Cell::new(0) };
    }

    fn step() {
        STEPS.set(STEPS.get() + 1);
    }

    /// The body runs at the call. The record covers the future.
    #[test]
    fn statements_before_the_box_run_at_the_call() {
        #[track(name = "statements", in_flight)]
        fn statements(x: u32) -> BoxFuture<'static, u32> {
            step();
            let y = x + 1;
            Box::pin(async move {
                tokio::task::yield_now().await;
                step();
                y
            })
        }
        let future = statements(1);
        assert_eq!(STEPS.get(), 1);
        assert_recorded("statements", &[]);
        assert_eq!(block_on(future), 2);
        assert_eq!(STEPS.get(), 2);
        assert_recorded("statements", &[Success]);
    }

    #[test]
    fn a_branch_may_return_another_future_early() {
        #[track(name = "branches", in_flight)]
        fn branches(known: bool) -> Pin<Box<dyn Future<Output = Result<u8, String>> + Send>> {
            if known {
                return Box::pin(std::future::ready(Ok(1)));
            }
            Box::pin(async { Err("unknown".to_owned()) })
        }
        assert_eq!(ready(branches(true)), Ok(1));
        assert_eq!(ready(branches(false)), Err("unknown".to_owned()));
        assert_recorded("branches", &[Success, Error]);
    }

    /// The call begins with the future.
    #[test]
    fn a_panic_before_the_future_is_made_counts_nothing() {
        #[track(name = "no_future", in_flight)]
        fn no_future() -> BoxFuture<'static, u8> {
            quiet_panic()
        }
        assert_eq!(panics(no_future), Payload(7));
        assert_recorded("no_future", &[]);
    }

    #[test]
    fn labels_are_evaluated_when_the_function_is_called() {
        #[track_counter(name = "taken_total", labels(tenant = tenant, length = |length| *length))]
        fn taken(tenant: String) -> impl Future<Output = usize> {
            let length = tenant.len();
            drop(tenant);
            async move { length }
        }
        assert_eq!(ready(taken("acme".to_owned())), 4);
        assert_eq!(sample("taken_total", [("tenant", "acme"), ("length", "4"), ("status", "success")]), 1.0);
    }

    #[test]
    fn values_and_outcomes_come_from_the_output_of_the_future() {
        #[track_histogram(name = "yielded", value = |text| text.len(), ok_if = |result| result.is_ok())]
        fn yielded(good: bool) -> BoxFuture<'static, Result<String, ()>> {
            Box::pin(async move { if good { Ok("four".to_owned()) } else { Err(()) } })
        }
        assert!(ready(yielded(true)).is_ok());
        assert!(ready(yielded(false)).is_err());
        assert_eq!(sample("yielded_count", []), 1.0);
        assert_eq!(sample("yielded_sum", []), 4.0);
    }

    /// `returns = value` records the construction of the future.
    #[test]
    fn the_construction_of_a_future_can_be_recorded_instead() {
        #[track(name = "constructed", in_flight, returns = value)]
        fn constructed() -> BoxFuture<'static, u8> {
            Box::pin(std::future::ready(1))
        }
        let future = constructed();
        assert_recorded("constructed", &[Success]);
        assert_eq!(ready(future), 1);
        assert_recorded("constructed", &[Success]);
    }
}

mod sending {
    use super::*;

    fn assert_send<T: Send>(value: T) -> T {
        value
    }

    fn assert_sync<T: Sync>(value: T) -> T {
        value
    }

    fn assert_unpin<T: Unpin>(value: T) -> T {
        value
    }

    #[test]
    fn futures_that_are_send_stay_send() {
        #[track(in_flight)]
        async fn plain(text: &str, list: Vec<u8>) -> usize {
            tokio::task::yield_now().await;
            text.len() + list.len()
        }
        #[track]
        async fn generic<T: Send>(value: T) -> T {
            tokio::task::yield_now().await;
            value
        }
        // `Cell` is not `Sync`: generated code must not hold a reference to it across an await.
        #[track_counter(name = "send_total", labels(number = cell.get()))]
        async fn cell(cell: Cell<u8>) -> u8 {
            tokio::task::yield_now().await;
            cell.get()
        }
        #[track]
        async fn returns_a_cell() -> Cell<u8> {
            Cell::new(1)
        }
        #[track]
        async fn drops_what_is_not_send() {
            drop(Rc::new(1));
            tokio::task::yield_now().await;
        }
        #[track]
        fn opaque() -> impl Future<Output = u8> {
            async { 1 }
        }
        #[track]
        async fn recursive(depth: u8) -> u8 {
            if depth == 0 { 0 } else { Box::pin(recursive(depth - 1)).await }
        }
        #[track]
        fn boxed_recursive(depth: u8) -> BoxFuture<'static, u8> {
            Box::pin(async move { if depth == 0 { 0 } else { boxed_recursive(depth - 1).await } })
        }
        block_on(async {
            assert_eq!(assert_send(plain("a", vec![1])).await, 2);
            assert_send(generic(1)).await;
            assert_eq!(assert_send(cell(Cell::new(1))).await, 1);
            assert_eq!(assert_send(returns_a_cell()).await.get(), 1);
            assert_send(drops_what_is_not_send()).await;
            assert_send(opaque()).await;
            assert_send(recursive(2)).await;
            assert_send(boxed_recursive(2)).await;
        });
    }

    #[test]
    fn futures_that_are_sync_or_unpin_stay_so() {
        #[track]
        async fn plain() {}
        #[track]
        fn ready_now() -> impl Future<Output = u8> + Unpin {
            std::future::ready(1)
        }
        drop(assert_sync(plain()));
        assert_eq!(ready(assert_unpin(ready_now())), 1);
    }

    #[test]
    fn futures_that_are_not_send_still_run() {
        #[track(name = "local", in_flight)]
        async fn local(shared: Rc<Cell<u8>>) -> Rc<Cell<u8>> {
            tokio::task::yield_now().await;
            shared.set(2);
            shared
        }
        assert_eq!(block_on(local(Rc::default())).get(), 2);
        assert_recorded("local", &[Success]);
    }

    #[test]
    fn a_future_that_does_not_borrow_its_arguments_stays_static() {
        #[track]
        fn detached(text: &str) -> impl Future<Output = usize> + Send + use<> {
            let length = text.len();
            async move { length }
        }
        let future: Pin<Box<dyn Future<Output = usize> + Send>> = {
            let text = "four".to_owned();
            Box::pin(detached(&text))
        };
        assert_eq!(ready(future), 4);
    }
}

mod headers {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "the test is about it")]
    fn qualifiers_before_fn_are_kept() {
        #[track(name = "foreign_call")]
        pub(crate) unsafe extern "C" fn foreign_call(number: u8) -> u8 {
            number + 1
        }
        #[track]
        extern "C" fn safe_foreign_call() {}
        #[track]
        async unsafe fn asynchronous<'a>(number: &'a u8) -> &'a u8 {
            number
        }
        // The type of the function is unchanged.
        let pointer: unsafe extern "C" fn(u8) -> u8 = foreign_call;
        safe_foreign_call();
        // SAFETY: the functions do nothing unsafe.
        unsafe {
            assert_eq!(pointer(1), 2);
            assert_eq!(ready(asynchronous(&1)), &1);
        }
        assert_eq!(sample("foreign_call_total", [("status", "success")]), 1.0);
    }

    #[test]
    fn attributes_of_the_function_its_parameters_and_its_body_are_kept() {
        #[track(name = "attributed")]
        #[must_use]
        #[inline(never)]
        #[deprecated = "use another one"]
        #[cold]
        fn attributed(#[allow(unused_variables)] unused: u8, #[cfg(any())] missing: Missing) -> u8 {
            #![allow(unused_mut)]
            let mut value = 1;
            assert_eq!(value, 1);
            value
        }
        #[expect(deprecated)]
        let value = attributed(0);
        assert_eq!(value, 1);
        assert_eq!(sample("attributed_total", [("status", "success")]), 1.0);
    }

    #[test]
    fn raw_identifiers_are_supported() {
        #[track_counter(labels(r#type = r#type))]
        fn r#match(r#type: &str) -> usize {
            r#type.len()
        }
        assert_eq!(r#match("a"), 1);
        assert_eq!(sample("match_total", [("type", "a"), ("status", "success")]), 1.0);
    }

    #[test]
    fn the_body_may_begin_with_items() {
        #[track]
        fn items(number: u8) -> u8 {
            use std::ops::Add as _;
            const ONE: u8 = 1;
            fn two() -> u8 {
                2
            }
            number.add(ONE).add(two())
        }
        #[track]
        async fn items_later() -> u8 {
            struct Local(u8);
            macro_rules! three {
                () => {
                    3
                };
            }
            Local(three!()).0
        }
        assert_eq!(items(1), 4);
        assert_eq!(ready(items_later()), 3);
    }

    #[test]
    fn a_body_of_one_expression_of_any_kind() {
        #[track]
        fn condition(flag: bool) -> u8 {
            if flag { 1 } else { 2 }
        }
        #[track]
        fn block() -> u8 {
            {
                let one: u8 = "1".len().try_into().unwrap();
                assert_eq!(one, 1);
                one
            }
        }
        #[track]
        fn literal() -> (u8, u8) {
            (1, 2)
        }
        #[track]
        fn empty() {}
        #[track]
        fn statement() {
            drop(String::new());
        }
        #[track]
        fn looped() -> u8 {
            let mut turns = 0;
            'outer: loop {
                for _ in 0..2 {
                    turns += 1;
                    if turns == 3 {
                        break 'outer turns;
                    }
                }
            }
        }
        #[track]
        fn unit_question() -> Option<()> {
            Some(())?;
            None
        }
        assert_eq!((condition(true), block(), literal(), looped()), (1, 1, (1, 2), 3));
        empty();
        statement();
        assert_eq!(unit_question(), None);
    }

    #[test]
    fn macros_can_generate_annotated_functions() {
        macro_rules! define {
            ($name:ident($($arg:ident: $ty:ty),*) -> $out:ty = $metric:literal $body:block) => {
                #[track(name = $metric, in_flight)]
                fn $name($($arg: $ty),*) -> $out $body
            };
        }
        define!(sum(a: u8, b: u8) -> u8 = "from_a_macro" { a + b });
        assert_eq!(sum(1, 2), 3);
        assert_recorded("from_a_macro", &[Success]);
    }

    #[test]
    fn two_functions_of_one_name_in_two_modules() {
        mod one {
            #[metrics_runtime::track_counter(name = "one_same_total")]
            pub(super) fn same() {}
        }
        mod two {
            #[metrics_runtime::track_counter(name = "two_same_total")]
            pub(super) fn same() {}
        }
        one::same();
        two::same();
        two::same();
        assert_eq!(sample("one_same_total", [("status", "success")]), 1.0);
        assert_eq!(sample("two_same_total", [("status", "success")]), 2.0);
    }

    /// The same definition in two locations is one metric.
    #[test]
    fn two_functions_that_share_a_metric() {
        #[track_storage("shared")]
        fn one() {}
        #[track_storage("shared")]
        fn two() {}
        one();
        two();
        let labels = [("operation", "shared"), ("status", "success")];
        assert_eq!(sample("sigmavault_operations_total", labels), 2.0);
    }
}

mod values {
    use super::*;

    #[test]
    fn the_value_of_the_body_is_returned_unchanged() {
        #[derive(Debug)]
        struct NotClone(Box<u8>);
        #[track]
        fn unique() -> NotClone {
            NotClone(Box::new(1))
        }
        let value = unique();
        assert_eq!(*value.0, 1);
    }

    #[test]
    fn the_value_of_an_error_is_not_recorded() {
        #[track_histogram(name = "sizes", value = |list| list.len(), buckets = [1, 2])]
        fn sized(good: bool) -> Result<Vec<u8>, String> {
            if good { Ok(vec![1, 2]) } else { Err("no".into()) }
        }
        assert!(sized(true).is_ok());
        assert!(sized(false).is_err());
        assert_eq!(sample("sizes_count", []), 1.0);
        assert_eq!(sample("sizes_bucket", [("le", "1")]), 0.0);
        assert_eq!(sample("sizes_bucket", [("le", "2")]), 1.0);
    }

    #[test]
    fn values_of_panics_and_cancellations_are_not_recorded() {
        #[track_counter(name = "added_total", value = |number| *number)]
        async fn added(fail: bool, wait: bool) -> u64 {
            if wait {
                tokio::task::yield_now().await;
            }
            if fail {
                quiet_panic()
            }
            5
        }
        assert_eq!(ready(added(false, false)), 5);
        support::abandon(added(false, true));
        assert_eq!(ready(panics_async(added(true, false))), Payload(7));
        assert_eq!(sample("added_total", []), 5.0);
    }

    #[test]
    fn measures_may_be_numbers_durations_and_options_of_them() {
        #[track_histogram(name = "measured", value = |measure| measure)]
        fn measured<T: metrics_runtime::Measure + Copy>(measure: T) -> T {
            measure
        }
        measured(1_u8);
        measured(2.5_f32);
        measured(std::time::Duration::from_millis(500));
        measured(Some(1_usize));
        measured(None::<u8>);
        assert_eq!(sample("measured_count", []), 4.0);
        assert_eq!(sample("measured_sum", []), 5.0);
    }

    #[test]
    fn ratios_are_read_inside_results_and_options() {
        struct Compressed(f64);
        impl metrics_runtime::CompressionRatio for Compressed {
            fn compression_ratio(&self) -> f64 {
                self.0
            }
        }
        #[track_compression]
        fn compress(ratio: Option<f64>) -> Result<Option<Compressed>, String> {
            Ok(ratio.map(Compressed))
        }
        #[track_compression(ratio = |bytes| 10.0 / bytes.len() as f64)]
        fn compress_bytes() -> Vec<u8> {
            vec![0; 2]
        }
        assert!(compress(Some(12.0)).is_ok());
        assert!(compress(None).is_ok());
        compress_bytes();
        assert_eq!(sample("sigmalang_compression_ratio_count", []), 2.0);
        assert_eq!(sample("sigmalang_compression_ratio_sum", []), 17.0);
        assert_eq!(sample("sigmalang_compression_ratio_bucket", [("le", "5")]), 1.0);
    }

    #[test]
    fn ok_if_and_error_if_decide_what_failed() {
        #[track_counter(name = "ok_if_total", ok_if = |status| *status < 500)]
        fn ok_if(status: u16) -> u16 {
            status
        }
        fn is_empty(list: &Result<Vec<u8>, String>) -> bool {
            list.as_ref().is_ok_and(Vec::is_empty)
        }
        #[track_counter(name = "error_if_total", error_if = is_empty)]
        fn error_if(list: Result<Vec<u8>, String>) -> Result<Vec<u8>, String> {
            list
        }
        assert_eq!(ok_if(404) + ok_if(500), 904);
        assert!(error_if(Ok(vec![])).is_ok());
        assert!(error_if(Err("classified as success".into())).is_err());
        for metric in ["ok_if_total", "error_if_total"] {
            assert_eq!(sample(metric, [("status", "success")]), 1.0, "{metric}");
            assert_eq!(sample(metric, [("status", "error")]), 1.0, "{metric}");
        }
    }

    #[test]
    fn a_type_may_classify_itself() {
        enum Answer {
            Good,
            Bad,
        }
        impl metrics_runtime::Classify for Answer {
            fn classify(&self) -> metrics_runtime::Outcome {
                match self {
                    Self::Good => Success,
                    Self::Bad => Error,
                }
            }
        }
        #[track(name = "classified", in_flight)]
        async fn classified(good: bool) -> Answer {
            if good { Answer::Good } else { Answer::Bad }
        }
        #[track(name = "response", in_flight)]
        async fn response(code: u16) -> Result<http::Response<()>, String> {
            http::Response::builder().status(code).body(()).map_err(|error| error.to_string())
        }
        ready(classified(true));
        ready(classified(false));
        assert_recorded("classified", &[Success, Error]);
        for code in [200, 404, 503, 1] {
            drop(ready(response(code)));
        }
        assert_recorded("response", &[Success, Success, Error, Error]);
    }

    #[test]
    fn track_in_flight_works_alone() {
        #[track_in_flight(name = "standing", labels(kind = "alone"))]
        fn standing() -> f64 {
            sample("standing", [("kind", "alone")])
        }
        assert_eq!(standing(), 1.0);
        assert_eq!(sample("standing", [("kind", "alone")]), 0.0);
    }

    #[test]
    fn a_custom_preset() {
        use metrics_runtime::presets::{Instrument, Preset};
        const ROW: Preset = Preset::new()
            .calls(Instrument::counter("row_requests_total", "Calls."))
            .duration(Instrument::histogram("row_duration_seconds", "Durations.", &[1.0]).labels(&[]))
            .value(Instrument::counter("row_tokens_total", "Tokens.").labels(&["model"]))
            .in_flight(Instrument::gauge("row_in_flight", "In flight.").optional());
        #[track(preset = ROW, in_flight, labels(model = model), value = |text| text.len())]
        fn ask(model: &str) -> Result<String, ()> {
            Ok(model.repeat(2))
        }
        ask("tiny").unwrap();
        assert_eq!(sample("row_requests_total", [("model", "tiny"), ("status", "success")]), 1.0);
        assert_eq!(sample("row_duration_seconds_count", []), 1.0);
        assert_eq!(sample("row_tokens_total", [("model", "tiny")]), 8.0);
        assert_eq!(sample("row_in_flight", [("model", "tiny")]), 0.0);
    }

    #[test]
    fn a_panic_keeps_its_payload_and_a_cancellation_is_silent() {
        #[track(name = "payload", in_flight)]
        async fn payload(wait: bool) {
            if wait {
                std::future::pending::<()>().await;
            }
            quiet_panic()
        }
        assert_eq!(ready(panics_async(payload(false))), Payload(7));
        support::abandon(payload(true));
        assert_recorded("payload", &[Panic, Cancelled]);
    }
}
