#[track]
fn boxed(text: String) -> Pin<Box<dyn Future<Output = usize> + Send>> {
    Box::pin(async move { text.len() })
}

#[track(name = "later", labels(kind = kind))]
fn later(kind: Kind, text: String) -> impl Future<Output = usize> + Send {
    async move { text.len() }
}

#[track(returns = future)]
fn hidden() -> Hidden {
    Box::pin(async { 1 })
}
