//! A generator of functions. Each one is compiled and run with and without the attributes of this crate. Both versions
//! must have the same verdict of the compiler, warnings and behaviour, and the counts must be exact.
//!
//! - `shape`: the grammar, choices of which a function is composed
//! - `print`, `body`, `attributes`: a shape as Rust source, and the series that it must record
//! - `compile`, `compare`, `counts`: many shapes in one crate, compiled and run
//! - `shrink`: the smallest shape with the same difference
//! - `known`: differences that are known
//! - `lints`: a table of lints, which must fire in the same way
#![allow(clippy::print_stdout, reason = "a command line program prints to its standard output")]
#![allow(clippy::match_same_arms, clippy::too_many_lines, reason = "a table has one line for each choice")]

mod attributes;
mod body;
mod choices;
mod compare;
mod compile;
mod counts;
mod known;
mod lints;
mod print;
mod random;
mod shape;
mod shrink;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use choices::{Choices, Made};
use compare::{Difference, Kind, Verdict, compare};
use compile::Toolchain;
use random::Random;
use shape::{Shape, describe};

/// The number of shapes in a crate.
const BATCH: usize = 240;

/// The number of differences that are shrunk.
const SHRUNK: usize = 12;

struct Options {
    seed: u64,
    count: usize,
    /// Also draws shapes with known differences.
    all: bool,
    /// Prints the errors of shapes that are not valid Rust.
    invalid: bool,
    /// Only prints the source of this shape.
    show: Option<usize>,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let options = match options(&arguments) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: &[&str]) -> Result<Options, String> {
    let mut options = Options { seed: 1, count: 300, all: false, invalid: false, show: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let number = |value: Option<&&str>| {
            let value = value.and_then(|value| value.parse().ok());
            value.ok_or_else(|| format!("`{argument}` takes a number"))
        };
        match *argument {
            "--seed" => options.seed = number(rest.next())?,
            "--count" => options.count = usize::try_from(number(rest.next())?).map_err(|error| error.to_string())?,
            "--show" => options.show = usize::try_from(number(rest.next())?).ok(),
            "--all" => options.all = true,
            "--invalid" => options.invalid = true,
            other => {
                return Err(format!(
                    "unknown argument `{other}`; expected `--seed N`, `--count N`, `--all` or `--invalid`"
                ));
            }
        }
    }
    Ok(options)
}

/// Draws the choices of a shape. A shape with a known difference is drawn again.
fn draw(seed: u64, index: usize, all: bool) -> (Shape, Made) {
    for attempt in 0.. {
        let mut choices = Choices::random(Random::new(seed, (index as u64) << 16 | attempt));
        let shape = Shape::draw(&mut choices);
        if all || known::class(&shape).is_none() {
            return (shape, choices.made());
        }
    }
    unreachable!("a shape without a known difference is drawn soon")
}

/// Returns `true` if no shape differs.
fn run(options: &Options) -> Result<bool, String> {
    if let Some(index) = options.show {
        let source = draw(options.seed, index, options.all).0.source(u32::try_from(index).unwrap_or_default());
        println!("{}", source.text(true));
        return Ok(true);
    }
    let started = Instant::now();
    for known in known::KNOWN.iter().filter(|_| !options.all) {
        println!("not drawn, {}: {}", known.class, known.reason);
    }
    let toolchain = Toolchain::build(options.seed)?;
    let lints = lints::differences(&toolchain)?;
    for line in &lints {
        println!("{line}");
    }
    let drawn: Vec<(Shape, Made)> = (0..options.count).map(|index| draw(options.seed, index, options.all)).collect();
    let mut batches: Vec<Vec<u32>> = vec![Vec::new(); 3];
    for (id, (shape, _)) in (0_u32..).zip(&drawn) {
        batches[shape.edition as usize].push(id);
    }
    let batches: Vec<Vec<u32>> = batches.iter().flat_map(|ids| ids.chunks(BATCH)).map(<[u32]>::to_vec).collect();
    let verdicts = compare_all(&toolchain, &drawn, &batches)?;
    let invalid: Vec<&String> = verdicts
        .values()
        .filter_map(|verdict| match verdict {
            Verdict::Invalid(title) => Some(title),
            _ => None,
        })
        .collect();
    if options.invalid {
        print_invalid(&verdicts);
    }
    let mut groups: BTreeMap<(Kind, String), Vec<u32>> = BTreeMap::new();
    for (id, verdict) in &verdicts {
        if let Verdict::Different(Difference { kind, title, .. }) = verdict {
            groups.entry((*kind, title.clone())).or_default().push(*id);
        }
    }
    let different: usize = groups.values().map(Vec::len).sum();
    for ((kind, title), ids) in &groups {
        println!("{kind:?}: {title}: {} shapes, such as {}", ids.len(), describe(&drawn[ids[0] as usize].0));
    }
    for ((kind, title), ids) in groups.iter().take(SHRUNK) {
        report(&toolchain, &drawn[ids[0] as usize].1, (*kind, title))?;
    }
    println!(
        "shapes: {} of seed {}: {} equal, {different} different, {} not valid Rust, in {:.0} s",
        options.count,
        options.seed,
        verdicts.len() - different - invalid.len(),
        invalid.len(),
        started.elapsed().as_secs_f64(),
    );
    Ok(different == 0 && lints.is_empty())
}

/// Compares batches on all processors.
fn compare_all(
    toolchain: &Toolchain,
    drawn: &[(Shape, Made)],
    batches: &[Vec<u32>],
) -> Result<BTreeMap<u32, Verdict>, String> {
    let verdicts = Mutex::new(Ok(BTreeMap::new()));
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(batches.len());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let shapes = batch.iter().map(|id| (*id, drawn[*id as usize].0.clone())).collect();
                    let compared = compare(toolchain, &format!("batch_{}", batch[0]), &shapes);
                    if let Ok(mut verdicts) = verdicts.lock() {
                        match (&mut *verdicts, compared) {
                            (Ok(verdicts), Ok(compared)) => {
                                verdicts.extend(compared);
                                println!("compared {} of {}", verdicts.len(), drawn.len());
                            }
                            (_, Err(error)) => *verdicts = Err(error),
                            (Err(_), Ok(_)) => {}
                        }
                    }
                }
            });
        }
    });
    verdicts.into_inner().map_err(|error| error.to_string())?
}

fn print_invalid(verdicts: &BTreeMap<u32, Verdict>) {
    let mut titles: BTreeMap<&str, (usize, u32)> = BTreeMap::new();
    for (id, verdict) in verdicts {
        if let Verdict::Invalid(title) = verdict {
            titles.entry(title).or_insert((0, *id)).0 += 1;
        }
    }
    for (title, (count, id)) in titles {
        println!("not valid Rust: {count} shapes, such as {id}: {title}");
    }
}

/// Prints the smallest shape with a difference.
fn report(toolchain: &Toolchain, made: &Made, (kind, title): (Kind, &str)) -> Result<(), String> {
    let made = shrink::shrink(made, (kind, title), |shapes| compare(toolchain, "shrink", shapes))?;
    let (shape, made) = shrink::rebuilt(&made);
    let verdicts = compare(toolchain, "shrink", &BTreeMap::from([(0, shape.clone())]))?;
    let choices: Vec<String> =
        made.iter().filter(|(_, index)| **index > 0).map(|(place, index)| format!("{place} {index}")).collect();
    println!("\n---- {kind:?}: {title}\nchoices: {}\n{}", choices.join(", "), shape.source(0).text(true));
    if let Some(Verdict::Different(difference)) = verdicts.get(&0) {
        println!("{}", difference.detail);
    }
    Ok(())
}
