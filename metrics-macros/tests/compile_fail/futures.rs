//! Futures that the signature shows.

use std::fmt::Debug;
use std::future::Future;

use metrics_runtime::track;

#[track(returns = future)]
async fn asynchronous() {}

#[track]
fn debug() -> impl Future<Output = u8> + Debug {
    std::future::ready(1)
}

#[track(returns = future)]
fn clone() -> impl Future<Output = u8> + Clone + Send {
    std::future::ready(1)
}

fn main() {}
