//! `#[track]` on an impl block records every method and changes nothing else.
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::fmt::{Debug, Display};

use metrics_runtime::Outcome::Success;
use metrics_runtime::track;
use support::{assert_recorded, calls, page, ready, sample};

const MODULE: &str = "impl_block";
const ONCE: [f64; 4] = [1.0, 0.0, 0.0, 0.0];

struct Store {
    items: Vec<u8>,
}

#[track]
impl Store {
    /// Constants stay unchanged.
    const LIMIT: usize = 2;

    fn new() -> Self {
        Self { items: Vec::with_capacity(Self::LIMIT) }
    }

    pub(crate) fn push(&mut self, item: u8) -> Result<&mut Self, String> {
        if self.items.len() == Self::LIMIT {
            return Err(format!("no room for {item}"));
        }
        self.items.push(item);
        Ok(self)
    }

    async fn drain(self) -> Vec<u8> {
        tokio::task::yield_now().await;
        self.items
    }

    fn later(&self) -> impl Future<Output = usize> + use<> {
        std::future::ready(self.items.len())
    }

    #[track(skip)]
    const fn len(&self) -> usize {
        self.items.len()
    }

    #[metrics_runtime::track(skip)]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[track(name = "store_first", in_flight)]
    fn first(&self) -> Option<u8> {
        self.items.first().copied()
    }

    #[inline]
    #[must_use]
    #[track(in_flight)]
    fn last(&self) -> Option<u8> {
        self.items.last().copied()
    }
}

#[test]
fn every_method_is_recorded_as_type_and_method() {
    let mut store = Store::new();
    assert!(store.is_empty());
    assert!(store.push(1).unwrap().push(2).unwrap().push(3).is_err());
    assert_eq!(store.len(), 2);
    assert_eq!(store.first(), Some(1));
    assert_eq!(store.last(), Some(2));
    assert_eq!(ready(store.later()), 2);
    assert_eq!(futures::executor::block_on(store.drain()), [1, 2]);
    assert_eq!(calls(MODULE, "Store::new"), ONCE);
    assert_eq!(calls(MODULE, "Store::push"), [2.0, 1.0, 0.0, 0.0]);
    assert_eq!(calls(MODULE, "Store::later"), ONCE);
    assert_eq!(calls(MODULE, "Store::drain"), ONCE);
    assert_eq!(calls(MODULE, "Store::last"), ONCE);
    let labels = [("function", "Store::last"), ("module", MODULE)];
    assert_eq!(sample("function_calls_in_flight", labels), 0.0);
    // An attribute of a method replaces the one of the block.
    assert_recorded("store_first", &[Success]);
    let functions = page();
    let functions = functions.series("function_calls_total");
    let function = |name: &str| functions.iter().any(|sample| sample.labels["function"] == name);
    assert!(function("Store::new"));
    for skipped in ["Store::len", "Store::is_empty", "Store::first"] {
        assert!(!function(skipped), "{skipped} is recorded");
    }
}

#[test]
fn a_generic_block_is_recorded() {
    struct Wrapper<'a, T, const N: usize>(&'a [T; N]);

    #[track(in_flight)]
    impl<'a, T, const N: usize> Wrapper<'a, T, N>
    where
        T: Clone + Display,
    {
        const SIZE: usize = N;

        fn get(&self, at: usize) -> Option<&'a T> {
            self.0.get(at)
        }

        async fn join<U: From<String>>(&self, separator: &str) -> U {
            tokio::task::yield_now().await;
            let all: Vec<_> = self.0.iter().map(T::to_string).collect();
            all.join(separator).into()
        }

        fn size() -> usize {
            Self::SIZE
        }
    }
    assert_eq!(Wrapper(&[1, 2]).get(1), Some(&2));
    assert_eq!(futures::executor::block_on(Wrapper(&["a", "b"]).join::<String>("-")), "a-b");
    assert_eq!(Wrapper::<u8, 3>::size(), 3);
    for method in ["Wrapper::get", "Wrapper::join", "Wrapper::size"] {
        assert_eq!(calls(MODULE, method), ONCE, "{method}");
    }
}

#[test]
fn the_implementation_of_a_trait_is_recorded() {
    trait Shape {
        const SIDES: u8;
        type Unit: Debug + PartialEq;
        fn area(&self) -> Self::Unit;
        async fn later(&self) -> Result<Self::Unit, String>;
        fn scaled(self, factor: u8) -> Self
        where
            Self: Sized;
    }

    struct Square(u16);

    #[track]
    impl Shape for Square {
        const SIDES: u8 = 4;
        type Unit = u16;

        fn area(&self) -> Self::Unit {
            self.0 * self.0
        }

        async fn later(&self) -> Result<Self::Unit, String> {
            Err("too late".to_owned())
        }

        fn scaled(mut self, factor: u8) -> Self {
            self.0 *= u16::from(factor);
            self
        }
    }

    #[track]
    impl Iterator for Square {
        type Item = u16;

        fn next(&mut self) -> Option<u16> {
            self.0 = self.0.checked_sub(1)?;
            Some(self.0)
        }
    }

    #[track]
    impl Drop for Square {
        fn drop(&mut self) {}
    }

    assert_eq!(Square(2).scaled(2).area(), 16);
    assert!(ready(Square(2).later()).is_err());
    assert_eq!(Square(2).by_ref().collect::<Vec<_>>(), [1, 0]);
    assert_eq!(Square::SIDES, 4);
    assert_eq!(calls(MODULE, "Square::area"), ONCE);
    assert_eq!(calls(MODULE, "Square::scaled"), ONCE);
    assert_eq!(calls(MODULE, "Square::later"), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(calls(MODULE, "Square::next"), [3.0, 0.0, 0.0, 0.0]);
    assert_eq!(calls(MODULE, "Square::drop"), [3.0, 0.0, 0.0, 0.0]);
}

#[test]
fn macros_in_a_block_stay_unchanged() {
    struct Numbers;

    macro_rules! constant {
        ($name:ident = $value:expr) => {
            const $name: u8 = $value;
        };
    }
    macro_rules! getter {
        ($($name:ident)*) => {
            $(
                fn $name(&self) -> u8 {
                    Self::ONE
                }
            )*
        };
    }

    #[track]
    impl Numbers {
        constant!(ONE = 1);
        constant! { TWO = { 2 } }
        getter! { one another }

        #[cfg(any())]
        fn one(&self) -> Missing {}

        fn two(&self) -> u8 {
            Self::TWO + self.one() - self.another()
        }
    }
    assert_eq!(Numbers.two(), 2);
    assert_eq!(calls(MODULE, "Numbers::two"), ONCE);
}

#[test]
fn types_without_a_plain_name_are_recorded() {
    trait Named {
        fn named(&self) -> u8;
    }

    #[track]
    impl Named for &str {
        fn named(&self) -> u8 {
            1
        }
    }
    #[track]
    impl Named for [u8; 2] {
        fn named(&self) -> u8 {
            2
        }
    }
    #[track]
    impl<T> Named for (T, Vec<T>) {
        fn named(&self) -> u8 {
            3
        }
    }
    #[track]
    impl Named for std::collections::BTreeMap<u8, String> {
        fn named(&self) -> u8 {
            4
        }
    }
    #[track]
    impl Named for dyn Display + Send {
        fn named(&self) -> u8 {
            5
        }
    }
    assert_eq!("".named() + [1, 2].named() + (1, vec![2]).named() + std::collections::BTreeMap::new().named(), 10);
    let object: &(dyn Display + Send) = &1;
    assert_eq!(object.named(), 5);
    for ty in ["str", "[u8;2]", "(T,Vec<T>)", "BTreeMap", "dynDisplay+Send"] {
        assert_eq!(calls(MODULE, &format!("{ty}::named")), ONCE, "{ty}");
    }
}

#[test]
fn qualifiers_and_visibilities_are_kept() {
    mod inner {
        pub(super) struct Hidden;
        #[metrics_runtime::track]
        impl Hidden {
            pub(crate) fn visible(self) -> u8 {
                self.private()
            }
            fn private(self) -> u8 {
                1
            }
            pub(super) extern "C" fn foreign(self: Box<Self>) -> u8 {
                self.visible()
            }
        }
    }
    assert_eq!(Box::new(inner::Hidden).foreign(), 1);
    let module = "impl_block::inner";
    assert_eq!(calls(module, "Hidden::foreign"), ONCE);
    assert_eq!(calls(module, "Hidden::visible"), ONCE);
    assert_eq!(calls(module, "Hidden::private"), ONCE);
}

#[test]
fn an_empty_block_is_accepted() {
    struct Empty;
    #[track]
    impl Empty {}
    let _ = Empty;
}

mod configured {
    use metrics_runtime::track as record;

    use super::{ONCE, calls, page, sample};

    struct Configured;

    #[record(in_flight)]
    impl Configured {
        #![allow(clippy::unused_self, reason = "the methods are minimal")]

        #[cfg_attr(test, track(skip))]
        fn skipped(&self) -> u8 {
            1
        }

        #[cfg_attr(not(test), track(skip))]
        fn recorded(&self) -> u8 {
            2
        }

        #[cfg_attr(test, inline, track(name = "configured_method"))]
        fn named(&self) -> u8 {
            3
        }

        #[cfg_attr(test, cfg_attr(test, must_use, track(skip)))]
        fn nested(&self) -> u8 {
            4
        }

        #[cfg_attr(not(test), track(name = "never"))]
        #[cfg_attr(test, track(name = "configured_second"))]
        #[cfg(test)]
        async fn second(self) -> u8 {
            5
        }
    }

    #[test]
    fn the_attribute_of_a_method_may_be_under_a_cfg_attr() {
        let module = "impl_block::configured";
        assert_eq!(
            [Configured.skipped(), Configured.recorded(), Configured.named(), Configured.nested()],
            [1, 2, 3, 4]
        );
        assert_eq!(super::ready(Configured.second()), 5);
        assert_eq!(calls(module, "Configured::recorded"), ONCE);
        for name in ["configured_method_total", "configured_second_total"] {
            assert_eq!(sample(name, [("status", "success")]), 1.0, "{name}");
        }
        let page = page();
        let functions =
            page.series("function_calls_total").into_iter().filter_map(|sample| sample.labels.get("function"));
        assert!(functions.filter(|function| function.starts_with("Configured::")).all(|f| f == "Configured::recorded"));
    }
}
