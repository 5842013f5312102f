#[track(ok_if = |answer| answer.done)]
async fn done() -> Answer {
    Answer { done: true }
}

#[track(error_if = Answer::failed)]
fn failed() -> Answer {
    Answer { done: false }
}

#[track(name = "login", objective(success = 99.9, latency("1s", 99)))]
fn login(user: &str) -> Result<(), String> {
    Ok(())
}
