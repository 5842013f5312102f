//! Values that are not numbers, and results without a compression ratio.

use metrics_runtime::{track_compression, track_counter, track_histogram, track_ryot};

struct Answer {
    text: String,
}

#[track_histogram(name = "answer_bytes", value = |r: &Answer| r.text.clone())]
fn no_number() -> Answer {
    Answer { text: String::new() }
}

#[track_counter(name = "answers_total", value = |r: &bool| *r)]
async fn truth() -> bool {
    true
}

#[track_ryot(model = "tiny", tokens = |r| &r.text)]
async fn tokens() -> Result<Answer, ()> {
    Ok(Answer { text: String::new() })
}

#[track_histogram(name = "answer_size", value = |r| r.txt.len())]
fn no_such_field() -> Answer {
    Answer { text: String::new() }
}

#[track_histogram(name = "answer_two", value = 5)]
fn no_closure() -> Answer {
    Answer { text: String::new() }
}

#[track_compression]
fn no_ratio() -> Answer {
    Answer { text: String::new() }
}

#[track_compression]
async fn no_ratio_inside() -> Result<Option<Answer>, ()> {
    Ok(None)
}

#[track_compression]
fn returns_nothing() {}

#[track_compression(ratio = |r| &r.text)]
fn ratio() -> Answer {
    Answer { text: String::new() }
}

fn main() {}
