//! What it costs to write a page of 100,000 counters and 10,000 histograms.

use std::hint::black_box;
use std::time::Instant;

use crate::measure::median;
use crate::memory::allocations;
use crate::pages::{self, Build, Page, Size};
use crate::table::{Goal, Table};

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
        assert_eq!(samples(&ours), samples(&other), "{peer} does other work");
        if table.wants(&bench(peer)) {
            // The first is not timed: it grows what the later ones find grown.
            let rounds: Vec<_> = (0..if quick { 4 } else { 16 }).map(|_| [time(&ours), time(&other)]).skip(1).collect();
            let ratio = median(rounds.iter().map(|[ours, other]| ours / other));
            let [ours, other] = [0, 1].map(|i| median(rounds.iter().map(|round| round[i])));
            table.row_of_rounds(bench(peer), ours, other, ratio, goal);
        }
        let goal = if peer == "the floor" { Goal::Reported } else { Goal::Better };
        table.row(allocated(peer), allocations(&ours), allocations(&other), goal);
    }
    let small = pages::ours(SMALL);
    black_box(small());
    table.row(few, allocations(&ours), allocations(&small), Goal::AtMost(1.0));
}

fn time(page: &Page) -> f64 {
    // A large request makes the allocator tidy up, and a million small blocks that others have freed are not ours.
    drop(black_box(Vec::<u8>::with_capacity(1 << 20)));
    let start = Instant::now();
    black_box(page());
    start.elapsed().as_secs_f64() * 1e3
}

/// The lines of the metrics themselves: everybody has other comments and metrics of its own beside them.
fn samples(page: &Page) -> usize {
    page().lines().filter(|line| line.starts_with("http_request")).count()
}
