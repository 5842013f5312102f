#[track(returns = auto)]
async fn tick() {
    pending().await;
}
