//! Methods whose attributes or bodies an annotated block cannot record.

use std::panic::Location;

use metrics_runtime::track;
use metrics_runtime::track as record;

struct Service;

#[track]
impl Service {
    #[record(skip)]
    fn skipped(&self) {}

    #[record(name = "x")]
    async fn named(&self) {}

    #[track]
    #[track(skip)]
    fn twice(&self) {}
}

trait Places {
    #[track_caller]
    fn line(&self) -> u32;
}

impl Places for Service {
    #[track]
    fn line(&self) -> u32 {
        Location::caller().line()
    }
}

#[track]
impl Places for u8 {
    fn line(&self) -> u32 {
        std::panic::Location::caller().line()
    }
}

#[track]
fn of_this_function() -> u32 {
    Location::caller().line()
}

fn main() {}
