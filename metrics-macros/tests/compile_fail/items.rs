//! Items that cannot be recorded.

use metrics_runtime::{track, track_counter, track_ryot, track_storage};

#[track]
const fn at_compile_time() {}

#[track]
struct Fields {
    field: u8,
}

#[track_counter]
enum Variants {
    One,
}

#[track_ryot]
trait Bodiless {
    fn method(&self);
}

#[track_storage("store")]
mod module {}

#[track]
static TEXT: &str = "";

#[track]
const NUMBER: u8 = 1;

#[track]
type Alias = u8;

#[track]
pub use std::fmt;

#[track]
#[macro_export]
macro_rules! rules {
    () => {};
}

trait Methods {
    #[track]
    fn without_body(&self);
}

#[track]
#[track_caller]
fn place_of_the_caller() {}

#[track_counter]
impl Fields {
    fn method(&self) {}
}

#[track(lables, name)]
const fn wrong_twice() {}

fn main() {
    let fields = Fields { field: 1 };
    fields.method();
    let _ = Variants::One;
    wrong_twice();
}
