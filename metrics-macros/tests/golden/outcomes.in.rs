#[track(ok_if = |answer| answer.done)]
async fn done() -> Answer {
    Answer { done: true }
}

#[track(error_if = Answer::failed)]
fn failed() -> Answer {
    Answer { done: false }
}
