//! The cost of rendering a page of 100,000 counters and 10,000 histograms.

use std::env;
use std::hint::black_box;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use crate::measure::median;
use crate::memory::allocations;
use crate::pages::{self, Build, Page, Size};
use crate::table::{Goal, Table};

/// The argument that makes this program render one page repeatedly: see [`run_alone`].
const SCRAPER: &str = "--scraper";

const LARGE: Size = Size { counters: 100_000, histograms: 10_000 };
const SMALL: Size = Size { counters: 1_000, histograms: 100 };

pub fn run(table: &mut Table, quick: bool) {
    let peers: [(&str, Build, Goal); 3] = [
        ("the floor", pages::floor, Goal::AtMost(3.0)),
        ("prometheus-client", pages::prometheus_client, Goal::AtLeast(4.0)),
        ("prometheus", pages::prometheus, Goal::AtLeast(20.0)),
    ];
    let bench = |peer: &str| format!("scrape, ms: {peer}");
    let allocated = |peer: &str| format!("scrape, allocations: {peer}");
    let few = "scrape, allocations: itself with a hundredth of the series";
    let wanted = |(peer, ..): &(&str, Build, Goal)| table.wants(&bench(peer)) || table.wants(&allocated(peer));
    if !peers.iter().any(wanted) && !table.wants(few) {
        return;
    }
    let ours = pages::ours(LARGE);
    for (peer, build, goal) in peers {
        let other = build(LARGE);
        assert_eq!(samples(&ours), samples(&other), "{peer} has another number of samples");
        if table.wants(&bench(peer)) {
            match rounds(peer, if quick { 3 } else { 15 }) {
                Ok(rounds) => {
                    let ratio = median(rounds.iter().map(|[ours, other]| ours / other));
                    let [ours, other] = [0, 1].map(|i| median(rounds.iter().map(|round| round[i])));
                    table.row_of_rounds(bench(peer), ours, other, ratio, goal);
                }
                Err(why) => table.unmeasured(format!("{}: {why}", bench(peer))),
            }
        }
        let goal = if peer == "the floor" { Goal::Reported } else { Goal::Better };
        table.row(allocated(peer), allocations(&ours), allocations(&other), goal);
    }
    let small = pages::ours(SMALL);
    black_box(small());
    table.row(few, allocations(&ours), allocations(&small), Goal::AtMost(1.0));
}

/// Alternates between ours and the other, each in its own process. In one process, the memory that the one has freed
/// would decide whether the other has to map thousands of pages from the kernel.
fn rounds(peer: &str, rounds: usize) -> Result<Vec<[f64; 2]>, String> {
    let mut processes = [Scraper::start("ours")?, Scraper::start(peer)?];
    let mut measured = Vec::new();
    // The first two rounds are not counted: in them, buffers and the heap still grow.
    for _ in 0..rounds + 2 {
        let [ours, other] = &mut processes;
        measured.push([ours.scrape()?, other.scrape()?]);
    }
    Ok(measured.split_off(2))
}

struct Scraper {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Scraper {
    fn start(name: &str) -> Result<Self, String> {
        let program = env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(program);
        command.args([SCRAPER, name]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().map_err(|error| error.to_string())?;
        let answers = process.stdout.take().map(BufReader::new).ok_or("a scraper has no output")?;
        Ok(Self { process, answers })
    }

    /// Returns the milliseconds of one scrape.
    fn scrape(&mut self) -> Result<f64, String> {
        let mut answer = String::new();
        let asked = self.process.stdin.as_mut().map(|stdin| stdin.write_all(b"\n").and_then(|()| stdin.flush()));
        asked.ok_or("a scraper has no input")?.map_err(|error| error.to_string())?;
        self.answers.read_line(&mut answer).map_err(|error| error.to_string())?;
        answer.trim().parse().map_err(|_| format!("expected milliseconds from a scraper, found `{answer}`"))
    }
}

impl Drop for Scraper {
    fn drop(&mut self) {
        // The process ends when its input is closed.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Scrapes once for every line of the input. Returns `false` if there is no page of this name.
pub fn run_alone(name: &str) -> bool {
    let build: Build = match name {
        "ours" => pages::ours,
        "prometheus" => pages::prometheus,
        "prometheus-client" => pages::prometheus_client,
        "the floor" => pages::floor,
        _ => return false,
    };
    let page = build(LARGE);
    for _ in io::stdin().lines().map_while(Result::ok) {
        let start = Instant::now();
        black_box(page());
        println!("{}", start.elapsed().as_secs_f64() * 1e3);
    }
    true
}

/// Counts the samples of the metrics. Comments and the libraries' own metrics differ and are not counted.
fn samples(page: &Page) -> usize {
    page().lines().filter(|line| line.starts_with("http_request")).count()
}
