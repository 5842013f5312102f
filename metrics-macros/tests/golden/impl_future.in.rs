#[track(name = "later", labels(kind = kind))]
fn later(kind: Kind, text: String) -> impl Future<Output = usize> + Send {
    async move { text.len() }
}
