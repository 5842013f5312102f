#[track]
pub(crate) unsafe fn tick() {
    work();
}
