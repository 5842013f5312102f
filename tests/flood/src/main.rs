//! A flood of hostile clients against the endpoint of the metrics page, in a router and on a separate address, while one
//! honest scraper asks for the page.
//!
//! - `service`: the process under attack
//! - `attack`: clients that leave at once, reset, do not read, or send slowly
//! - `scraper`: the honest scraper
//! - `watch`: threads and memory of the process
//! - `report`: the bounds and the table
//!
//! All sockets are on loopback addresses. Bounds of threads, pages and memory fail the run, and so does a flood in which
//! no honest scrape has a page. Durations are only printed.
#![allow(clippy::print_stdout, reason = "a command line program prints to its standard output")]

mod attack;
mod report;
mod scraper;
mod service;
mod watch;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use report::{Figures, Report};
use service::{Place, Service};

/// The time in which the process should be back to its idle size. It is waited for longer, because a timing must not
/// fail the run.
const RECOVERY: Duration = Duration::from_secs(60);

/// One flood.
#[derive(Clone, Copy)]
struct Scenario {
    place: Place,
    series: u32,
    connections: usize,
    duration: Duration,
}

const USAGE: &str = "flood [--small]: floods the endpoint of a service, with 10,000 connections or with few";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match arguments.as_slice() {
        ["serve", place, series] => service::run(place, series),
        ["attack", target, path, connections, seconds] => attack::run(target, path, connections, seconds),
        ["--small"] => flood(&scenarios(&[2_000], 400, 4)),
        [] => flood(&scenarios(&[100, 100_000], 10_000, 30)),
        _ => Err(USAGE.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn scenarios(series: &[u32], connections: usize, seconds: u64) -> Vec<Scenario> {
    let duration = Duration::from_secs(seconds);
    let places = [Place::Router, Place::Separate].into_iter();
    places
        .flat_map(|place| series.iter().map(move |&series| Scenario { place, series, connections, duration }))
        .collect()
}

#[tokio::main]
async fn flood(scenarios: &[Scenario]) -> Result<(), Box<dyn Error>> {
    let most = scenarios.iter().map(|scenario| scenario.connections).max().unwrap_or_default();
    service::raise_file_limit(most as u64 + 512)?;
    println!("{}", report::machine());
    println!("{}", report::HEADER);
    let mut problems = Vec::new();
    for scenario in scenarios {
        let report = run(*scenario).await?;
        println!("{report}");
        problems.extend(report.problems());
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n").into()) }
}

async fn run(scenario: Scenario) -> Result<Report, Box<dyn Error>> {
    let service = Service::start(scenario.place, scenario.series).await?;
    let scraper = scraper::Scraper::new(service.address(), scenario.series);
    let page = scraper.scrape().await.map_err(|problem| format!("before the flood: {problem}"))?.bytes;
    let start = watch::settled(service.id()).await?;
    // The same flood of another route: the allocator keeps memory of connections that were closed, whatever they asked
    // for. That is part of the idle size.
    let Scenario { place, connections, duration, .. } = scenario;
    attack::start(service.address(), place.other_path(), connections, duration / 2).await?;
    let idle = watch::settled(service.id()).await?;
    let watcher = watch::Watcher::start(service.id());
    let honest = scraper.start();
    attack::start(service.address(), "/metrics", connections, duration).await?;
    let honest = honest.stop().await;
    let peak = watcher.stop().await?;
    let recovered = watch::until(service.id(), RECOVERY, |now| scenario.is_idle(now, &idle, page)).await?;
    let after = scraper.scrape().await.map_err(|problem| format!("after the flood: {problem}"))?;
    drop(service);
    Ok(Report { scenario, figures: Figures { page, start, idle, peak, recovered, honest, after } })
}
