#[track_ryot]
async fn generate(prompt: &str) -> Result<Completion, Error> {
    complete(prompt).await
}

#[track_ryot(model = MODEL, tokens = |completion| completion.tokens)]
async fn generate_counted(prompt: &str) -> Result<Completion, Error> {
    complete(prompt).await
}
