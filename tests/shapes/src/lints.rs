//! The lints of rustc and clippy that fire on a function, without and with an attribute.
//!
//! A row is a lint and a function on which it fires. `LOST` has the lints that an expansion cannot keep; the documentation
//! of `#[track]` lists them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::compile::Toolchain;
use crate::shape::Edition;

/// A lint, and an item on which it fires. `@` stands for the attribute.
type Row = (&'static str, &'static str);

/// The functions are also compiled with `async`.
const ROWS: &[Row] = &[
    // rustc, on the signature
    ("dead_code", "@ fn unused() {}"),
    ("missing_docs", "@ pub fn undocumented() {}"),
    ("non_snake_case", "@ pub fn f(Name: u8) -> u8 { Name }"),
    ("single_use_lifetimes", "@ pub fn f<'a>(text: &'a str) -> usize { text.len() }"),
    ("elided_lifetimes_in_paths", "@ pub fn f(list: std::slice::Iter<u8>) -> usize { list.len() }"),
    ("mismatched_lifetime_syntaxes", "@ pub fn f(list: &[u8]) -> std::slice::Iter<u8> { list.iter() }"),
    ("unused_mut", "@ pub fn f(mut x: u8) -> u8 { x }"),
    ("unused_variables", "@ pub fn f(x: u8) {}"),
    ("unused_variables", "@ pub fn f((x, y): (u8, u8)) -> u8 { y }"),
    ("unused_variables", "@ pub fn f(call: u8, returned: u8) {}"),
    ("unused_variables", "pub struct S; impl S { @ pub fn f(&self, x: u8) {} }"),
    ("unused_assignments", "@ pub fn f(mut x: u8) -> u8 { x = 1; x }"),
    // rustc, on the body
    ("deprecated", "#[deprecated] pub fn old() {} @ pub fn f() { old() }"),
    ("path_statements", "@ pub fn f(x: u8) { x; }"),
    ("redundant_semicolons", "@ pub fn f(x: u8) -> u8 { ; x }"),
    ("redundant_semicolons", "@ pub fn f() { ; }"),
    ("trivial_casts", "@ pub fn f(x: &u8) -> *const u8 { x as *const u8 }"),
    ("trivial_numeric_casts", "@ pub fn f(x: u8) -> u8 { x as u8 }"),
    ("unreachable_code", "@ pub fn f() -> u8 { return 1; 2 }"),
    ("unused_assignments", "@ pub fn f() -> u8 { let mut x = 1; x = 2; x }"),
    ("unused_braces", "@ pub fn f() -> u8 { if { true } { 1 } else { 2 } }"),
    ("unused_imports", "@ pub fn f() { use std::fmt::Debug; }"),
    ("unused_labels", "@ pub fn f() { 'a: loop { break } }"),
    ("unused_macros", "@ pub fn f() { macro_rules! m { () => {} } }"),
    ("unused_must_use", "@ pub fn f() { Some(1).is_some(); }"),
    ("unused_must_use", "@ pub fn f() { made(); } #[must_use] pub fn made() -> u8 { 1 }"),
    ("unused_mut", "@ pub fn f() -> u8 { let mut x = 1; x }"),
    ("unused_parens", "@ pub fn f(x: u8) -> u8 { let y = (x); y }"),
    (
        "unused_qualifications",
        "use std::fmt; @ pub fn f(x: &dyn fmt::Debug) -> String { let _: std::fmt::Result = Ok(()); format!(\"{x:?}\") }",
    ),
    ("unused_results", "@ pub fn f(list: &mut Vec<u8>) { list.pop(); }"),
    ("unused_variables", "@ pub fn f() { let x = 1; }"),
    ("unconditional_recursion", "@ pub fn f() { f() }"),
    ("let_underscore_drop", "@ pub fn f(text: String) { let _ = text.clone(); }"),
    // clippy, on the signature
    ("clippy::extra_unused_type_parameters", "@ fn f<T>() -> u8 { 1 } pub fn user() { let _ = f::<u8>(); }"),
    ("clippy::fn_params_excessive_bools", "@ pub fn f(a: bool, b: bool, c: bool, d: bool) -> bool { a & b & c & d }"),
    (
        "clippy::large_types_passed_by_value",
        "@ fn f(x: [u8; 1000]) -> u8 { x[0] } pub fn user() { let _ = f([0; 1000]); }",
    ),
    ("clippy::manual_async_fn", "@ pub fn f() -> impl Future<Output = u8> { async { 1 } }"),
    ("clippy::missing_const_for_fn", "@ pub fn f() -> u8 { 1 }"),
    ("clippy::missing_errors_doc", "/// Docs.\n@ pub fn f() -> Result<u8, String> { Ok(1) }"),
    ("clippy::missing_panics_doc", "/// Docs.\n@ pub fn f(x: Option<u8>) -> u8 { x.unwrap() }"),
    ("clippy::must_use_candidate", "@ pub fn f(x: u8) -> u8 { x }"),
    ("clippy::needless_lifetimes", "@ pub fn f<'a>(text: &'a str) -> &'a str { text }"),
    (
        "clippy::needless_pass_by_ref_mut",
        "@ fn f(list: &mut Vec<u8>) -> usize { list.len() } pub fn user() { let _ = f(&mut vec![]); }",
    ),
    ("clippy::needless_pass_by_value", "@ pub fn f(text: String) -> usize { text.len() }"),
    ("clippy::ptr_arg", "@ pub fn f(list: &Vec<u8>) -> usize { list.len() }"),
    ("clippy::result_large_err", "@ pub fn f() -> Result<u8, [u8; 500]> { Ok(1) }"),
    ("clippy::result_unit_err", "@ pub fn f() -> Result<u8, ()> { Ok(1) }"),
    (
        "clippy::too_many_arguments",
        "@ pub fn f(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8) -> u8 { a + b + c + d + e + f + g + h }",
    ),
    ("clippy::trivially_copy_pass_by_ref", "@ fn f(x: &u8) -> u8 { *x } pub fn user() { let _ = f(&1); }"),
    (
        "clippy::type_complexity",
        "@ pub fn f(x: Option<Vec<Box<dyn Fn(Vec<Option<u8>>, Vec<Option<u8>>) -> Result<Vec<Option<u8>>, Vec<Option<u8>>>>>>) -> bool { x.is_some() }",
    ),
    ("clippy::unnecessary_wraps", "@ fn f() -> Option<u8> { Some(1) } pub fn user() { let _ = f(); }"),
    ("clippy::unused_async", "@ pub async fn f() -> u8 { 1 }"),
    (
        "clippy::unused_self",
        "pub struct S; impl S { @ fn f(&self) -> u8 { 1 } pub fn user(&self) { let _ = self.f(); } }",
    ),
    (
        "clippy::wrong_self_convention",
        "struct S(String); impl S { @ fn into_text(&self) -> String { self.0.clone() } } pub fn user() { let _ = S(String::new()).into_text(); }",
    ),
    ("clippy::new_ret_no_self", "pub struct S; impl S { @ pub fn new() -> u8 { 1 } }"),
    // clippy, on the body
    ("clippy::async_yields_async", "@ pub async fn f() -> u8 { let g = async { async { 1 } }; g.await.await }"),
    (
        "clippy::await_holding_lock",
        "@ pub async fn f(m: &std::sync::Mutex<u8>) { let _g = m.lock().unwrap(); std::future::ready(()).await; }",
    ),
    ("clippy::cast_lossless", "@ pub fn f(x: u8) -> u32 { x as u32 }"),
    ("clippy::clone_on_copy", "@ pub fn f(x: u8) -> u8 { x.clone() }"),
    ("clippy::collapsible_if", "@ pub fn f(x: bool, y: bool) { if x { if y { print!(\"\") } } }"),
    ("clippy::dbg_macro", "@ pub fn f(x: u8) -> u8 { dbg!(x) }"),
    ("clippy::default_numeric_fallback", "@ pub fn f() -> usize { let x = 1; usize::from(x == 1) }"),
    ("clippy::implicit_return", "@ pub fn f(x: u8) -> u8 { x + 1 }"),
    ("clippy::let_and_return", "@ pub fn f(x: u8) -> u8 { let y = x + 1; y }"),
    ("clippy::let_unit_value", "@ pub fn f() { let x = print!(\"\"); let () = x; }"),
    (
        "clippy::manual_let_else",
        "@ pub fn f(x: Option<u8>) -> u8 { let y = if let Some(y) = x { y } else { return 0 }; y + 1 }",
    ),
    ("clippy::needless_borrow", "@ pub fn f(x: &str) -> usize { (&x).len() }"),
    ("clippy::needless_return", "@ pub fn f(x: u8) -> u8 { return x; }"),
    ("clippy::no_effect_underscore_binding", "@ pub fn f(x: u8) { let _y = x; }"),
    ("clippy::print_stdout", "@ pub fn f() { println!(\"\"); }"),
    ("clippy::question_mark", "@ pub fn f(x: Option<u8>) -> Option<u8> { if x.is_none() { return None; } x }"),
    ("clippy::redundant_clone", "@ pub fn f() -> String { let x = String::new(); x.clone() }"),
    (
        "clippy::redundant_closure",
        "@ pub fn f(x: Option<u8>) -> Option<String> { x.map(|y| g(y)) } fn g(x: u8) -> String { x.to_string() }",
    ),
    ("clippy::semicolon_if_nothing_returned", "@ pub fn f(list: &mut Vec<u8>) {\nlist.clear()\n}"),
    ("clippy::shadow_reuse", "@ pub fn f(x: u8) -> u8 { let x = x + 1; x }"),
    ("clippy::shadow_same", "@ pub fn f(x: u8) -> u8 { let x = x; x }"),
    ("clippy::shadow_unrelated", "@ pub fn f(x: u8) -> u8 { let y = x; let x = 5; x + y }"),
    ("clippy::single_match", "@ pub fn f(x: Option<u8>) { match x { Some(y) => print!(\"{y}\"), _ => {} } }"),
    ("clippy::toplevel_ref_arg", "@ pub fn f(ref x: u8) -> u8 { *x }"),
    ("clippy::tuple_array_conversions", "@ pub fn f((a, b): (u8, u8)) -> [u8; 2] { [a, b] }"),
    ("clippy::unit_arg", "@ pub fn f() { drop(print!(\"\")) }"),
    ("clippy::unwrap_used", "@ pub fn f(x: Option<u8>) -> u8 { x.unwrap() }"),
    ("clippy::used_underscore_binding", "@ pub fn f(_x: u8) -> u8 { _x }"),
    (
        "clippy::cognitive_complexity",
        "@ pub fn f(x: u8) -> u8 { if x == 1 { 1 } else if x == 2 { 2 } else if x == 3 { 3 } else if x == 4 { 4 } else if x == 5 { 5 } else if x == 6 { 6 } else if x == 7 { 7 } else if x == 8 { 8 } else if x == 9 { 9 } else if x == 10 { 10 } else if x == 11 { 11 } else if x == 12 { 12 } else if x == 13 { 13 } else if x == 14 { 14 } else if x == 15 { 15 } else if x == 16 { 16 } else if x == 17 { 17 } else if x == 18 { 18 } else if x == 19 { 19 } else if x == 20 { 20 } else if x == 21 { 21 } else if x == 22 { 22 } else if x == 23 { 23 } else if x == 24 { 24 } else if x == 25 { 25 } else { 0 } }",
    ),
];

/// The lints that an expansion cannot keep. `#[expect(..)]` of them becomes `#[allow(..)]`.
const LOST: &[&str] = &include!("../../../metrics-macros/src/syntax/lost_lints.in");

/// Lints whose functions are errors if they are async.
const NOT_ASYNC: [&str; 2] = ["elided_lifetimes_in_paths", "unconditional_recursion"];

/// Compares the lints of all rows, and returns a line for each difference.
pub(crate) fn differences(toolchain: &Toolchain) -> Result<Vec<String>, String> {
    let mut rows: Vec<Instance> = Vec::new();
    for (lint, item) in ROWS {
        rows.push(Instance { lint, item: (*item).to_owned() });
        if !item.contains("async fn") && !item.contains("-> impl Future") && !NOT_ASYNC.contains(lint) {
            let item = item.replace("@ pub fn", "@ pub async fn").replace("@ fn", "@ async fn");
            rows.push(Instance { lint, item });
        }
    }
    let plain = fired(toolchain, "plain", &rows, "")?;
    let annotated = fired(toolchain, "annotated", &rows, "#[track]")?;
    let expected = fired(toolchain, "expected", &expecting(&rows, &plain), "#[track]")?;
    let mut differences = Vec::new();
    let mut lost = BTreeSet::new();
    for (row, Instance { lint, item }) in rows.iter().enumerate() {
        if !item.contains("async fn") && !plain[row].iter().any(|(_, code)| code == lint) {
            differences.push(format!("`{lint}` does not fire on `{item}`"));
        }
        for (_, code) in plain[row].difference(&annotated[row]) {
            if LOST.contains(&code.as_str()) {
                lost.insert(code.as_str());
            } else {
                differences.push(format!("`{code}` is lost on `{item}`"));
            }
        }
        for (_, code) in annotated[row].difference(&plain[row]) {
            differences.push(format!("`{code}` is new on `{item}`"));
        }
        if expected[row].iter().any(|(_, code)| code == "unfulfilled_lint_expectations") {
            differences.push(format!("`#[expect({lint})]` is in vain on `{item}`"));
        }
    }
    let kept = LOST.iter().filter(|lint| !lost.contains(*lint));
    differences.extend(kept.map(|lint| format!("`{lint}` is in the list of lost lints, and is kept")));
    println!("lints: {} functions compared, {} lints are lost", rows.len(), lost.len());
    Ok(differences)
}

/// A row, as it is or with `async`.
struct Instance {
    lint: &'static str,
    item: String,
}

/// Returns the rows with an `#[expect(..)]` of the lint, if it fires.
fn expecting(rows: &[Instance], fired: &[Fired]) -> Vec<Instance> {
    let rows = rows.iter().zip(fired).map(|(Instance { lint, item }, fired)| {
        let expects = fired.iter().any(|(_, code)| code == lint);
        let item = if expects { item.replacen('@', &format!("@ #[expect({lint})]"), 1) } else { item.clone() };
        Instance { lint, item }
    });
    rows.collect()
}

/// The lines of a row, each with a lint that fires there.
type Fired = BTreeSet<(usize, String)>;

fn fired(toolchain: &Toolchain, name: &str, rows: &[Instance], attribute: &str) -> Result<Vec<Fired>, String> {
    let lints: BTreeSet<&str> = ROWS.iter().map(|(lint, _)| *lint).collect();
    let mut text = String::from("//! Docs.\n");
    for lint in lints {
        let _ = writeln!(text, "#![warn({lint})]");
    }
    let mut starts = Vec::new();
    for (row, Instance { item, .. }) in rows.iter().enumerate() {
        let _ = writeln!(text, "/// Docs.\npub mod m{row} {{\n#[allow(unused_imports)] use metrics_runtime::track;");
        starts.push(text.lines().count());
        let _ = writeln!(text, "{}\n}}", item.replace('@', attribute));
    }
    let compiled = toolchain.lint(name, &text, Edition::E2024)?;
    if let Some(error) = compiled.errors().next() {
        let line = text.lines().nth(error.line.saturating_sub(1)).unwrap_or_default();
        return Err(format!("{line}: {}", error.message));
    }
    let mut fired = vec![Fired::new(); rows.len()];
    for found in compiled.diagnostics {
        let after = starts.partition_point(|start| *start < found.line);
        if let Some(row) = after.checked_sub(1) {
            fired[row].insert((found.line - starts[row], found.code));
        }
    }
    Ok(fired)
}
