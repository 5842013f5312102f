use std::time::Duration;

use metrics_runtime::test::Scope;
use metrics_runtime::{assert_metric, assert_no_metric, eventually, metrics, track};

#[track(name = "login", labels(tenant = tenant))]
async fn login(tenant: &str, password: &str) -> Result<(), String> {
    if password == "secret" { Ok(()) } else { Err("wrong password".into()) }
}

#[metrics]
mod mail {
    /// Mails that were sent.
    pub fn mails_sent_total(kind: &'static str) -> Counter;
}

#[metrics_runtime::test]
async fn failed_logins_are_counted(metrics: Scope) {
    login("acme", "guess").await.unwrap_err();
    assert_metric!(metrics, login_total { tenant = "acme", status = "error" } == 1);
    assert_metric!(metrics, login_duration_seconds { tenant = "acme" } count == 1, sum < 60.0);
    assert_no_metric!(metrics, login_total { status = "panic" } > 0);
}

#[metrics_runtime::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_welcome_mail_is_sent_in_the_background(metrics: Scope) {
    tokio::spawn(async { mail::mails_sent_total("welcome").inc() });
    eventually!(metrics, mails_sent_total { kind = "welcome" } == 1).within(Duration::from_secs(60)).await;
}

#[metrics_runtime::test]
fn threads_of_the_scope_are_counted(metrics: Scope) {
    metrics.spawn(|| mail::mails_sent_total("invoice").inc()).join().unwrap();
    assert_eq!(metrics.value("mails_sent_total", &[("kind", "invoice")]), Some(1.0));
    assert_eq!(metrics.value("mails_sent_total", &[("kind", "welcome")]), None, "no such series");
    let delta = metrics.delta(|| mail::mails_sent_total("invoice").inc());
    assert_metric!(delta, mails_sent_total { kind = "invoice" } == 1);
    assert!(metrics.page().contains("mails_sent_total{kind=\"invoice\"} 2\n"));
}
