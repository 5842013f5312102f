//! Compares the plain and the annotated version of many shapes with one compilation and one run.

use std::collections::{BTreeMap, BTreeSet};

use crate::attributes;
use crate::compile::{Compiled, Diagnostic, Toolchain};
use crate::counts::{self, Output};
use crate::print::Source;
use crate::shape::{Edition, Shape};

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Equal,
    /// Neither version compiles.
    Invalid(String),
    Different(Difference),
}

/// A difference between the versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Difference {
    pub(crate) kind: Kind,
    /// The short form, which is equal for shapes that fail for the same reason.
    pub(crate) title: String,
    pub(crate) detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Only the plain version compiles.
    Error,
    /// Only the annotated version compiles.
    Accepted,
    Warnings,
    Value,
    Counts,
    /// A future is larger than it may be.
    Size,
    Crash,
}

/// Lints that are off by default, and on here.
const LINTS: &str = "#![warn(unused, unused_qualifications, unused_lifetimes, let_underscore_drop, unit_bindings)]
#![warn(trivial_casts, single_use_lifetimes, redundant_lifetimes, unused_results, rust_2018_idioms, unsafe_op_in_unsafe_fn)]
";

/// The versions that a crate contains.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Versions {
    Both,
    Plain,
    Annotated,
}

/// A crate with the modules of shapes, and their lines.
struct Batch {
    text: String,
    /// The first line of a module, with its shape and its version.
    modules: BTreeMap<usize, (u32, bool)>,
}

impl Batch {
    fn new(sources: &BTreeMap<u32, Source>, versions: Versions) -> Self {
        let mut text = LINTS.to_owned();
        let mut line = text.lines().count() + 1;
        let mut modules = BTreeMap::new();
        for annotated in [false, true] {
            let skipped = if annotated { Versions::Plain } else { Versions::Annotated };
            text.push_str(if annotated { "pub mod annotated {\n" } else { "pub mod plain {\n" });
            line += 1;
            for (id, source) in sources.iter().filter(|_| versions != skipped) {
                modules.insert(line, (*id, annotated));
                text.push_str(&source.text(annotated));
                line += source.len();
            }
            text.push_str("}\n");
            line += 1;
        }
        modules.insert(line, (u32::MAX, false));
        text.push_str("fn main() {\nprelude::run(&[\n");
        for id in sources.keys() {
            let module = format!("::s{id}::drive");
            let plain = if versions == Versions::Annotated { "annotated" } else { "plain" };
            let annotated = if versions == Versions::Plain { "plain" } else { "annotated" };
            text.extend(["(", &id.to_string(), ", ", plain, &module, ", ", annotated, &module, "),\n"]);
        }
        text.push_str("], || metrics_runtime::Registry::global().render());\n}\n");
        Self { text, modules }
    }

    /// Returns the diagnostics of each version of each shape, with lines relative to the module.
    fn sorted(&self, diagnostics: &[Diagnostic]) -> BTreeMap<(u32, bool), Vec<Diagnostic>> {
        let mut sorted: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for diagnostic in diagnostics {
            if let Some((first, module)) = self.modules.range(..=diagnostic.line).next_back() {
                let mut diagnostic = diagnostic.clone();
                diagnostic.line -= first - 1;
                sorted.entry(*module).or_default().push(diagnostic);
            }
        }
        sorted
    }
}

/// The compilation of all shapes that compile.
struct Valid {
    compiled: Option<Compiled>,
    warnings: BTreeMap<(u32, bool), Vec<Diagnostic>>,
    /// The shapes that were removed, with their errors.
    failed: BTreeMap<u32, Vec<Diagnostic>>,
}

/// Compares shapes of one edition. `name` is the name of the files.
pub(crate) fn compare(
    toolchain: &Toolchain,
    name: &str,
    shapes: &BTreeMap<u32, Shape>,
) -> Result<BTreeMap<u32, Verdict>, String> {
    let mut verdicts = BTreeMap::new();
    for edition in [Edition::E2024, Edition::E2021, Edition::E2018] {
        let shapes = shapes.iter().filter(|(_, shape)| shape.edition == edition);
        let shapes: BTreeMap<u32, Shape> = shapes.map(|(id, shape)| (*id, shape.clone())).collect();
        if !shapes.is_empty() {
            verdicts.extend(compare_edition(toolchain, name, edition, &shapes)?);
        }
    }
    Ok(verdicts)
}

fn compare_edition(
    toolchain: &Toolchain,
    name: &str,
    edition: Edition,
    shapes: &BTreeMap<u32, Shape>,
) -> Result<BTreeMap<u32, Verdict>, String> {
    let sources: BTreeMap<u32, Source> = shapes.iter().map(|(id, shape)| (*id, shape.source(*id))).collect();
    // The plain versions are quick to check. An error of one version could hide one of the other.
    let invalid = compile(toolchain, name, edition, sources.clone(), Versions::Plain)?.failed;
    let (refused, valid): (BTreeMap<_, _>, BTreeMap<_, _>) =
        sources.into_iter().partition(|(id, _)| invalid.contains_key(id));
    let refused_annotated = compile(toolchain, name, edition, refused, Versions::Annotated)?.failed;
    let mut verdicts = BTreeMap::new();
    for (id, errors) in invalid {
        let (title, detail) = (title(&errors[0]), listed(&errors));
        let verdict = if refused_annotated.contains_key(&id) {
            Verdict::Invalid(title)
        } else {
            Verdict::Different(Difference { kind: Kind::Accepted, title, detail })
        };
        verdicts.insert(id, verdict);
    }
    let rest: Vec<u32> = valid.keys().copied().collect();
    let valid = compile(toolchain, name, edition, valid, Versions::Both)?;
    for (id, errors) in &valid.failed {
        let (kind, title, detail) = (Kind::Error, title(&errors[0]), listed(errors));
        verdicts.insert(*id, Verdict::Different(Difference { kind, title, detail }));
    }
    let Some(compiled) = valid.compiled else { return Ok(verdicts) };
    let rest: Vec<u32> = rest.into_iter().filter(|id| !valid.failed.contains_key(id)).collect();
    let output = Toolchain::run(&compiled.program, &[])?;
    let outputs = match output {
        Some(output) => vec![(rest, Some(Output::parse(&output)))],
        // One of them has crashed: each one runs alone.
        None => {
            let run = |id: u32| {
                let output = Toolchain::run(&compiled.program, &[id.to_string()])?;
                Ok((vec![id], output.map(|output| Output::parse(&output))))
            };
            rest.into_iter().map(run).collect::<Result<Vec<_>, String>>()?
        }
    };
    for (ids, output) in outputs {
        for id in ids {
            let warnings =
                [false, true].map(|annotated| valid.warnings.get(&(id, annotated)).map_or(&[][..], Vec::as_slice));
            let verdict = match (warnings_difference(warnings), &output) {
                (Some(difference), _) => Verdict::Different(difference),
                (None, Some(output)) => {
                    run_difference(&shapes[&id], id, output).map_or(Verdict::Equal, Verdict::Different)
                }
                (None, None) => {
                    let title = "the process ends".to_owned();
                    Verdict::Different(Difference { kind: Kind::Crash, title, detail: String::new() })
                }
            };
            verdicts.insert(id, verdict);
        }
    }
    let _ = std::fs::remove_file(&compiled.program);
    Ok(verdicts)
}

/// Compiles the shapes. Removes those with errors until the others compile. Only both versions give a program.
fn compile(
    toolchain: &Toolchain,
    name: &str,
    edition: Edition,
    mut sources: BTreeMap<u32, Source>,
    versions: Versions,
) -> Result<Valid, String> {
    let mut failed = BTreeMap::new();
    while !sources.is_empty() {
        let batch = Batch::new(&sources, versions);
        let compiled = match versions {
            Versions::Both => toolchain.program(name, &batch.text, edition)?,
            Versions::Plain | Versions::Annotated => toolchain.check(name, &batch.text, edition)?,
        };
        let sorted = batch.sorted(&compiled.diagnostics);
        if compiled.succeeded {
            return Ok(Valid { compiled: Some(compiled), warnings: sorted, failed });
        }
        let errors: Vec<Diagnostic> = compiled.errors().cloned().collect();
        let mut found = batch.sorted(&errors);
        found.retain(|(id, _), _| *id != u32::MAX);
        if found.is_empty() {
            let lone = sources.keys().next().filter(|_| sources.len() == 1);
            let Some(id) = lone else {
                return Err(format!("{name}.rs: errors without a shape:\n{}\n{errors:?}", compiled.elsewhere));
            };
            let message = compiled.elsewhere.lines().next().unwrap_or_default().to_owned();
            let error = Diagnostic { line: 0, is_error: true, code: "elsewhere".to_owned(), message };
            found.insert((*id, true), vec![error]);
        }
        for ((id, _), errors) in found {
            sources.remove(&id);
            failed.entry(id).or_insert(errors);
        }
    }
    Ok(Valid { compiled: None, warnings: BTreeMap::new(), failed })
}

fn listed(diagnostics: &[Diagnostic]) -> String {
    let lines = diagnostics.iter().map(|found| format!("line {}: {}: {}\n", found.line, found.code, found.message));
    lines.collect()
}

/// Returns the code and the message without the names in it.
fn title(diagnostic: &Diagnostic) -> String {
    let parts = diagnostic.message.split('`').enumerate();
    let message: Vec<&str> = parts.map(|(n, part)| if n % 2 == 1 { ".." } else { part }).collect();
    format!("{} {}", diagnostic.code, message.join("`"))
}

fn warnings_difference([plain, annotated]: [&[Diagnostic]; 2]) -> Option<Difference> {
    let key = |found: &Diagnostic| (found.line, found.code.clone());
    let sorted = |found: &[Diagnostic]| {
        let mut keys: Vec<_> = found.iter().map(key).collect();
        keys.sort();
        keys
    };
    let (plain_keys, annotated_keys) = (sorted(plain), sorted(annotated));
    if plain_keys == annotated_keys {
        return None;
    }
    let less = |left: &[Diagnostic], right: &[(usize, String)]| {
        let mut right = right.to_vec();
        let missing = left.iter().filter(|found| match right.iter().position(|other| *other == key(found)) {
            Some(index) => {
                right.remove(index);
                false
            }
            None => true,
        });
        missing.cloned().collect::<Vec<_>>()
    };
    let (lost, new) = (less(plain, &annotated_keys), less(annotated, &plain_keys));
    let titles = lost.iter().map(|found| format!("lost {}", found.code));
    let titles: BTreeSet<String> = titles.chain(new.iter().map(|found| format!("new {}", found.code))).collect();
    let title = titles.into_iter().collect::<Vec<_>>().join(", ");
    let detail = format!("only plain:\n{}only annotated:\n{}", listed(&lost), listed(&new));
    Some(Difference { kind: Kind::Warnings, title, detail })
}

fn run_difference(shape: &Shape, id: u32, output: &Output) -> Option<Difference> {
    let [plain, annotated] = output.logs.get(&id)?;
    if plain != annotated {
        let pairs = plain.iter().zip(annotated);
        let first = pairs.take_while(|(plain, annotated)| plain == annotated).count();
        let line = |log: &[String]| log.get(first).cloned().unwrap_or_else(|| "the end".to_owned());
        let title = format!("{} becomes {}", line(plain), line(annotated));
        let around = |log: &[String]| log[first.saturating_sub(6)..log.len().min(first + 3)].join("\n");
        let detail = format!("plain:\n{}\nannotated:\n{}\n", around(plain), around(annotated));
        return Some(Difference { kind: Kind::Value, title, detail });
    }
    if let (Some(limit), Some([plain, annotated])) = (shape.future_limit(), output.sizes.get(&id))
        && *annotated > plain + limit
    {
        let detail = format!("plain: {plain} bytes, annotated: {annotated} bytes, allowed: {limit} more\n");
        return Some(Difference { kind: Kind::Size, title: "the future is larger".to_owned(), detail });
    }
    let wrong = counts::differences(&attributes::rules(shape, id), plain, &output.page);
    let first = wrong.first()?;
    let title = first.replace(&format!("s{id}"), "s");
    Some(Difference { kind: Kind::Counts, title, detail: wrong.join("\n") })
}
