//! Attributes of other crates on the same function, in both orders: every call counts once.
#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap")]
#![cfg(not(metrics_off))]
#![allow(clippy::float_cmp, reason = "values on a page are exact")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use metrics_runtime::Outcome::{Cancelled, Error, Panic, Success};
use metrics_runtime::{track, track_counter};
use support::{Payload, abandon, assert_recorded, calls, panics, panics_async, quiet_panic, ready, sample};
use tests::log::subscribe;
use tracing::instrument;
use tracing::span::{Attributes, Id, Record};

/// Counts the spans that `run` opens.
fn spans_of<R>(run: impl FnOnce() -> R) -> (Vec<&'static str>, R) {
    #[derive(Clone, Default)]
    struct Names(Arc<Mutex<Vec<&'static str>>>);
    impl tracing::Subscriber for Names {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            metadata.is_span()
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.lock().unwrap().push(span.metadata().name());
            Id::from_u64(1)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, _: &tracing::Event<'_>) {}
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
    let names = Names::default();
    let _subscribed = subscribe(names.clone());
    let returned = run();
    let names = names.0.lock().unwrap().clone();
    (names, returned)
}

mod tracing_instrument {
    use super::*;

    #[track(name = "track_above", in_flight)]
    #[instrument(skip(secret))]
    async fn track_above(number: u8, secret: Option<String>) -> Result<u8, String> {
        tokio::task::yield_now().await;
        secret.ok_or("no secret".to_owned())?;
        Ok(number)
    }

    #[instrument(skip_all, fields(number = number))]
    #[track(name = "track_below", in_flight)]
    async fn track_below(number: u8, secret: Option<String>) -> Result<u8, String> {
        tokio::task::yield_now().await;
        secret.ok_or("no secret".to_owned())?;
        Ok(number)
    }

    #[test]
    fn on_async_functions() {
        let secret = || Some("secret".to_owned());
        let (spans, ()) = spans_of(|| {
            futures::executor::block_on(async {
                assert_eq!(track_above(1, secret()).await, Ok(1));
                assert!(track_above(1, None).await.is_err());
                abandon(track_above(1, secret()));
                assert_eq!(track_below(1, secret()).await, Ok(1));
                assert!(track_below(1, None).await.is_err());
                abandon(track_below(1, secret()));
            });
        });
        assert_eq!(spans, ["track_above", "track_above", "track_above", "track_below", "track_below", "track_below"]);
        assert_recorded("track_above", &[Success, Error, Cancelled]);
        assert_recorded("track_below", &[Success, Error, Cancelled]);
    }

    #[test]
    fn on_synchronous_functions_and_methods() {
        struct Service(u8);
        impl Service {
            #[track(name = "sync_above", in_flight)]
            #[instrument(skip(self), err)]
            fn above(&mut self, mut list: Vec<u8>) -> Result<u8, String> {
                list.push(self.0);
                self.0 = *list.first().ok_or("empty")?;
                Ok(self.0)
            }
            #[instrument(skip(self))]
            #[track(name = "sync_below", in_flight)]
            fn below(&mut self, mut list: Vec<u8>) -> Option<&u8> {
                list.push(self.0);
                if list.len() > 2 {
                    quiet_panic()
                }
                Some(&self.0)
            }
        }
        let (spans, ()) = spans_of(|| {
            assert_eq!(Service(1).above(vec![2]), Ok(2));
            assert_eq!(Service(1).below(vec![2]), Some(&1));
            assert_eq!(panics(|| Service(1).below(vec![2, 3]).copied()), Payload(7));
        });
        assert_eq!(spans, ["above", "below", "below"]);
        assert_recorded("sync_above", &[Success]);
        assert_recorded("sync_below", &[Success, Panic]);
    }

    #[test]
    fn between_two_attributes_of_this_toolkit() {
        #[track(name = "outermost", in_flight)]
        #[instrument]
        #[track_counter(name = "innermost_total", labels(number = number))]
        async fn between(number: u8) -> u8 {
            number
        }
        assert_eq!(ready(between(1)), 1);
        assert_recorded("outermost", &[Success]);
        assert_eq!(sample("innermost_total", [("number", "1"), ("status", "success")]), 1.0);
    }
}

mod the_crate_async_trait {
    use super::*;

    #[async_trait]
    trait Store: Sync {
        async fn get(&self, key: &str) -> Result<String, String>;
        async fn put(&mut self, key: String, mut value: Vec<u8>) -> usize;
        async fn generic<T: Send + Sync + Clone + 'static>(&self, value: &T) -> T
        where
            Self: Sized;
        async fn provided(&self, fail: bool) -> Result<u8, String> {
            if fail { Err("no".into()) } else { Ok(1) }
        }
        fn plain(&self) -> u8 {
            2
        }
    }

    macro_rules! store {
        ($(#[$on_impl:meta])* $ty:ident $(, #[$on_method:meta])?) => {
            struct $ty;
            $(#[$on_impl])*
            impl Store for $ty {
                $(#[$on_method])?
                async fn get(&self, key: &str) -> Result<String, String> {
                    tokio::task::yield_now().await;
                    match key {
                        "panic" => quiet_panic(),
                        "" => Err("no key".to_owned()),
                        key => Ok(key.to_owned()),
                    }
                }
                $(#[$on_method])?
                async fn put(&mut self, key: String, mut value: Vec<u8>) -> usize {
                    value.push(1);
                    key.len() + value.len()
                }
                $(#[$on_method])?
                async fn generic<T: Send + Sync + Clone + 'static>(&self, value: &T) -> T {
                    value.clone()
                }
                $(#[$on_method])?
                async fn provided(&self, fail: bool) -> Result<u8, String> {
                    if fail { Err("no".into()) } else { Ok(1) }
                }
            }
        };
    }

    store!(#[async_trait] OnMethods, #[track]);
    store!(
        #[track]
        #[async_trait]
        TrackOutside
    );
    store!(
        #[async_trait]
        #[track]
        TrackInside
    );

    async fn drive<S: Store>(mut store: S) -> [usize; 4] {
        let object: &dyn StoreObject = &store;
        assert_eq!(object.get_boxed("a").await, Ok("a".to_owned()));
        assert!(store.get("").await.is_err());
        assert_eq!(panics_async(store.get("panic")).await, Payload(7));
        abandon(store.get("a"));
        drop(store.get("a"));
        let generic = store.generic(&1_usize).await;
        let failed = store.provided(true).await.is_err();
        [store.put("k".into(), vec![]).await, generic, usize::from(failed), usize::from(store.plain())]
    }

    #[async_trait]
    trait StoreObject: Sync {
        async fn get_boxed(&self, key: &str) -> Result<String, String>;
    }

    #[async_trait]
    impl<S: Store> StoreObject for S {
        async fn get_boxed(&self, key: &str) -> Result<String, String> {
            self.get(key).await
        }
    }

    #[tokio::test]
    async fn on_the_impl_or_on_the_methods_in_either_order() {
        let module = "neighbours::the_crate_async_trait";
        assert_eq!(drive(OnMethods).await, [2, 1, 1, 2]);
        assert_eq!(calls(module, "get"), [1.0, 1.0, 1.0, 1.0]);
        assert_eq!(calls(module, "put"), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(calls(module, "generic"), [1.0, 0.0, 0.0, 0.0]);
        assert_eq!(calls(module, "provided"), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(drive(TrackOutside).await, [2, 1, 1, 2]);
        assert_eq!(drive(TrackInside).await, [2, 1, 1, 2]);
        for ty in ["TrackOutside", "TrackInside"] {
            assert_eq!(calls(module, &format!("{ty}::get")), [1.0, 1.0, 1.0, 1.0], "{ty}");
            assert_eq!(calls(module, &format!("{ty}::put")), [1.0, 0.0, 0.0, 0.0], "{ty}");
            assert_eq!(calls(module, &format!("{ty}::generic")), [1.0, 0.0, 0.0, 0.0], "{ty}");
            assert_eq!(calls(module, &format!("{ty}::provided")), [0.0, 1.0, 0.0, 0.0], "{ty}");
        }
    }

    #[tokio::test]
    async fn with_labels_and_provided_methods() {
        #[async_trait]
        trait Labelled {
            #[track_counter(name = "labelled_total", labels(key = key, length = |text: &String| text.len()))]
            async fn labelled(&self, key: String) -> String {
                tokio::task::yield_now().await;
                key + "!"
            }
        }
        impl Labelled for () {}
        assert_eq!(().labelled("a".to_owned()).await, "a!");
        assert_eq!(sample("labelled_total", [("key", "a"), ("length", "2"), ("status", "success")]), 1.0);
    }

    #[test]
    fn without_send() {
        #[async_trait(?Send)]
        trait Local {
            #[track(name = "without_send", in_flight)]
            async fn local(&self) -> std::rc::Rc<u8> {
                tokio::task::yield_now().await;
                std::rc::Rc::new(1)
            }
        }
        impl Local for () {}
        assert_eq!(*futures::executor::block_on(().local()), 1);
        assert_recorded("without_send", &[Success]);
    }
}

mod axum_handlers {
    use super::*;

    #[axum::debug_handler]
    #[track(name = "handler_below", in_flight)]
    async fn below(State(hits): State<Arc<AtomicUsize>>, Path(id): Path<u8>) -> Result<String, StatusCode> {
        hits.fetch_add(1, Ordering::Relaxed);
        if id == 0 { Err(StatusCode::INTERNAL_SERVER_ERROR) } else { Ok(id.to_string()) }
    }

    #[track(name = "handler_above", in_flight)]
    #[axum::debug_handler]
    async fn above(State(hits): State<Arc<AtomicUsize>>, Path(id): Path<u8>) -> axum::response::Result<String> {
        hits.fetch_add(1, Ordering::Relaxed);
        if id == 0 { Err(StatusCode::INTERNAL_SERVER_ERROR.into()) } else { Ok(id.to_string()) }
    }

    #[track(name = "handler_response", in_flight)]
    async fn response(Path(id): Path<u8>) -> axum::response::Response {
        axum::response::IntoResponse::into_response(if id == 0 {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::OK
        })
    }

    #[tokio::test]
    async fn a_recorded_function_is_a_handler() {
        use tower::Service as _;
        let hits = Arc::new(AtomicUsize::new(0));
        let mut app: Router = Router::new()
            .route("/below/{id}", get(below))
            .route("/above/{id}", get(above))
            .route("/response/{id}", get(response))
            .with_state(Arc::clone(&hits));
        for path in ["/below/1", "/below/0", "/above/1", "/above/0", "/response/1", "/response/0"] {
            let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
            let found = app.call(request).await.unwrap().status();
            assert_eq!(found.is_success(), path.ends_with('1'), "{path}");
        }
        assert_eq!(hits.load(Ordering::Relaxed), 4);
        for metric in ["handler_below", "handler_above", "handler_response"] {
            assert_recorded(metric, &[Success, Error]);
        }
    }
}

mod test_attributes {
    use super::*;

    static RUNS: AtomicUsize = AtomicUsize::new(0);

    /// Each of the following functions runs as a test and checks its own record.
    fn one_more(metric: &str) {
        RUNS.fetch_add(1, Ordering::Relaxed);
        let page = support::page();
        assert_eq!(page.value(&format!("{metric}_in_flight"), []), 1.0);
        assert_eq!(page.value(&format!("{metric}_total"), [("status", "success")]), 0.0);
    }

    #[tokio::test]
    #[track(name = "tokio_test_above", in_flight)]
    async fn tokio_test_above() {
        tokio::task::yield_now().await;
        one_more("tokio_test_above");
    }

    #[track(name = "tokio_test_below", in_flight)]
    #[tokio::test]
    async fn tokio_test_below() -> Result<(), String> {
        tokio::task::yield_now().await;
        one_more("tokio_test_below");
        Ok(())
    }

    #[track(name = "plain_test", in_flight)]
    #[test]
    fn plain_test() {
        one_more("plain_test");
    }

    #[test]
    #[track(name = "plain_test_below", in_flight)]
    #[should_panic(expected = "expected")]
    fn plain_test_that_panics() {
        one_more("plain_test_below");
        panic!("expected");
    }
}
