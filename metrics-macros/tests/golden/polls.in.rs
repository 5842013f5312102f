//! Measured polls: of an async function, of one that stays async, of a boxed future, and of the async methods of a block.

#[track(polls)]
async fn short() {}

#[track(name = "long", labels(tenant = tenant), polls, slow_poll = "50ms")]
#[must_use]
async fn stays_async(tenant: &str) -> u8 {
    7
}

#[track(polls, slow_poll = LIMIT)]
fn boxed() -> BoxFuture<'static, u8> {
    Box::pin(async { 7 })
}

#[track(polls)]
impl Store {
    async fn get(&self) {}

    fn len(&self) -> usize {
        0
    }
}
