//! Keys and sessions.

use tests::wait;

use crate::{assert_error, delete, key, open_session, page, session, start};

#[test]
fn the_gauges_show_the_current_users_and_keys() {
    let service = start(&[]);
    let counts = || {
        let page = page(&service);
        let users = page.value("neurectomy_active_users", []);
        (users, page.value("neurectomy_api_keys_active", []))
    };
    let [ada, ada_too, bob] = ["ada", "ada", "bob"].map(|user| key(&service, user));
    assert_eq!(counts(), (0.0, 3.0));
    let first = session(&service, &ada);
    let _ = session(&service, &ada_too);
    let _ = session(&service, &bob);
    assert_eq!(counts(), (2.0, 3.0));
    let _ = delete(&service, &format!("/v1/sessions/{first}")).expect(204);
    assert_eq!(counts(), (2.0, 3.0));
    let _ = delete(&service, &format!("/v1/keys/{ada_too}")).expect(204);
    assert_eq!(counts(), (1.0, 2.0));
    for failed in [delete(&service, &format!("/v1/keys/{ada_too}")), delete(&service, &format!("/v1/sessions/{first}"))]
    {
        assert_error(&failed, 404);
    }
    let refused = open_session(&service, &ada_too);
    assert_error(&refused, 401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
    assert_eq!(counts(), (1.0, 2.0));
}

#[test]
fn an_expired_session_decrements_the_gauge() {
    let service = start(&[("SESSION_SECONDS", "0.5")]);
    let key = key(&service, "ada");
    let _ = session(&service, &key);
    // No request updates the gauge: it must change without one.
    wait::until("the session to end", || {
        let users = page(&service).value("neurectomy_active_users", []);
        (users == 0.0).then_some(())
    });
}
