// `assert_metric!` and `assert_no_metric!`: mistakes in their syntax.

use metrics_runtime::test::Scope;
use metrics_runtime::{assert_metric, assert_no_metric};

fn main() {
    let metrics = Scope::new();
    assert_metric!(metrics, login_total { tenant = "acme" } = 1);
    assert_metric!(metrics, login_total { tenant = "acme" } => 1);
    assert_metric!(metrics, login_total { tenant = "acme" });
    assert_metric!(metrics, login_total);
    assert_metric!(metrics, login_total == 1, == 2);
    assert_metric!(metrics, login_total { tenant: "acme" } == 1);
    assert_metric!(metrics, login_seconds mean == 1);
    assert_metric!(metrics, login_seconds count = 1);
    assert_metric!(metrics, [login_total] == 1);
    assert_metric!(metrics);
    assert_no_metric!(metrics, login_total = 1);
}
