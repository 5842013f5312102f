//! A lifetime that an async body cannot keep: at the returned type, since only the user's own `async fn` lets the compiler
//! say which expression it was.

use metrics_runtime::track;

#[track]
async fn dangling_async(text: &str) -> &'static str {
    text
}

fn main() {}
