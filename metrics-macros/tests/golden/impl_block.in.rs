#[track(in_flight)]
impl<T> Storage for Store<T> {
    const NAME: &'static str = "store";

    fn get(&self) -> T {
        self.0
    }

    #[track(skip)]
    fn size(&self) -> usize {
        1
    }

    #[track(name = "put", labels(size = value.len()))]
    async fn put(self, value: String) {
        self.write(value).await
    }
}
