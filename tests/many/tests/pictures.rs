//! The dashboards of services with 5, 50 and 500 functions, with data from a real Prometheus that scrapes two instances.
//!
//! The pictures are `dashboards/functions-*.png` in the target folder: as the dashboard opens, and with all rows open.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tests::browser::{Page, Window};
use tests::dashboard::{filled, opened};
use tests::lookup::Names;
use tests::prometheus::{Range, Server, Target};
use tests::service::Service;
use tests::tools;
use tests::wait::undisturbed;

const SERVICES: [(usize, &str); 3] =
    [(5, env!("CARGO_BIN_EXE_many_5")), (50, env!("CARGO_BIN_EXE_many_50")), (500, env!("CARGO_BIN_EXE_many_500"))];

fn document(binary: &str, arguments: &[&str]) -> String {
    let written = Service::run(binary, &[&["metrics"], arguments].concat(), &[]);
    assert!(written.status.success(), "{}", written.stderr);
    written.stdout
}

/// Returns the dashboard for a Prometheus that scrapes every second.
fn dashboard(binary: &str) -> Value {
    serde_json::from_str(&document(binary, &["dashboard", "--scrape-interval", "1s"])).unwrap()
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    dashboard["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// Starts a service. Returns it with the address of its live page.
fn live(binary: &str) -> (Service, String) {
    let service = Service::start(binary, &["--live"], &[]);
    let url = service.stdout().lines().find_map(|line| line.strip_prefix("live page on ")).unwrap().to_owned();
    (service, url)
}

#[test]
fn the_live_page_shows_500_functions_and_a_metric_of_2000_series() {
    let Some(program) = tools::browser() else { return };
    let (_, many) = SERVICES[2];
    let (_service, url) = live(many);
    let browser = program.start();
    let page = browser.open(&url, Window::WIDE);
    let table = "live.app.panels.find(({ title }) => title === 'All functions')";
    page.until(ALL_SERIES);
    page.get(&format!("{table}.root.scrollIntoView()"));
    page.until(&format!("{table}.root.querySelectorAll('tbody tr').length === 500"));
    let file = artefact("500-live");
    page.picture(&file);
    // Drawing is cut into frames, so the page has 30 frames a second if it is idle for most of the time.
    let counts = || page.get("[live.app.store.ticks.end, live.app.frames]");
    let (seconds, before) = (page.seconds(), counts());
    page.until(&format!("live.app.store.ticks.end > {} + 8", before[0]));
    let (seconds, after) = (page.seconds() - seconds, counts());
    let [each_event, each_frame] =
        [0, 1].map(|i| seconds * 1000.0 / (after[i].as_f64().unwrap() - before[i].as_f64().unwrap()));
    eprintln!("the processor: {each_event:.1} ms for each event, {each_frame:.1} ms for each frame");
    assert!(each_event < 500.0 && each_frame < 100.0, "{each_event} ms, {each_frame} ms");
    // The time between two frames while the page goes on, for those who look.
    let frames = page.get(
        "new Promise((resolve) => {
            const times = [];
            const frame = (time) => (times.push(time) < 300 && time - times[0] < 5000 ? requestAnimationFrame(frame) : resolve(times));
            requestAnimationFrame(frame);
        }).then((times) => {
            const pauses = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b);
            return { frames: times.length, median: pauses[pauses.length >> 1], longest: pauses.at(-1), heap: performance.memory.usedJSHeapSize };
        })",
    );
    eprintln!("{frames}");

    // Rows change their order meanwhile.
    let click = "(() => { const link = TABLE.root.querySelector('.link'); link.click(); return link.textContent; })()";
    let name = page.get(&click.replace("TABLE", table));
    page.until(&format!("live.app.panels.length >= 3 && live.app.panels.every(({{ subject }}) => subject === {name})"));
    page.until("live.app.panels[0].series().length > 0");
    assert_eq!(page.problems(), Vec::<String>::new());
}

const ALL_SERIES: &str = "live.app.model && live.app.store.counts('shop_items_sold_total') === 2000";

/// Notes the series that change with each event.
const NOTE: &str = "(() => {
    const { app } = live;
    app.real = app.take.bind(app);
    app.noted = [];
    app.take = (event) => {
        const changed = (event.values ?? []).filter((_, i) => i % 2 === 0);
        app.noted.push([...changed, ...(event.lists ?? []).map(([number]) => number)]);
        app.real(event);
    };
})()";

/// Gives the page this many seconds of samples at once, in which the noted series change.
fn pass(page: &Page<'_>, seconds: u64) {
    page.get(&format!(
        "(() => {{
            const {{ app }} = live;
            const {{ store, stream, noted }} = app;
            stream.attempt += 1;
            stream.controller.abort();
            let now = store.now;
            for (let second = 0; second < {seconds}; second += 1) {{
                now += 1000;
                const [values, lists] = [[], []];
                for (const number of noted[second % noted.length]) {{
                    const parts = store.numbers[number];
                    if (parts?.length === 1) values.push(number, parts[0].raw + 1);
                    else if (parts) lists.push([number, ...parts.map(({{ raw }}, i) => raw + (i === 0 || i > 5 ? 1 : 0))]);
                }}
                app.real({{ now, boot: store.boot, took: 0, values, lists }});
            }}
            // The service's clock is behind that of the page now.
            const ahead = now - Date.now();
            app.take = (event) => app.real({{ ...event, now: event.now + ahead }});
            stream.restart();
        }})()"
    ));
    let now = page.get("live.app.store.now");
    page.until(&format!("live.app.store.now > {now} + 1500 && live.app.queue.length === 0"));
}

/// Returns the seconds between the oldest and the last sample, and the room for all samples of series and of panels.
fn kept(page: &Page<'_>) -> [f64; 3] {
    let kept = page.get(
        "(() => {
            const { store, panels } = live.app;
            const tracks = [store.ticks, ...[...store.known.values()].map(({ track }) => track)];
            const histories = panels.map(({ history }) => history).filter(Boolean);
            return [
                Math.max(...tracks.map(({ times, start, end }) => end - start > 1 ? store.now - times[start + 1] : 0)) / 1000,
                tracks.reduce((sum, { times }) => sum + times.length, 0),
                histories.reduce((sum, { times, columns }) => sum + times.length * (columns.length + 1), 0),
            ];
        })()",
    );
    serde_json::from_value(kept).unwrap()
}

#[test]
fn the_live_page_keeps_15_minutes_however_long_it_is_open() {
    let Some(program) = tools::browser() else { return };
    let (_service, url) = live(SERVICES[1].1);
    let browser = program.start();
    let page = browser.open(&url, Window::WIDE);
    page.until(ALL_SERIES);
    page.get(NOTE);
    page.until("live.app.noted.length > 2");
    pass(&page, 920);
    let [_, series, panels] = kept(&page);
    pass(&page, 200);
    let [oldest, series_later, panels_later] = kept(&page);
    assert!(oldest < 15.0 * 60.0 + 30.0, "{oldest} s");
    // Room grows by doubling, so a series that changes rarely may still get to its last size.
    assert!(
        series_later < 1.2 * series && panels_later < 1.5 * panels,
        "{series} {series_later} {panels} {panels_later}"
    );
    assert_eq!(page.problems(), Vec::<String>::new());
}

/// `cargo test -p many --test pictures -- --ignored --nocapture ten_minutes` prints the memory of the page.
#[test]
#[ignore = "takes ten minutes"]
fn the_memory_of_the_live_page_is_flat_over_ten_minutes() {
    let program = tools::browser().expect("a browser");
    let (_service, url) = live(SERVICES[2].1);
    let browser = program.start();
    let page = browser.open(&url, Window::WIDE);
    page.until(ALL_SERIES);
    page.get(NOTE);
    page.until("live.app.noted.length > 40");
    // The page has all that it ever has.
    pass(&page, 1000);
    let mut rests = Vec::new();
    for minute in 0..=10 {
        let now = page.get("live.app.store.now").as_f64().unwrap();
        let (heap, [_, series, panels]) = (page.heap() as f64, kept(&page));
        // A sample has a time and a value.
        let samples = 16.0 * series + 8.0 * panels;
        let [heap, samples] = [heap, samples].map(|bytes| bytes / f64::from(1 << 20));
        eprintln!("{minute} min: {heap:.1} MiB of JavaScript, {samples:.1} MiB of them samples");
        rests.push(heap - samples);
        for second in 1..=60 {
            page.until(&format!("live.app.store.now > {now} + {second}000"));
        }
    }
    // The room for samples is bounded, see above.
    assert!(rests[10] < 1.2 * rests[0], "{rests:?}");
}

#[test]
fn every_name_in_the_documents_is_in_the_contract() {
    for (number, binary) in SERVICES {
        let mut names = Names::of_lock(&document(binary, &["lock"]));
        let problems = [names.rules(&document(binary, &["rules"])), names.dashboard(&document(binary, &["dashboard"]))];
        assert_eq!(problems.concat(), [""; 0], "{number} functions");
    }
}

#[test]
fn a_person_can_read_the_dashboard_however_many_functions_there_are() {
    let mut sizes = Vec::new();
    for (number, binary) in SERVICES {
        let text = document(binary, &["dashboard"]);
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        let open = panels(&dashboard).count();
        assert!(open <= 40, "{open} panels are open with {number} functions");
        // Every function has panels in a closed row.
        let shown = opened(&dashboard);
        let titles: Vec<_> = panels(&shown).map(|panel| panel["title"].as_str().unwrap()).collect();
        let of = |end: &str| titles.iter().filter(|title| title.starts_with("shop_") && title.ends_with(end)).count();
        assert_eq!((of("_total"), of("_duration_seconds")), (number, number));
        sizes.push(text.len() / number);
    }
    assert!(sizes[2] < sizes[1] && sizes[2] < 1000, "bytes for each function: {sizes:?}");
}

#[test]
fn grafana_accepts_everything_in_the_dashboards() {
    let Some(grafana) = tools::grafana() else {
        return;
    };
    for (number, binary) in SERVICES {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), document(binary, &["dashboard"])).unwrap();
        grafana.check_dashboard(file.path()).unwrap_or_else(|lost| panic!("{number} functions:\n{lost}"));
    }
}

/// Draws a dashboard as it is, and returns the titles of the panels without data.
fn draw(server: &Server, dashboard: &Value, range: Range, file: &str) -> Vec<String> {
    let painter = tools::painter().unwrap();
    let query = |text: &str| {
        let query = text.replace("$__rate_interval", "10s").replace("$instance", ".+");
        server.query_range(&query.replace("$job", "shop").replace("$route", ".+"), range)
    };
    let data = panels(dashboard).map(|panel| {
        let targets = panel["targets"].as_array().unwrap().iter();
        let answers = targets.map(|target| query(target["expr"].as_str().unwrap())).collect();
        (panel["id"].to_string(), Value::Array(answers))
    });
    let data = Value::Object(data.collect::<Map<_, _>>());
    let ends = dashboard["panels"].as_array().unwrap().iter().map(|panel| {
        let of = |key: &str| panel["gridPos"][key].as_u64().unwrap();
        u32::try_from(of("y") + of("h")).unwrap()
    });
    let drawn = painter.draw(dashboard, &data, range, ends.max().unwrap(), &artefact(file)).unwrap();
    let empty = drawn.iter().filter(|drawn| drawn.series == 0 || drawn.marks == 0);
    let title =
        |id: i64| panels(dashboard).find(|panel| panel["id"] == id).unwrap()["title"].as_str().unwrap().to_owned();
    empty.map(|drawn| title(drawn.panel)).collect()
}

fn artefact(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("dashboards").join(format!("functions-{name}.png"))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn every_panel_is_drawn_with_data() {
    let (Some(prometheus), Some(_)) = (tools::prometheus(), tools::painter()) else {
        return;
    };
    let draws = |(number, binary): (usize, &str)| {
        let instances = [0, 1].map(|_| Service::start(binary, &[], &[]));
        let from = now();
        let server = prometheus.scrape(&instances.each_ref().map(|service| Target::new("shop", service.address())));
        let scrapes = |counts: &std::collections::BTreeMap<_, f64>| counts.values().all(|count| *count >= 25.0);
        // Those that were not late.
        server.wait_until("sum_over_time(up[1h])", scrapes);
        let dashboard = dashboard(binary);
        // A rate needs two scrapes in a row.
        undisturbed(|| {
            let range = Range { from, to: now(), step: 1 };
            let empty = draw(&server, &filled(&dashboard), range, &number.to_string());
            assert_eq!(empty, [""; 0], "{number} functions");
            if number == 50 {
                let empty = draw(&server, &opened(&dashboard), range, &format!("{number}-opened"));
                assert_eq!(empty, [""; 0], "{number} functions");
            }
        });
    };
    // They wait for their scrapes at the same time.
    let draws = &draws;
    std::thread::scope(|scope| {
        for service in SERVICES {
            scope.spawn(move || draws(service));
        }
    });
}
