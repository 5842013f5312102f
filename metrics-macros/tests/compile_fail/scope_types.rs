// `assert_metric!` and `eventually!`: values of other types.
#![deny(unused_must_use)]

use metrics_runtime::test::Scope;
use metrics_runtime::{assert_metric, eventually};

struct Tenant;

fn main() {
    let metrics = Scope::new();
    assert_metric!(metrics, login_total { tenant = Tenant } == 1);
    assert_metric!(metrics, login_total == "1");
    assert_metric!(metrics, (7) == 1);
    assert_metric!(7, login_total == 1);
    let delta = metrics.delta(|| {});
    eventually!(delta, login_total == 1).wait();
    let twice = metrics.delta(|| 2);
}
