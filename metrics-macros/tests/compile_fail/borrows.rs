//! An error of the borrow checker has the same location as without the attribute.

use metrics_runtime::track;

#[track]
fn not_mutable(text: String) {
    text.push('a');
}

#[track]
async fn not_mutable_async(text: String) {
    text.push('a');
}

#[track]
fn moved(text: String) -> String {
    drop(text);
    text
}

#[track]
async fn moved_async(text: String) -> String {
    drop(text);
    text
}

#[track]
fn dangling(text: &str) -> &'static str {
    text
}

#[track]
fn local<'a>() -> &'a str {
    let text = String::new();
    &text
}

#[track]
async fn local_async<'a>() -> &'a str {
    let text = String::new();
    &text
}

#[track]
async fn not_send() {
    let text = std::rc::Rc::new(());
    std::future::ready(()).await;
    drop(text);
}

fn send<T: Send>(_: T) {}

fn main() {
    send(not_send());
}
