#[track]
async fn answer(question: String, retries: u8) -> Result<String, Error> {
    ask(question, retries).await
}

#[track(returns = auto)]
async fn tick() {
    pending().await;
}
