#[track_storage("store", timed)]
async fn store(key: &str) -> Result<(), Error> {
    write(key).await
}
