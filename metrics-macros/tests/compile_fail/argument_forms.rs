//! Arguments in a form that another argument, or another attribute, has.

use metrics_runtime::{metrics, track, track_counter, track_histogram};

#[track(name = concat!("a", "b"))]
fn macro_call() {}

#[track(name = login)]
fn name_without_quotes() {}

#[track_histogram(name = "size_bytes", unit = bytes, value = |r: &u8| *r)]
fn unit_without_quotes() -> u8 {
    1
}

#[track(name("login"))]
fn name_as_list() {}

#[track_counter(labels(user-id = user, http.method = "get"))]
fn dash(user: u8) {}

#[track_counter(labels(t => t))]
fn arrow(t: u8) {}

#[track_counter(name == "login_total")]
fn comparison() {}

#[track(ok_if = r.is_ok())]
fn no_closure() -> Result<u8, ()> {
    Ok(1)
}

#[track(error_if = result.is_err() && !ignored)]
fn expression() -> Result<u8, ()> {
    Ok(1)
}

#[track_histogram(name = "len", value = r.len() * 2)]
fn product() -> Vec<u8> {
    Vec::new()
}

#[track(ok_if = |r|)]
fn closure_without_body() -> Result<u8, ()> {
    Ok(1)
}

#[track(returns = "future")]
fn returns_in_quotes() {}

#[track(objective(latency(0.5)))]
fn latency_without_percentage() {}

#[track(name = "x", buckets(1, 2))]
fn buckets_as_list() {}

#[track(name = "x", buckets = ["1", 2])]
fn buckets_in_quotes() {}

#[track(name = "x", buckets = linear("0.1", 0.1, 5))]
fn start_in_quotes() {}

#[metrics]
mod business {
    #[unit(bytes)]
    #[buckets("1", 2)]
    fn upload_bytes() -> Histogram;

    #[unit(bytes)]
    fn download_bytes() -> Histogram;
}

fn main() {}
