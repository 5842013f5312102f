#[test]
fn a_sync_test() {
    recorded();
}

/// Of the counter.
#[test(start_paused = true)]
#[should_panic(expected = "no")]
async fn an_async_test(metrics: Scope) -> Result<(), Error> {
    recorded().await?;
    Ok(())
}

#[test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_with_threads(_: Scope) {}
