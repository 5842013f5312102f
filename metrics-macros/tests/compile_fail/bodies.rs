//! A type error in the body has the same location as without the attribute.

use std::future::Future;
use std::pin::Pin;

use metrics_runtime::track;

#[track]
fn wrong_tail() -> u8 {
    "text"
}

#[track]
async fn wrong_tail_async() -> u8 {
    "text"
}

#[track]
fn no_tail() -> u8 {
    let x = 1;
}

#[track]
async fn no_tail_async() -> u8 {
    let x = 1;
}

#[track]
fn semicolon() -> u8 {
    1;
}

#[track]
async fn semicolon_async() -> u8 {
    1;
}

#[track]
fn tail_without_type() {
    1
}

#[track]
async fn tail_without_type_async() {
    1
}

#[track]
fn question() -> Result<u8, std::num::ParseIntError> {
    let text = String::from_utf8(Vec::new())?;
    Ok(text.parse()?)
}

#[track]
async fn question_async() -> Result<u8, std::num::ParseIntError> {
    let text = String::from_utf8(Vec::new())?;
    Ok(text.parse()?)
}

#[track]
fn early() -> u8 {
    if true {
        return "text";
    }
    1
}

#[track]
async fn early_async() -> u8 {
    if true {
        return "text";
    }
    1
}

#[track]
fn question_without_result() {
    "1".parse::<u8>()?;
}

#[track]
async fn question_without_result_async() {
    "1".parse::<u8>()?;
}

#[track]
fn statement() {
    let x: u8 = "text";
}

#[track]
async fn statement_async() {
    let x: u8 = "text";
}

#[track]
fn a_future() -> impl Future<Output = u8> {
    async { "text" }
}

#[track]
fn boxed() -> Pin<Box<dyn Future<Output = u8>>> {
    Box::pin(async { "text" })
}

#[track]
fn never() -> ! {
    1
}

#[track]
async fn never_async() -> ! {
    1
}

struct Methods;

#[track]
impl Methods {
    fn method(&self) -> u8 {
        "text"
    }

    async fn method_async(&self) -> u8 {
        "text"
    }
}

fn main() {}
