//! The dependencies between the modules of each crate are those that `ARCHITECTURE.md` shows. The pages of `docs` are
//! complete.
//!
//! Each table there is a code block that starts with `rooms` and the folder of a crate's sources. A row is a module and
//! the modules that it uses. A module may use only modules of earlier rows, so there are no circles.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// The table of one crate.
struct Table {
    /// The folder of the sources, from the root of the repository.
    folder: String,
    rows: Vec<Row>,
}

struct Row {
    /// The line in `ARCHITECTURE.md`.
    line: usize,
    module: String,
    uses: Vec<String>,
}

#[test]
fn modules_use_only_the_modules_that_the_architecture_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md can be read");
    let tables = tables(&architecture);
    let folders: Vec<_> = tables.iter().map(|table| table.folder.as_str()).collect();
    assert_eq!(
        folders,
        ["metrics-macros/src", "metrics-runtime/src", "metrics-export/src", "metrics-live/src", "metrics-send/src"]
    );
    let problems: Vec<_> = tables.iter().flat_map(|table| problems(table, &root)).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_page_of_the_documentation_is_in_its_index_and_its_code_is_compiled() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
    let read = |path: &Path| fs::read_to_string(path).expect("the file can be read");
    let (index, compiled) = (read(&root.join("docs/README.md")), read(&root.join("tests/guides/src/lib.rs")));
    for page in files(&root.join("docs"), "md") {
        let path = page.strip_prefix(root.join("docs")).expect("the page is in the folder").display().to_string();
        assert!(path == "README.md" || index.contains(&format!("]({path})")), "docs/README.md has no link to {path}");
        let is_code = read(&page).contains("```rust");
        assert!(!is_code || compiled.contains(&format!("\"{path}\"")), "tests/guides/src/lib.rs does not name {path}");
    }
}

fn tables(text: &str) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    let mut inside = false;
    for (line, text) in text.lines().enumerate() {
        if let Some(folder) = text.strip_prefix("```rooms ") {
            tables.push(Table { folder: folder.trim().to_owned(), rows: Vec::new() });
            inside = true;
        } else if text.starts_with("```") {
            inside = false;
        } else if let (true, Some(table)) = (inside, tables.last_mut()) {
            let mut words = text.split_whitespace().map(str::to_owned);
            let row = words.next().map(|module| Row { line: line + 1, module, uses: words.collect() });
            table.rows.extend(row);
        }
    }
    tables
}

/// Returns a line for each difference between the table and the sources.
fn problems(table: &Table, root: &Path) -> Vec<String> {
    let folder = root.join(&table.folder);
    let macros = exported_macros(&folder);
    let mut problems = Vec::new();
    let mut found = BTreeSet::new();
    let mut modules = BTreeSet::new();
    for file in rust_files(&folder) {
        let path = file.strip_prefix(&folder).expect("the file is in the folder").to_owned();
        // The root of a crate names all modules.
        if is_test(&path) || path == Path::new("lib.rs") {
            continue;
        }
        let place = |line| format!("{}/{}:{line}", table.folder, path.display());
        let location = location(&path);
        let module = table.module_of(&location);
        modules.insert(module.clone());
        let code = fs::read_to_string(&file).expect("the file can be read");
        for (line, path_used) in paths(&code, &location) {
            let used = table.module_of(&path_used);
            if used == module || macros.contains(&used) {
                continue;
            }
            if table.row(&used).is_none() {
                problems.push(format!("{}: `{}` does not start with a module", place(line), path_used.join("::")));
            } else if table.row(&module).is_some_and(|row| !row.uses.contains(&used)) {
                problems.push(format!("{}: {module} -> {used} is not in the table of ARCHITECTURE.md", place(line)));
            }
            found.insert((module.clone(), used));
        }
    }
    for module in modules.iter().filter(|module| table.row(module).is_none()) {
        problems.push(format!("{}: the module `{module}` has no row in ARCHITECTURE.md", table.folder));
    }
    for (at, Row { line, module, uses }) in table.rows.iter().enumerate() {
        let place = format!("ARCHITECTURE.md:{line}");
        if !modules.contains(module) {
            problems.push(format!("{place}: there is no module `{module}` in {}", table.folder));
        }
        for used in uses {
            if !found.contains(&(module.clone(), used.clone())) {
                problems.push(format!("{place}: no file needs {module} -> {used}"));
            }
            if !table.rows[..at].iter().any(|earlier| earlier.module == *used) {
                problems.push(format!("{place}: {module} -> {used} does not point to an earlier row"));
            }
        }
    }
    problems
}

impl Table {
    fn row(&self, module: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.module == module)
    }

    /// Returns the longest row that the path starts with, or the first name of the path.
    fn module_of(&self, path: &[String]) -> String {
        let prefixes = (1..=path.len()).rev().map(|len| path[..len].join("/"));
        let row = prefixes.into_iter().find(|prefix| self.row(prefix).is_some());
        row.unwrap_or_else(|| path.first().cloned().unwrap_or_default())
    }
}

/// Files of tests and of models may use all modules.
fn is_test(path: &Path) -> bool {
    let is_test_name = |part: &OsStr| ["tests", "tests.rs", "models.rs", "golden.rs"].iter().any(|name| part == *name);
    path.iter().any(is_test_name)
}

/// Returns the names of exported macros. They are at the root of the crate, wherever they are defined.
fn exported_macros(folder: &Path) -> BTreeSet<String> {
    let code = |file: &PathBuf| fs::read_to_string(file).expect("the file can be read");
    let names = |code: String| {
        let exported = code.split("#[macro_export]").skip(1).filter_map(|rest| rest.split("macro_rules! ").nth(1));
        let names = exported.map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        names.collect::<Vec<String>>()
    };
    rust_files(folder).iter().map(code).flat_map(names).collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    files(folder, "rs")
}

/// Returns the files with this extension in a folder and its subfolders.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    let (folders, paths): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let found = paths.into_iter().filter(|path| path.extension().is_some_and(|found| found == extension));
    found.chain(folders.iter().flat_map(|folder| files(folder, extension))).collect()
}

/// Returns the path of the module in a file.
fn location(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod") {
        names.pop();
    }
    names
}

/// Returns the paths that the code names with `crate::` or `super::`, each from the root of the crate and with its line.
/// Comments and modules of tests do not count.
fn paths(code: &str, location: &[String]) -> Vec<(usize, Vec<String>)> {
    let code = without_tests(code);
    let lines: Vec<_> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = lines.join("\n");
    let mut found = Vec::new();
    for root in ["crate", "super"] {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || "_:$(".contains(c)) {
                continue;
            }
            let mut base = if root == "crate" { Vec::new() } else { location.to_vec() };
            let mut rest = &code[at..];
            rest = rest.strip_prefix("crate").unwrap_or(rest);
            while let Some(after) = rest.trim_start_matches("::").strip_prefix("super") {
                base.pop();
                rest = after;
            }
            let line = 1 + code[..at].matches('\n').count();
            match rest.strip_prefix("::") {
                Some(rest) => {
                    found.extend(names(rest).into_iter().map(|names| (line, [base.clone(), names].concat())));
                }
                // `use crate as root` would hide the paths that follow.
                None if rest.starts_with(" as ") => found.push((line, [base, vec![root.to_owned()]].concat())),
                None => {}
            }
        }
    }
    found
}

/// Returns the code with blank lines in place of its modules of tests.
fn without_tests(code: &str) -> String {
    let mut code = code.to_owned();
    while let Some(start) = code.find("\nmod tests {") {
        let end = code[start..].find("\n}\n").map_or(code.len(), |len| start + len + "\n}".len());
        let lines = "\n".repeat(code[start..end].matches('\n').count());
        code.replace_range(start..end, &lines);
    }
    code
}

/// Returns the names of a path, or of each path of a list: `a::b` is one, `{a, b::{c, d}}` are three.
fn names(path: &str) -> Vec<Vec<String>> {
    if let Some(list) = path.strip_prefix('{') {
        return items(list).into_iter().flat_map(|item| names(item.trim_start())).collect();
    }
    if path.starts_with('*') {
        return vec![vec!["*".to_owned()]];
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
                #[cfg(test)]\nmod tests {\n    use crate::config::Builder;\n}\n\
                fn f() -> crate::error::E { $crate::x(pub(crate)) }\nuse crate as root;\nuse super::super::*;\n";
    let location = ["family", "table"].map(str::to_owned);
    let mut found: Vec<_> = paths(code, &location).into_iter().map(|(line, path)| (line, path.join("/"))).collect();
    found.sort();
    let expected = [
        (1, "schema/Kind"),
        (1, "schema/name/check"),
        (1, "schema/name/self"),
        (2, "encode/Page"),
        (8, "error/E"),
        (9, "crate"),
        (10, "*"),
    ];
    assert_eq!(found, expected.map(|(line, path)| (line, path.to_owned())));
}
