//! The live page: the time of a sample of many series, and recording while somebody looks.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Once, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use metrics_live::Live;
use metrics_runtime::http::Endpoint;
use metrics_runtime::{Descriptor, Metrics, Registry};
use tokio::runtime::{self, Runtime};
use tower_service::Service as _;

use crate::calls::OURS;
use crate::measure::{Batch, median};
use crate::table::{Goal, Table};

const SERIES: usize = 10_000;

/// The goal of a sample.
const MILLISECONDS: f64 = 5.0;

const ROUNDS: usize = 50;

/// Calls with a viewer and without, with their names for callgrind. It counts the instructions of the calling thread.
pub const COUNTED: ((&str, Batch), (&str, Batch), Goal) =
    (("with a viewer", with_viewer), ("without a viewer", OURS.1), Goal::AtMost(1.02));

/// The shortest interval, so that samples are frequent.
const INTERVAL: Duration = Duration::from_millis(100);

pub fn run(table: &mut Table) {
    let bench = |what| format!("live page, ms: {what} of 10,000 series: the goal");
    let [first, later] = ["the first event", "a walk and an event of 5,000 changes"].map(bench);
    if !table.wants(&first) && !table.wants(&later) {
        return;
    }
    let registry = Registry::new();
    registry.set_series_limit(SERIES);
    let jobs = Descriptor::counter("jobs_total", "Jobs.").labels(["queue", "state"]);
    let jobs = registry.counter(jobs).expect("the name is unique");
    let series: Vec<_> = (0..SERIES)
        .map(|i| {
            let state = if i % 2 == 0 { "done" } else { "failed" };
            jobs.get_or_create(&[&format!("queue-{}", i / 2), state]).expect("two labels")
        })
        .collect();
    let runtime = runtime();
    let (mut firsts, mut laters) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let mut page = page(&registry);
        let mut events = runtime.block_on(events(&mut page));
        let start = Instant::now();
        runtime.block_on(event(&mut events));
        firsts.push(milliseconds(start));
        series.iter().step_by(2).for_each(|series| series.inc());
        // The interval has to pass for the next walk, which another viewer waits for.
        thread::sleep(INTERVAL);
        let start = Instant::now();
        runtime.block_on(event(&mut events));
        laters.push(milliseconds(start));
    }
    table.row(first, median(firsts), MILLISECONDS, Goal::AtMost(1.0));
    table.row(later, median(laters), MILLISECONDS, Goal::AtMost(1.0));
}

fn with_viewer(calls: u64) {
    static VIEWER: Once = Once::new();
    VIEWER.call_once(|| {
        let (sender, looks) = mpsc::channel();
        thread::spawn(move || {
            let mut page = page(Registry::global());
            runtime().block_on(async {
                let mut events = events(&mut page).await;
                loop {
                    event(&mut events).await;
                    let _ = sender.send(());
                }
            });
        });
        looks.recv().expect("the first event");
    });
    OURS.1(calls);
}

fn runtime() -> Runtime {
    runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn page(registry: &Registry) -> Router {
    let metrics = Metrics::builder().registry(registry).endpoint(Endpoint::new().open_to_everyone()).build();
    let live = Live::new(&metrics.expect("valid settings")).intervals(INTERVAL..=Duration::from_secs(60));
    live.router().expect("valid settings")
}

/// Opens a stream of events.
async fn events(page: &mut Router) -> Body {
    let request = Request::get("/metrics/live/events?interval=0.1").body(Body::empty()).expect("a request");
    let Ok(response) = page.call(request).await;
    assert!(response.status().is_success(), "{}", response.status());
    response.into_body()
}

/// Reads an event to its end.
async fn event(events: &mut Body) {
    loop {
        let frame = poll_fn(|cx| Pin::new(&mut *events).poll_frame(cx)).await.expect("the stream has no end");
        if frame.expect("events").data_ref().is_some_and(|data| data.ends_with(b"\n\n")) {
            return;
        }
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}
