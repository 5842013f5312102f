//! Attributes on the methods of a service: a status decides the outcome of a call, by its code.

use std::pin::Pin;

use futures::Stream;
use metrics_runtime::{Outcome, Registry, track};
use tests::page::Page;
use tonic::{Code, Request, Response, Status};

#[track(name = "orders", labels(code = |result| result.as_ref().map_or_else(Status::code, |_| Code::Ok)))]
async fn order(answer: Result<(), Status>) -> Result<Response<()>, Status> {
    answer.map(Response::new)
}

/// A trait as tonic generates it.
#[tonic::async_trait]
trait Orders: Send + Sync + 'static {
    type WatchStream: Stream<Item = Result<String, Status>> + Send + 'static;

    async fn place(&self, request: Request<i32>) -> Result<Response<i32>, Status>;
    async fn watch(&self, request: Request<i32>) -> Result<Response<Self::WatchStream>, Status>;
}

/// Answers with a code, after a pending poll.
async fn answer(request: Request<i32>) -> Result<Response<i32>, Status> {
    tokio::task::yield_now().await;
    match Code::from_i32(request.into_inner()) {
        Code::Ok => Ok(Response::new(0)),
        code => Err(Status::new(code, "as asked for")),
    }
}

type Texts = Pin<Box<dyn Stream<Item = Result<String, Status>> + Send>>;

macro_rules! orders {
    ($(#[$on_impl:meta])* $name:ident $(, #[$on_method:meta])?) => {
        struct $name;

        $(#[$on_impl])*
        impl Orders for $name {
            type WatchStream = Texts;

            $(#[$on_method])?
            async fn place(&self, request: Request<i32>) -> Result<Response<i32>, Status> {
                answer(request).await
            }

            $(#[$on_method])?
            async fn watch(&self, request: Request<i32>) -> Result<Response<Texts>, Status> {
                answer(request).await?;
                let texts: Texts = Box::pin(futures::stream::empty());
                Ok(Response::new(texts))
            }
        }
    };
}

orders!(
    #[track]
    #[tonic::async_trait]
    TrackOutside
);
orders!(
    #[tonic::async_trait]
    #[track]
    TrackInside
);
orders!(#[tonic::async_trait] OnMethods, #[track]);

/// The outcomes of the table in `docs/grpc.md`, by the numbers of the codes.
const TABLE: [Outcome; 17] = {
    use Outcome::{Cancelled as C, Error as E, Success as S};
    [S, C, E, S, E, S, S, S, S, S, S, S, E, E, E, E, S]
};

fn page() -> Page {
    Page::parse_text(&Registry::global().render()).unwrap()
}

/// Returns the calls of a function by outcome.
fn calls(function: &str) -> [f64; 4] {
    let page = page();
    let labels = |status| [("function", function), ("module", "grpc::functions"), ("status", status)];
    ["success", "error", "panic", "cancelled"].map(|status| page.value("function_calls_total", labels(status)))
}

fn expected() -> [f64; 4] {
    let of = |outcome| TABLE.iter().filter(|other| **other == outcome).count() as f64;
    [of(Outcome::Success), of(Outcome::Error), 0.0, of(Outcome::Cancelled)]
}

async fn call_all(orders: impl Orders) {
    for code in 0..17 {
        assert_eq!(orders.place(Request::new(code)).await.is_ok(), code == 0);
        assert_eq!(orders.watch(Request::new(code)).await.is_ok(), code == 0);
    }
}

#[tokio::test]
async fn every_code_of_a_service_method_has_the_documented_outcome() {
    assert_eq!(expected(), [10.0, 6.0, 0.0, 1.0]);
    call_all(TrackOutside).await;
    call_all(TrackInside).await;
    call_all(OnMethods).await;
    for function in ["TrackOutside::place", "TrackInside::place", "TrackOutside::watch", "TrackInside::watch"] {
        assert_eq!(calls(function), expected(), "{function}");
    }
    for function in ["place", "watch"] {
        assert_eq!(calls(function), expected(), "{function}");
    }
}

#[test]
fn the_table_in_the_docs_is_that_of_the_codes() {
    let docs = include_str!("../../../docs/grpc.md");
    let row = |outcome| format!("| `{outcome}` |");
    for (number, expected) in (0..).zip(TABLE) {
        let code = Code::from_i32(number);
        let line = docs.lines().find(|line| line.starts_with('|') && line.contains(&format!("`{code:?}`")));
        match line {
            Some(line) => assert!(line.ends_with(&row(expected.as_str())), "{code:?}: {line}"),
            None => assert_eq!(expected, Outcome::Success, "{code:?} is among all others"),
        }
    }
}

#[tokio::test]
async fn what_a_client_has_done_wrong_is_not_a_failure() {
    order(Ok(())).await.unwrap();
    order(Err(Status::not_found("no such order"))).await.unwrap_err();
    order(Err(Status::internal("the disk is full"))).await.unwrap_err();
    order(Err(Status::cancelled("given up"))).await.unwrap_err();
    let page = page();
    for (code, status) in [("OK", "success"), ("NotFound", "success"), ("Internal", "error"), ("Canceled", "cancelled")]
    {
        assert_eq!(page.value("orders_total", [("code", code), ("status", status)]), 1.0, "{code}");
    }
}
