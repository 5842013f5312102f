//! A service with many functions, some of which are in trouble.
//!
//! Each binary generates its functions and passes them to [`run`].

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use metrics_export::Command;
use metrics_live::Live;
use metrics_runtime::{Descriptor, Metrics};
use tokio::net::TcpListener;
use tower::ServiceExt as _;

/// The largest number of calls a second, over all functions.
const CALLS: u64 = 400;

/// The number of series of the metric that is shown beside the functions: the limit of a family.
const ITEMS: usize = 2000;

/// The time after which a caller gives up.
const PATIENCE: Duration = Duration::from_secs(2);

/// A generated function.
pub type Function = fn(Work) -> Pin<Box<dyn Future<Output = Result<(), Refused>>>>;

/// The error of a call.
#[derive(Debug)]
pub struct Refused;

/// One call of a function.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    takes: Duration,
    refused: bool,
}

impl Work {
    /// Takes its time.
    ///
    /// # Errors
    /// Returns an error if the call is one of those that fail.
    pub async fn run(self) -> Result<(), Refused> {
        tokio::time::sleep(self.takes).await;
        if self.refused { Err(Refused) } else { Ok(()) }
    }

    /// Returns the call number `call` of the function number `function`. Every tenth function fails now and then, and
    /// every
    /// tenth is slow, and most calls of one of fifty hang.
    fn of(function: u64, call: u64) -> Self {
        let milliseconds = match function % 50 {
            1 if !call.is_multiple_of(3) => 60_000,
            n if n % 10 == 4 => 300 + 40 * (call % 7),
            n => 3 + n * (1 + call % 5) / 2,
        };
        Self {
            takes: Duration::from_millis(milliseconds),
            refused: function % 10 == 3 && call.is_multiple_of(function % 7 + 2),
        }
    }
}

/// Runs a command such as `metrics dashboard`, or calls the functions and serves their metrics.
#[must_use]
pub fn run(functions: &'static [Function]) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map_err(Into::into).and_then(|runtime| {
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, serve(functions))
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(functions: &'static [Function]) -> Result<(), Box<dyn Error>> {
    let metrics = Metrics::builder().namespace("shop").from_env()?.install()?;
    let mut arguments = std::env::args_os().skip(1).peekable();
    if arguments.next_if(|first| first == "metrics").is_some() {
        return Ok(Command::parse(arguments)?.run(&metrics, &mut std::io::stdout().lock())?);
    }
    if arguments.next_if(|first| first == "--live").is_some() {
        show(&metrics).await?;
    }
    let server = metrics.serve(([127, 0, 0, 1], 0)).await?;
    writeln!(std::io::stdout(), "listening on http://{}", server.address())?;
    let pause = Duration::from_secs(1).max(Duration::from_millis(functions.len() as u64 * 1000 / CALLS));
    for (number, function) in (0..).zip(functions) {
        tokio::task::spawn_local(call_again_and_again(number, *function, pause));
    }
    let app = Router::new();
    let app =
        ["/", "/cart", "/orders/{id}", "/search"].into_iter().fold(app, |app, route| app.route(route, get(respond)));
    request_again_and_again(metrics.instrument(app)?).await
}

/// Serves the live page on an address of its own, with a metric of many series beside the functions.
async fn show(metrics: &Metrics) -> Result<(), Box<dyn Error>> {
    let stock = Descriptor::counter("items_sold_total", "Items sold.").labels(["item"]);
    let stock = metrics.registry().counter(stock)?;
    let items: Vec<_> = (0..ITEMS).map(|item| format!("item-{item}")).collect();
    tokio::task::spawn_local(async move {
        loop {
            for item in &items {
                if let Ok(sold) = stock.get_or_create(&[item]) {
                    sold.inc();
                }
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let live = Live::new(metrics);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    writeln!(std::io::stdout(), "live page on http://{}{}", listener.local_addr()?, live.path())?;
    let router = live.router()?.into_make_service_with_connect_info::<SocketAddr>();
    tokio::task::spawn_local(async move { axum::serve(listener, router).await });
    Ok(())
}

async fn respond(request: Request) -> Result<&'static str, StatusCode> {
    let takes = if request.uri().path() == "/search" { 120 } else { 5 };
    tokio::time::sleep(Duration::from_millis(takes)).await;
    if request.uri().query() == Some("fails") { Err(StatusCode::INTERNAL_SERVER_ERROR) } else { Ok("done") }
}

/// Sends requests within this process, of which one of twenty for `/cart` fails.
async fn request_again_and_again(app: Router) -> Result<(), Box<dyn Error>> {
    for i in 0_u64.. {
        let path = match i % 5 {
            0 => "/",
            1 if i % 100 == 1 => "/cart?fails",
            1 | 2 => "/cart",
            3 => "/orders/7",
            _ => "/search",
        };
        let request = Request::get(path).body(Body::empty())?;
        let response: Result<Response, Infallible> = app.clone().oneshot(request).await;
        let _ = to_bytes(response?.into_body(), usize::MAX).await?;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn call_again_and_again(number: u64, function: Function, pause: Duration) {
    for call in number.. {
        // Callers that give up cancel the call.
        let _ = tokio::time::timeout(PATIENCE, function(Work::of(number, call))).await;
        tokio::time::sleep(pause / u32::try_from(1 + number % 5).unwrap_or(1)).await;
    }
}
