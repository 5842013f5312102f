// The program that measures the documents of its functions. Binaries include this file.

use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::time::Instant;

use metrics_export::Export;
use metrics_runtime::Metrics;

pub type Function = fn(Work) -> Pin<Box<dyn Future<Output = Result<(), Refused>>>>;

pub struct Refused;

pub struct Work;

impl Work {
    #[expect(clippy::unused_async, reason = "functions await it")]
    async fn run(self) -> Result<(), Refused> {
        Err(Refused)
    }
}

fn main() {
    black_box(FUNCTIONS);
    let metrics = Metrics::builder().namespace("shop").build().expect("the metrics are valid");
    let mut fastest = [f64::INFINITY; 2];
    for _ in 0..5 {
        let start = Instant::now();
        let export = Export::new(&metrics);
        black_box(export.dashboard());
        fastest[0] = fastest[0].min(start.elapsed().as_secs_f64() * 1e3);
        black_box((export.rules(), export.kubernetes().ok(), export.docs(), export.lock(), export.lint(), export.series()));
        fastest[1] = fastest[1].min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!("{} {}", fastest[0], fastest[1]);
}
