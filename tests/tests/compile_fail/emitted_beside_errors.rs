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
}

#[derive(LabelValue)]
enum State {
    On(u8),
}

fn labelled(value: impl LabelValue) {}

fn main() {
    let _: u8 = function();
    let _ = asynchronous();
    let _: u8 = Store.method();
    let _: u8 = Store.skipped();
    let _ = Annotated(1);
    business::users().inc();
    labelled(State::On(1));
}
