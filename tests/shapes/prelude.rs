//! The items that generated functions and their callers use. Compiled to a library of its own.
#![allow(dead_code, missing_docs)]

use std::any::Any;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, UnwindSafe, catch_unwind};
use std::task::{Context, Poll, Waker};

pub use std::borrow::Cow;
pub use std::cell::Cell;
pub use std::fmt::Debug;
pub use std::future::Future;
pub use std::pin::Pin;
pub use std::rc::Rc;
pub use std::sync::Arc;

pub type Res<T> = Result<T, String>;
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

#[derive(Clone, Debug)]
pub struct Point {
    pub x: u8,
    pub y: u8,
}

/// Logs its drop.
#[derive(Debug)]
pub struct Noisy(pub u8);

impl Drop for Noisy {
    fn drop(&mut self) {
        see(&format!("drop {}", self.0));
    }
}

pub trait Project {
    type Out;
}

impl Project for u8 {
    type Out = u16;
}

thread_local! {
    static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn log(line: String) {
    LOG.with(|log| log.borrow_mut().push(line));
}

/// Logs a value.
pub fn see<T: Debug + ?Sized>(value: &T) {
    log(format!("{value:?}"));
}

/// Returns the value. The guard is a temporary of the caller's expression.
pub fn beside<T>(_: &Noisy, value: T) -> T {
    value
}

pub fn checked(good: bool) -> Result<u8, String> {
    if good { Ok(1) } else { Err("checked".to_owned()) }
}

#[deprecated = "use `checked`"]
pub fn old() {}

/// # Safety
/// Is always safe.
pub unsafe fn danger() -> u8 {
    4
}

/// Returns a future that is pending once.
pub fn pending() -> impl Future<Output = u8> + Send + Unpin {
    let mut polled = false;
    std::future::poll_fn(move |_| {
        if polled {
            Poll::Ready(1)
        } else {
            polled = true;
            Poll::Pending
        }
    })
}

pub fn assert_send<T: Send>(_: &T) {}
pub fn assert_sync<T: Sync>(_: &T) {}
pub fn assert_unwind_safe<T: UnwindSafe>(_: &T) {}
pub fn assert_unpin<T: Unpin>(_: &T) {}

pub fn success<T: ?Sized>(_: &T) -> &'static str {
    "success"
}

pub fn result<T, E>(result: &Result<T, E>) -> &'static str {
    if result.is_ok() { "success" } else { "error" }
}

/// Runs a call, and logs its status.
pub fn call(input: u8, run: impl FnOnce() -> &'static str) {
    let status = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        log(format!("panic: {}", message(&*payload)));
        "panic"
    });
    log(format!("= {input} {status}"));
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

/// Logs the size of a future, polls it at most this number of times, and drops it. Returns the status of the call.
pub fn poll<F: Future>(future: F, polls: u32, observe: impl FnOnce(F::Output) -> &'static str) -> &'static str {
    log(format!("~ {}", size_of_val(&future)));
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..polls {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return observe(output);
        }
    }
    if polls == 0 { "unpolled" } else { "cancelled" }
}

/// Runs the shapes that the arguments of the program name, or all.
pub fn run(shapes: &[(u32, fn(), fn())], page: fn() -> String) {
    std::panic::set_hook(Box::new(|_| {}));
    let wanted: Vec<u32> = std::env::args().skip(1).filter_map(|id| id.parse().ok()).collect();
    for (id, plain, annotated) in shapes {
        if wanted.is_empty() || wanted.contains(id) {
            for (side, drive) in [("plain", plain), ("annotated", annotated)] {
                println!("shape {id} {side}");
                drive();
                for line in LOG.with(RefCell::take) {
                    println!("| {}", line.escape_debug());
                }
            }
        }
    }
    println!("page");
    print!("{}", page());
}
