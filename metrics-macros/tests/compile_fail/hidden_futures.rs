//! Futures that the signature does not show.

use std::future::{Future, Ready, ready};
use std::pin::Pin;

use metrics_runtime::track;

type Hidden = Pin<Box<dyn Future<Output = u8> + Send>>;

#[track]
fn behind_an_alias() -> Hidden {
    Box::pin(async { 1 })
}

#[track]
fn by_name() -> Ready<u8> {
    ready(1)
}

#[track(returns = future)]
fn not_boxed() -> Ready<u8> {
    ready(1)
}

#[track(returns = future)]
fn no_future() -> u8 {
    1
}

fn main() {}
