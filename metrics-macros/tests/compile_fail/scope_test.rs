// `#[metrics_runtime::test]`: mistakes in its arguments and in its function.

use metrics_runtime::test::Scope;

#[metrics_runtime::test(flavour = "multi_thread")]
async fn unknown_argument(_: Scope) {}

#[metrics_runtime::test(flavor = "multi_threads")]
async fn unknown_flavor(_: Scope) {}

#[metrics_runtime::test(flavor = multi_thread)]
async fn flavor_without_quotes(_: Scope) {}

#[metrics_runtime::test(worker_threads = 2)]
async fn threads_of_one_thread(_: Scope) {}

#[metrics_runtime::test(flavor = "multi_thread", worker_threads = 0)]
async fn no_threads(_: Scope) {}

#[metrics_runtime::test(flavor = "multi_thread", worker_threads = "2")]
async fn threads_as_text(_: Scope) {}

#[metrics_runtime::test(flavor = "multi_thread", start_paused = true)]
async fn paused_threads(_: Scope) {}

#[metrics_runtime::test(start_paused = 1)]
async fn paused_by_a_number(_: Scope) {}

#[metrics_runtime::test(start_paused)]
async fn paused_without_a_value(_: Scope) {}

#[metrics_runtime::test(start_paused = true, start_paused = true)]
async fn paused_twice(_: Scope) {}

#[metrics_runtime::test(flavor = "current_thread", start_paused = true)]
fn a_runtime_of_a_sync_test(_: Scope) {}

#[metrics_runtime::test]
fn two_parameters(_: Scope, _: u8) {}

#[metrics_runtime::test]
#[test]
fn a_test_already(_: Scope) {}

#[metrics_runtime::test]
#[tokio::test]
async fn a_test_of_tokio(_: Scope) {}

#[metrics_runtime::test]
fn generic<T>(_: Scope) {}

#[metrics_runtime::test]
unsafe fn not_safe(_: Scope) {}

#[metrics_runtime::test]
const fn constant(_: Scope) {}

#[metrics_runtime::test]
extern "C" fn foreign(_: Scope) {}

#[metrics_runtime::test]
struct Suite;

struct Tests;

#[metrics_runtime::test]
impl Tests {}

impl Tests {
    #[metrics_runtime::test]
    fn method(&self) {}
}

fn main() {}
