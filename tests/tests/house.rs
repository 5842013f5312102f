//! The dependencies between the modules of each crate are those that `ARCHITECTURE.md` shows.
//!
//! Each table there is a code block that starts with `rooms` and the folder of a crate's sources. A row is a module and
//! the modules that it uses. A module may use only modules of earlier rows, so there are no circles.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

struct Table {
    /// The folder of the sources, from the root of the repository.
    folder: String,
    rows: Vec<(String, Vec<String>)>,
}

#[test]
fn modules_use_only_the_modules_that_the_architecture_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md can be read");
    let tables = tables(&architecture);
    let folders: Vec<_> = tables.iter().map(|table| table.folder.as_str()).collect();
    assert_eq!(folders, ["metrics-macros/src", "metrics-runtime/src", "metrics-export/src"]);
    let problems: Vec<_> = tables.iter().flat_map(|table| problems(table, &root)).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

fn tables(text: &str) -> Vec<Table> {
    let blocks = text.split("```rooms ").skip(1);
    let table = |block: &str| {
        let (folder, rest) = block.split_once('\n').expect("the folder ends with its line");
        let (rows, _) = rest.split_once("```").expect("the block is closed");
        let row = |line: &str| {
            let mut words = line.split_whitespace().map(str::to_owned);
            Some((words.next()?, words.collect()))
        };
        Table { folder: folder.trim().to_owned(), rows: rows.lines().filter_map(row).collect() }
    };
    blocks.map(table).collect()
}

/// Returns a line for each difference between the table and the sources.
fn problems(table: &Table, root: &Path) -> Vec<String> {
    let mut problems = Vec::new();
    let mut found = BTreeSet::new();
    let folder = root.join(&table.folder);
    for file in rust_files(&folder) {
        let path = file.strip_prefix(&folder).expect("the file is in the folder").to_owned();
        // The root of a crate names all modules.
        if is_test(&path) || path == Path::new("lib.rs") {
            continue;
        }
        let location = location(&path);
        let module = table.module_of(&location);
        let code = fs::read_to_string(&file).expect("the file can be read");
        for (line, path_used) in paths(&code, &location) {
            let used = table.module_of(&path_used);
            let is_module = |name: &str| folder.join(name).is_dir() || folder.join(format!("{name}.rs")).is_file();
            // An exported macro is at the root of the crate, wherever it is defined.
            if used == module || !is_module(&used) {
                continue;
            }
            let place = format!("{}/{}:{line}", table.folder, path.display());
            match table.uses(&module) {
                None => problems.push(format!("{place}: `{module}` has no row in ARCHITECTURE.md")),
                Some(allowed) if !allowed.contains(&used) => {
                    problems.push(format!("{place}: {module} -> {used} is not in the table of ARCHITECTURE.md"));
                }
                Some(_) => {}
            }
            found.insert((module.clone(), used));
        }
    }
    for (at, (module, uses)) in table.rows.iter().enumerate() {
        for used in uses {
            if !found.contains(&(module.clone(), used.clone())) {
                problems.push(format!("{}: {module} -> {used} is in the table, but no file needs it", table.folder));
            }
            if !table.rows[..at].iter().any(|(earlier, _)| earlier == used) {
                problems.push(format!("{}: {module} -> {used} does not point to an earlier row", table.folder));
            }
        }
    }
    problems
}

impl Table {
    fn uses(&self, module: &str) -> Option<&Vec<String>> {
        self.rows.iter().find(|(row, _)| row == module).map(|(_, uses)| uses)
    }

    /// Returns the row of a path: the longest that it starts with, or its first name.
    fn module_of(&self, path: &[String]) -> String {
        let prefixes = (1..=path.len()).rev().map(|len| path[..len].join("/"));
        let row = prefixes.filter(|prefix| self.uses(prefix).is_some()).max_by_key(String::len);
        row.unwrap_or_else(|| path.first().cloned().unwrap_or_default())
    }
}

/// Files of tests and of models may use all modules.
fn is_test(path: &Path) -> bool {
    let is_test_name =
        |part: &std::ffi::OsStr| ["tests", "tests.rs", "models.rs", "golden.rs"].iter().any(|name| part == *name);
    path.iter().any(is_test_name)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let files = files.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    files.chain(folders.iter().flat_map(|folder| rust_files(folder))).collect()
}

/// Returns the path of the module that a file is.
fn location(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// Returns the paths that the code names with `crate::` or `super::`, each from the root of the crate and with its line.
/// Comments do not count, nor do the tests at the end of a file.
fn paths(code: &str, location: &[String]) -> Vec<(usize, Vec<String>)> {
    let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines: Vec<_> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = lines.join("\n");
    let mut found = Vec::new();
    for root in ["crate::", "super::"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || "_:$".contains(c)) {
                continue;
            }
            let mut base = if root == "crate::" { Vec::new() } else { location.to_vec() };
            let mut rest = code[at..].trim_start_matches("crate::");
            while let Some(after) = rest.strip_prefix("super::") {
                base.pop();
                rest = after;
            }
            let line = 1 + code[..at].matches('\n').count();
            found.extend(names(rest).into_iter().map(|names| (line, [base.clone(), names].concat())));
        }
    }
    found
}

/// Returns the names of a path, or of each path of a list: `a::b` is one, `{a, b::{c, d}}` are three.
fn names(path: &str) -> Vec<Vec<String>> {
    if let Some(list) = path.strip_prefix('{') {
        return items(list).into_iter().flat_map(|item| names(item.trim_start())).collect();
    }
    let name: String = path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    if name.is_empty() {
        return Vec::new();
    }
    let rest = match path[name.len()..].strip_prefix("::") {
        Some(rest) => names(rest),
        None => Vec::new(),
    };
    if rest.is_empty() {
        return vec![vec![name]];
    }
    rest.into_iter().map(|rest| [vec![name.clone()], rest].concat()).collect()
}

/// Returns the items of a list, up to its closing brace.
fn items(list: &str) -> Vec<&str> {
    let (mut items, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            '}' => {
                items.push(&list[start..at]);
                return items;
            }
            ',' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    items
}

#[test]
fn the_paths_of_a_file_are_found() {
    let code = "use crate::schema::{Kind, name::{self, check}};\nuse super::super::encode::Page;\n// crate::http\n\
                fn f() -> crate::error::E { $crate::x() }\n#[cfg(test)]\nmod tests {\n    use crate::config::Builder;\n}\n";
    let location = ["family", "table"].map(str::to_owned);
    let found: Vec<_> = paths(code, &location).into_iter().map(|(line, path)| (line, path.join("/"))).collect();
    let expected =
        [(1, "schema/Kind"), (1, "schema/name/self"), (1, "schema/name/check"), (4, "error/E"), (2, "encode/Page")];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
}
