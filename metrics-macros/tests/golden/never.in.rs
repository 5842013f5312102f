#[track]
fn serve() -> ! {
    loop {}
}

#[track]
async fn serve_async() -> ! {
    loop {
        pending().await
    }
}
