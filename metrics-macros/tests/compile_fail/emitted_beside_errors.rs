//! An item with a wrong attribute is still emitted, with its type.

#![allow(unused_variables)]

use metrics_runtime::{LabelValue, metrics, track, track_storage};

struct Store;

#[track(nmae = "x")]
fn function() -> u8 {
    1
}

#[track_storage]
async fn asynchronous() -> u8 {
    1
}

#[track(nmae = "x")]
impl Store {
    fn method(&self) -> u8 {
        1
    }

    #[track(skip)]
    fn skipped(&self) -> u8 {
        1
    }
}

#[track(in_flight)]
struct Annotated(u8);

#[metrics(prefx = "x_")]
mod business {
    pub fn users() -> Gauge;
    #[buckets(1)]
    pub async fn jobs() -> Counter;
}

#[derive(LabelValue)]
enum State {
    On(u8),
}

fn labelled(_: impl LabelValue) {}

fn main() {
    // The compiler knows the type that each of them returns.
    let () = function();
    let () = asynchronous();
    let () = Store.method();
    let () = Store.skipped();
    let () = Annotated(1);
    let () = business::users();
    let () = business::jobs();
    labelled(State::On(1));
}
