#[::core::prelude::v1::test]
fn a_sync_test() {
    #[allow(clippy::unused_async, clippy::needless_pass_by_value)]
    fn a_sync_test() {
        recorded();
    }
    ::metrics_runtime::__private::test::run(|_| a_sync_test())
}
#[::core::prelude::v1::test]
/// Of the counter.
#[should_panic(expected = "no")]
fn an_async_test() -> Result<(), Error> {
    #[allow(clippy::unused_async, clippy::needless_pass_by_value)]
    async fn an_async_test(metrics: Scope) -> Result<(), Error> {
        recorded().await?;
        Ok(())
    }
    ::metrics_runtime::__private::test::block_on(
        ::metrics_runtime::__private::test::Runtime::current_thread(true),
        |scope| an_async_test(scope),
    )
}
#[::core::prelude::v1::test]
fn a_test_with_threads() {
    #[allow(clippy::unused_async, clippy::needless_pass_by_value)]
    async fn a_test_with_threads(_: Scope) {}
    ::metrics_runtime::__private::test::block_on(
        ::metrics_runtime::__private::test::Runtime::multi_thread(
            ::core::option::Option::Some(2),
        ),
        |scope| a_test_with_threads(scope),
    )
}
