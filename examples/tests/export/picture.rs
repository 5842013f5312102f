//! Pictures of the dashboards, with data from a real Prometheus that scrapes two instances. The language model of one
//! instance is unreachable for a while. The pictures are `dashboards/*.png` in the target folder.
//!
//! `BLESS=1 cargo test -p examples --test export picture` takes some minutes and also updates the picture of the
//! README.

use std::env;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};
use tests::canned::{self, COMPLETION};
use tests::dashboard::opened;
use tests::picture::{Drawn, Painter};
use tests::prometheus::{Range, Server};
use tests::service::Service;
use tests::tools;

use crate::panels::{panels, start, start_gateway, target, while_used};
use crate::{DYNOAI, Example, GATEWAY, NEURECTOMY};

/// The row below the end of the picture in the README. The whole dashboard is too long for it.
const README_ENDS_ABOVE: &str = "Failure ratio and its threshold";

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Returns the file of a picture in the target folder.
pub(crate) fn artefact(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("dashboards").join(format!("{name}.png"))
}

/// A dashboard with the results of all its queries.
pub(crate) struct Results {
    dashboard: Value,
    data: Value,
    range: Range,
}

impl Results {
    pub(crate) fn new(
        server: &Server,
        example: &Example,
        dashboard: &Value,
        instances: &[&Service],
        range: Range,
    ) -> Self {
        let dashboard = opened(dashboard);
        let answers = panels(&dashboard, example, instances).into_iter().map(|(panel, queries)| {
            let answers = queries.iter().map(|query| server.query_range(query, range)).collect();
            (panel["id"].to_string(), Value::Array(answers))
        });
        let data = Value::Object(answers.collect::<Map<_, _>>());
        Self { dashboard, data, range }
    }

    fn panels(&self) -> impl Iterator<Item = &Value> {
        self.dashboard["panels"].as_array().unwrap().iter()
    }

    /// Draws the whole dashboard, or the part above the panel with this title.
    pub(crate) fn draw(&self, painter: &Painter, above: Option<&str>, file: &Path) -> Vec<Drawn> {
        let line = |panel: &Value, key: &str| panel["gridPos"][key].as_u64().unwrap();
        let found = above.map(|title| self.panels().find(|panel| panel["title"] == title).expect("the panel exists"));
        let bottoms = self.panels().map(|panel| line(panel, "y") + line(panel, "h"));
        let until = found.map_or_else(|| bottoms.max().unwrap(), |panel| line(panel, "y"));
        painter.draw(&self.dashboard, &self.data, self.range, u32::try_from(until).unwrap(), file).unwrap()
    }

    fn assert_all_is_drawn(&self, drawn: &[Drawn]) {
        for panel in self.panels().filter(|panel| panel["type"] != "row") {
            let title = &panel["title"];
            let drawn = drawn.iter().find(|drawn| panel["id"] == drawn.panel);
            let drawn = drawn.unwrap_or_else(|| panic!("{title} is missing"));
            assert!(drawn.series > 0 && drawn.marks > 0, "{title} is empty: {drawn:?}");
            // Two lines must not have the same legend.
            let mut names = drawn.names.clone();
            names.sort_unstable();
            names.dedup();
            assert!(panel["type"] == "table" || names.len() == drawn.names.len(), "{title}: {:?}", drawn.names);
        }
    }
}

#[test]
fn every_panel_is_drawn_with_data() {
    let (Some(prometheus), Some(painter)) = (tools::prometheus(), tools::painter()) else {
        return;
    };
    let bless = env::var_os("BLESS").is_some();

    let mut ryot = canned::Server::start("application/json", COMPLETION);
    let url = format!("http://{}", ryot.address());
    let a = start(&NEURECTOMY, &["--traffic", "20"], &[]);
    let b = start(&NEURECTOMY, &["--traffic", "20"], &[("RYOT_URL", &url), ("RYOT_COOLDOWN", "5")]);
    let [c, d] = [0, 1].map(|_| start(&DYNOAI, &[], &[]));
    let gateways = [&a, &b].map(start_gateway);
    let examples = [(&NEURECTOMY, [&a, &b]), (&DYNOAI, [&c, &d]), (&GATEWAY, gateways.each_ref())];
    let targets = examples.iter().flat_map(|(example, instances)| instances.map(|one| target(example, one)));
    let targets: Vec<_> = targets.collect();
    while_used(&[&c, &d], || {
        let from = now();
        let server = prometheus.scrape(&targets);
        let mut scrapes = 0.0;
        let mut wait_for_scrapes = || {
            for _ in 0..if bless { 9 } else { 1 } {
                scrapes += 8.0;
                server.wait_until("count_over_time(up[1h])", |counts| counts.values().all(|count| *count >= scrapes));
            }
        };
        let state = format!("neurectomy_circuit_breaker_state{{service=\"ryot\",instance=\"{}\"}}", b.address());
        wait_for_scrapes();
        ryot.kill();
        server.wait_until(&state, |found| found.values().eq([&1.0]));
        wait_for_scrapes();
        ryot.restart();
        server.wait_until(&state, |found| found.values().eq([&0.0]));
        wait_for_scrapes();

        let range = Range { from, to: now(), step: if bless { 2 } else { 1 } };
        for (example, instances) in examples {
            let results = Results::new(&server, example, &example.dashboard(), &instances, range);
            let drawn = results.draw(&painter, None, &artefact(example.name));
            results.assert_all_is_drawn(&drawn);
            if bless && example.name == NEURECTOMY.name {
                let _ = results.draw(&painter, Some(README_ENDS_ABOVE), &example.committed("picture"));
            }
        }
    });
}
