#[track(preset = crate::metrics::LLM, labels(model = model), value = |answer| answer.tokens, timed, in_flight)]
async fn ask(model: &str) -> Answer {
    Answer { tokens: 7 }
}
