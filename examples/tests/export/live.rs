//! The live page in a browser: every panel, an open breaker, a token, a restart, and the numbers of a real Prometheus.
//! The pictures are `live/*.png` in the target folder.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::browser::{Browser, Page, Window};
use tests::canned::{self, COMPLETION};
use tests::client::Client;
use tests::page::Labels;
use tests::prometheus::{Server, Target};
use tests::service::Service;
use tests::wait::undisturbed;
use tests::{tools, wait};

use crate::panels::{panels, start, use_dynoai, while_repeated};
use crate::{DYNOAI, NEURECTOMY};

/// All panels are in view.
const TALL: (u32, u32) = (1440, 9000);

const READY: &str = "live.app.model && live.app.store.ticks.length > 1";

fn artefact(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("live").join(format!("{name}.png"))
}

fn open<'a>(browser: &'a Browser, service: &Client, link: &str, window: Window) -> Page<'a> {
    browser.open(&format!("http://{}/metrics/live{link}", service.address()), window)
}

/// Returns the last value of a series in the panel of this title, or null.
fn last(title: &str, series: &str) -> String {
    format!(
        "live.app.panels.find((panel) => panel.title === '{title}')?.series().find(({{ name }}) => name.startsWith('{series}'))?.values.at(-1)"
    )
}

fn assert_no_problems(page: &Page<'_>, service: &Client) {
    assert_eq!(page.problems(), Vec::<String>::new());
    assert_eq!(page.origins(), [format!("http://{}", service.address())]);
}

/// Waits until every panel that can have data now is drawn.
fn wait_for_panels(page: &Page<'_>, but: &[&str]) {
    page.resize(TALL.0, TALL.1);
    page.get("document.querySelectorAll('details').forEach((row) => { row.open = true })");
    let but = json!(but);
    let missing = format!(
        "live.app.panels.filter((panel) => !{but}.includes(panel.title) \
         && !(panel.series().length > 0 && (!panel.chart || panel.chart.marks > 0))).map(({{ title }}) => title)"
    );
    let drawn = wait::try_until(|| {
        let missing = page.get(&missing);
        if missing == json!([]) { Ok(()) } else { Err(missing) }
    });
    assert_eq!(drawn, Ok(()), "these panels have no data");
}

#[test]
fn the_live_page_draws_every_panel_and_shows_a_breaker_when_it_opens() {
    let Some(browser) = tools::browser() else { return };
    let mut ryot = canned::Server::start("application/json", COMPLETION);
    let url = format!("http://{}", ryot.address());
    let service = start(&NEURECTOMY, &["--traffic", "20", "--live"], &[("RYOT_URL", &url), ("RYOT_COOLDOWN", "2")]);
    let dyno = start(&DYNOAI, &["--live"], &[]);
    let browser = browser.start();
    let page = open(&browser, &service, "", Window::WIDE);
    page.until(READY);

    let used = || {
        use_dynoai(&dyno);
        for service in [&service, &dyno] {
            let _ = service.get("/metrics").expect(200);
        }
    };
    while_repeated(used, || {
        // A breaker that has never changed has no time of its change.
        wait_for_panels(&page, &["Time since the last change"]);

        ryot.kill();
        page.until(&format!("{} === 1", last("State", "ryot")));
        // The first sample after the transition has the new state, or the one that was taken at the same time.
        let late = page.get(
            "(() => {
                const [state] = live.app.store.byName.get('neurectomy_circuit_breaker_state').filter(({ labels }) => labels.service === 'ryot');
                const [moment] = live.app.store.byName.get('neurectomy_circuit_breaker_last_transition_timestamp_seconds').filter(({ labels }) => labels.service === 'ryot');
                const place = Array.from(state.track.values.subarray(state.track.start, state.track.end)).indexOf(1);
                const seen = state.track.times[state.track.start + place];
                return live.app.store.within(moment.track.at(seen) * 1000, seen).length;
            })()",
        );
        assert!(late.as_u64() <= Some(1), "{late} samples until the open breaker was seen");
        page.until("document.body.innerText.includes('ryot\\nopen')");
        wait_for_panels(&page, &[]);
        ryot.restart();
        page.until(&format!("{} === 0", last("State", "ryot")));
        assert_no_problems(&page, &service);

        if std::env::var_os("BLESS").is_some() {
            page.resize(1440, 1500);
            page.until("live.app.store.now > live.app.store.opened + 45000");
            page.picture(&Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("docs").join("live-page.png"));
            page.resize(TALL.0, TALL.1);
        }

        // The picture on screen can be downloaded.
        let csv = page.get("live.csv()");
        let lines = csv.as_str().unwrap_or_default().lines().collect::<Vec<_>>();
        assert_eq!(lines[0], "time,panel,series,unit,value");
        assert!(lines.iter().any(|line| line.contains(",Requests by status class,2xx,reqps,")), "{}", lines.len());
        let size = page.get("(() => { const { width, height } = live.picture(); return [width, height] })()");
        assert!(size[0].as_u64() > Some(1000) && size[1].as_u64() > Some(1000), "{size}");

        pictures(&page, "neurectomy");
        let page = open(&browser, &dyno, "", Window::WIDE);
        page.until(READY);
        wait_for_panels(&page, &[]);
        assert_no_problems(&page, &dyno);
        pictures(&page, "dynoai");
        let phone = open(&browser, &service, "", Window::PHONE);
        phone.until(READY);
        phone.until(&format!("{} > 0", last("Requests", "requests")));
        assert_eq!(
            phone.get("document.documentElement.scrollWidth <= innerWidth"),
            true,
            "nothing is beside the screen"
        );
        phone.picture(&artefact("neurectomy-phone"));
        assert_no_problems(&phone, &service);
    });
}

/// Takes pictures of all parts of the page, in dark and light.
fn pictures(page: &Page<'_>, name: &str) {
    page.resize(1440, 1000);
    for theme in ["dark", "light"] {
        page.get(&format!("live.app.view.theme = '{theme}', live.app.setTheme()"));
        for (part, top) in [("top", 0), ("breakers", 2600)] {
            page.get(&format!("scrollTo({{ top: {top}, behavior: 'instant' }})"));
            // With the next sample, all that came into view is drawn.
            let now = page.get("live.app.store.now");
            page.until(&format!("live.app.store.now > {now} && live.app.queue.length === 0"));
            page.picture(&artefact(&format!("{name}-{theme}-{part}")));
        }
    }
    page.get("live.app.show('metrics')");
    page.until("document.querySelectorAll('.catalogue tbody tr').length > 10");
    page.picture(&artefact(&format!("{name}-metrics")));
    page.get("live.app.show('dashboard')");
}

#[test]
fn a_link_keeps_the_choice_of_a_route_or_function() {
    let Some(browser) = tools::browser() else { return };
    let service = start(&NEURECTOMY, &["--traffic", "20", "--live"], &[]);
    let browser = browser.start();
    let page = open(&browser, &service, "", Window::WIDE);
    let link = "[...document.querySelectorAll('.link')].find(({ textContent }) => textContent === '/v1/generate')";
    page.until(&format!("{link} !== undefined"));
    page.get(&format!("{link}.click()"));
    page.until("location.hash === '#route=%2Fv1%2Fgenerate'");
    page.until(&format!("{} > 0", last("Requests by route", "/v1/generate")));
    let others = "live.app.panels.flatMap((panel) => panel.series()).filter(({ labels }) => labels.endpoint && labels.endpoint !== '/v1/generate').length";
    assert_eq!(page.get(others), 0);
    page.reload();
    page.until(&format!("{} > 0", last("Requests by route", "/v1/generate")));
    assert_eq!(page.get(others), 0);
    page.press("Escape");
    page.until("location.hash === '' && live.app.panels.length > 30");

    // The pause holds the picture, while samples go on. The mark compares the time before and after.
    page.until("live.app.store.ticks.length > 3");
    page.press("m");
    page.press(" ");
    page.until("live.app.view.isPaused && live.app.store.now > live.app.view.range()[1] + 1000");
    assert_eq!(page.get("document.querySelector('.status').textContent.includes('paused')"), true);
    page.press(" ");
    page.until("live.app.view.compared() && document.body.innerText.includes('→')");
    page.press("t");
    page.until("location.hash === '#tab=metrics' && document.querySelectorAll('.catalogue tbody tr').length > 20");
    page.press("/");
    page.get(
        "document.activeElement.value = 'breaker ratio', document.activeElement.dispatchEvent(new Event('input'))",
    );
    page.until("document.querySelectorAll('.catalogue tbody tr').length === 4");

    // A source that does not answer is named until it does.
    let shown = page.get(
        "(() => {
            const { app } = live;
            app.take({ now: app.store.now, boot: app.store.boot, took: 0, missing: ['the function of `pool` did not answer in time'] });
            return app.missing.checkVisibility() && app.missing.textContent;
        })()",
    );
    assert_eq!(shown, "▲ Series are missing: the function of `pool` did not answer in time");
    page.until("live.app.missing.hidden");
    assert_no_problems(&page, &service);
}

#[test]
fn a_token_is_asked_for_and_a_restart_is_no_negative_rate() {
    let Some(browser) = tools::browser() else { return };
    let run = |address: &str| {
        let env = [("SIGMAVAULT_URL", "memory:///"), ("METRICS_TOKEN", "s3cr3t")];
        Service::start(NEURECTOMY.binary, &["--listen", address, "--traffic", "20", "--live"], &env)
    };
    let service = run("127.0.0.1:0");
    let browser = browser.start();
    let page = open(&browser, &service, "", Window::WIDE);
    let type_token = |token: &str| {
        page.until("document.querySelector('dialog.token').open");
        page.get(&format!(
            "live.app.tokenField.value = '{token}', document.querySelector('dialog.token form').requestSubmit()"
        ));
    };
    type_token("guess");
    page.until("document.body.innerText.includes('This token is not valid.')");
    type_token("s3cr3t");
    page.until(READY);
    // The tab keeps it.
    page.reload();
    page.until(READY);
    page.until(&format!("{} > 0", last("Requests", "requests")));

    let address = service.address().to_string();
    let _ = service.stop();
    page.until("document.querySelector('.status').textContent.includes('reconnecting')");
    let service = run(&address);
    page.until("live.app.store.restarts.length === 1 && live.app.store.now > live.app.store.restarts[0] + 2000");
    let values = page
        .get("live.app.panels.find(({ title }) => title === 'Requests').series().flatMap(({ values }) => [...values])");
    let values: Vec<_> = values.as_array().unwrap().iter().filter_map(Value::as_f64).collect();
    assert!(values.iter().all(|value| (0.0..200.0).contains(value)), "{values:?}");
    drop(service);
}

/// Uses everything that makes series, a fixed number of times.
fn use_neurectomy(service: &Client) {
    let body = json!({ "prompt": "The keeper", "max_tokens": 4, "seed": 7 });
    for _ in 0..10 {
        let _ = service.post_json("/v1/generate", &body);
        let _ = service.post_json("/v1/generate", &json!({}));
        let _ = service.request("PUT", "/v1/files/a", &[], b"text");
        let _ = service.get("/v1/files/a");
        let _ = service.get("/v1/files/none");
        let _ = service.get("/health");
        let _ = service.get("/nothing");
    }
}

#[test]
fn the_panels_show_the_numbers_of_a_prometheus() {
    let (Some(prometheus), Some(browser)) = (tools::prometheus(), tools::browser()) else { return };
    let service = start(&NEURECTOMY, &["--live"], &[]);
    // Prometheus does not count the first value of a series, and the page does.
    use_neurectomy(&service);
    let server = prometheus.scrape(&[Target::new(NEURECTOMY.name, service.address())]);
    server.wait_until("count_over_time(up[1h])", |counts| counts.values().all(|count| *count >= 2.0));
    let browser = browser.start();
    // The requests have to be within the last ten seconds of both.
    undisturbed(|| assert_same_numbers(&server, &browser, &service));
}

fn assert_same_numbers(server: &Server, browser: &Browser, service: &Service) {
    let page = open(browser, service, "#window=10", Window { height: TALL.1, ..Window::WIDE });
    page.until("live.app.store.ticks.length > 2");
    use_neurectomy(service);
    // All of it is within the window of both.
    page.until("live.app.store.now > live.app.store.opened + 10500");
    page.get("live.app.view.pause(), document.querySelectorAll('details').forEach((row) => { row.open = true })");
    page.until("live.app.view.isPaused && live.app.queue.length === 0 && live.app.panels.every(({ history }) => history.length > 0 && history.times[history.length - 1] >= live.app.view.range()[1])");
    let now = page.get("Math.floor(live.app.view.range()[1] / 1000)").as_u64().unwrap();
    // The page divides by the time between the first and the last sample of the window.
    let seconds = page.get(
        "(() => { const end = live.app.store.tickBefore(live.app.view.range()[1]); return (end - live.app.store.startOf(end, 10000)) / 1000 })()",
    );
    let seconds = seconds.as_f64().unwrap();
    let shown = page.get(
        "live.app.panels.filter(({ columns, kind }) => !columns && kind !== 'table').map((panel) => ({
            title: panel.title,
            series: panel.series().map(({ query, labels, values }) => ({ query, labels, value: values.at(-1) })),
        }))",
    );
    // Prometheus extends what it saw between the first and the last sample to the whole window, for all series alike.
    let samples = server.get(&format!("/api/v1/query?query=up[10s]&time={now}"))["result"][0]["values"].clone();
    let times: Vec<_> = samples.as_array().unwrap().iter().filter_map(|sample| sample[0].as_f64()).collect();
    let extended = 10.0 / (times[times.len() - 1] - times[0]);
    let mut compared = 0;
    for (panel, queries) in panels(&NEURECTOMY.dashboard(), &NEURECTOMY, &[service]) {
        // The two look at the process at different moments, and Prometheus is a scraper itself.
        let title = panel["title"].as_str().unwrap();
        let changes = ["Process", "Metrics runtime", "Time since", "File descriptors", "In flight"];
        if changes.iter().any(|prefix| title.starts_with(prefix)) {
            continue;
        }
        let unit = panel["fieldConfig"]["defaults"]["unit"].as_str().unwrap();
        let is_rate = ["reqps", "cps", "Bps"].contains(&unit) || panel["type"] == "heatmap";
        let (extended, seconds) = if is_rate { (extended, seconds) } else { (1.0, 10.0) };
        let Some(mine) = shown.as_array().unwrap().iter().find(|mine| mine["title"] == title) else { continue };
        for (number, query) in queries.iter().enumerate() {
            let theirs = server.query_at(&query.replace("[20s", "[10s"), now);
            let theirs: Vec<_> = theirs.into_iter().map(|(labels, value)| (own(labels), value / extended)).collect();
            for series in mine["series"].as_array().unwrap().iter().filter(|series| series["query"] == number) {
                let labels: Labels = serde_json::from_value(series["labels"].clone()).unwrap();
                let value = series["value"].as_f64().unwrap_or(f64::NAN) * seconds / 10.0;
                let found = theirs.iter().find(|(other, _)| *other == own(labels.clone()));
                let (_, expected) =
                    found.unwrap_or_else(|| panic!("{title}: Prometheus has no {labels:?} in {theirs:?}"));
                let differs = (value - expected).abs() > 0.05 * expected.abs().max(value.abs()) + 1e-9;
                assert!(!differs, "{title} {labels:?}: {value} is not {expected} of {query}");
                compared += 1;
            }
        }
    }
    assert!(compared > 60, "{compared}");
}

/// Returns the labels that the process has itself. Pages and stores spell bounds differently: `1` and `1.0`.
fn own(labels: Labels) -> Labels {
    let own = labels
        .into_iter()
        .filter(|(name, value)| !["__name__", "job", "instance"].contains(&&**name) && !value.is_empty());
    let spelled = own.map(|(name, value)| match value.parse::<f64>() {
        Ok(bound) if name == "le" => (name, bound.to_string()),
        _ => (name, value),
    });
    spelled.collect()
}
