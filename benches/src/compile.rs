//! The cost of an attribute in a build: this program generates one crate for each flavour, with many annotated async
//! functions that all have the same bodies, and builds them.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use object::read::archive::ArchiveFile;
use object::{Object as _, ObjectSection as _, SectionKind};

use crate::measure::median;
use crate::table::{Goal, Table};

struct Flavour {
    name: &'static str,
    dependency: &'static str,
    /// Items at the top of the crate.
    prelude: &'static str,
    /// The attribute of each function.
    attribute: &'static str,
    /// The template of each function's body; `BODY` and `NAME` are replaced.
    body: &'static str,
}

const RUNTIME: &str =
    concat!("{ path = \"", env!("CARGO_MANIFEST_DIR"), "/../metrics-runtime\", default-features = false }");

const FLAVOURS: [Flavour; 5] = [
    Flavour { name: "bare", dependency: "", prelude: "", attribute: "", body: "BODY" },
    Flavour {
        name: "ours",
        dependency: "metrics-runtime",
        prelude: "",
        attribute: "#[metrics_runtime::track]",
        body: "BODY",
    },
    Flavour {
        name: "prometheus",
        dependency: "prometheus",
        prelude: r#"
            use std::sync::LazyLock;
            use std::time::Instant;
            use prometheus::{HistogramVec, IntCounterVec, register_histogram_vec, register_int_counter_vec};

            static CALLS: LazyLock<IntCounterVec> = LazyLock::new(|| {
                register_int_counter_vec!("function_calls_total", "Calls.", &["function", "status"]).unwrap()
            });
            static DURATION: LazyLock<HistogramVec> = LazyLock::new(|| {
                register_histogram_vec!("function_call_duration_seconds", "Duration.", &["function"]).unwrap()
            });
        "#,
        attribute: "",
        body: r#"
            let start = Instant::now();
            let returned = async { BODY }.await;
            let status = if returned.is_ok() { "success" } else { "error" };
            CALLS.with_label_values(&["NAME", status]).inc();
            DURATION.with_label_values(&["NAME"]).observe(start.elapsed().as_secs_f64());
            returned
        "#,
    },
    Flavour { name: "tracing", dependency: "tracing", prelude: "", attribute: "#[tracing::instrument]", body: "BODY" },
    Flavour {
        name: "autometrics",
        dependency: "autometrics",
        prelude: "use autometrics::autometrics;",
        attribute: "#[autometrics]",
        body: "BODY",
    },
];

fn requirement(dependency: &str) -> &'static str {
    match dependency {
        "metrics-runtime" => RUNTIME,
        "prometheus" => r#"{ version = "0.14.0", default-features = false }"#,
        "tracing" => r#""0.1.41""#,
        "autometrics" => r#"{ version = "3.0.0", features = ["prometheus-exporter", "prometheus-0_14"] }"#,
        _ => unreachable!("every flavour has one of these dependencies"),
    }
}

/// One measurement of a crate, per function.
#[derive(Clone, Copy)]
struct Cost {
    name: &'static str,
    measure: fn(&Generated, &Flavour) -> Result<f64, String>,
    /// The goal: the most that our attribute may add to the bare functions.
    adds: f64,
    /// The measurement gives the same result each time.
    exact: bool,
}

const COSTS: [Cost; 3] = [
    Cost { name: "cargo check, ms", measure: |crates, of| crates.timed(of, &["check"]), adds: 1.5, exact: false },
    Cost {
        name: "release build, ms",
        measure: |crates, of| crates.timed(of, &["build", "--release"]),
        adds: 8.0,
        exact: false,
    },
    Cost { name: "code size, bytes", measure: Generated::code_size, adds: 600.0, exact: true },
];

pub fn run(table: &mut Table, quick: bool) {
    let bench = |cost: &Cost, against: &str| format!("compile, per function: {}: {against}", cost.name);
    let wanted = |cost: &Cost| FLAVOURS.iter().any(|flavour| table.wants(&bench(cost, flavour.name)));
    let costs: Vec<_> = COSTS.into_iter().filter(wanted).collect();
    if costs.is_empty() {
        return;
    }
    let crates = match Generated::new(if quick { 100 } else { 500 }) {
        Ok(crates) => crates,
        Err(why) => return table.unmeasured(format!("compile: {why}")),
    };
    for cost in costs {
        let rounds = if quick || cost.exact { 1 } else { 3 };
        let measured: Result<Vec<Vec<f64>>, String> =
            (0..rounds).map(|_| FLAVOURS.iter().map(|flavour| (cost.measure)(&crates, flavour)).collect()).collect();
        let rounds = match measured {
            Ok(rounds) => rounds,
            Err(why) => return table.unmeasured(format!("compile: {}: {why}", cost.name)),
        };
        let of = |flavour: usize| median(rounds.iter().map(|round| round[flavour]));
        for (i, flavour) in FLAVOURS.iter().enumerate().filter(|(_, flavour)| flavour.name != "ours") {
            let goal = if i == 0 { Goal::Adds(cost.adds) } else { Goal::Reported };
            table.row(bench(&cost, flavour.name), of(1), of(i), goal);
        }
    }
}

/// A workspace of one crate per flavour. Their dependencies are already built.
struct Generated {
    folder: PathBuf,
    functions: usize,
    /// Held as long as this value lives: another run would write other crates into the folder.
    _lock: fs::File,
}

impl Generated {
    fn new(functions: usize) -> Result<Self, String> {
        let program = env::current_exe().map_err(|error| error.to_string())?;
        let target = program.ancestors().nth(2).ok_or("this program is not in a target folder")?;
        let folder = target.join("compile");
        let lock = fs::create_dir_all(&folder).and_then(|()| fs::File::create(folder.join("lock")));
        let lock = lock.and_then(|lock| lock.lock().map(|()| lock)).map_err(|error| error.to_string())?;
        let generated = Self { folder, functions, _lock: lock };
        let members = FLAVOURS.map(|flavour| format!("\"functions-{}\"", flavour.name)).join(", ");
        generated.write("Cargo.toml", &format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n"))?;
        // The peers have the same versions as in this workspace.
        generated.write("Cargo.lock", include_str!("../Cargo.lock"))?;
        for flavour in &FLAVOURS {
            generated.write_crate(flavour)?;
        }
        for flavour in &FLAVOURS {
            eprintln!("compile: building the dependencies of `{}`", flavour.name);
            generated.timed(flavour, &["check"])?;
            generated.timed(flavour, &["build", "--release"])?;
        }
        Ok(generated)
    }

    fn write(&self, path: impl AsRef<Path>, text: &str) -> Result<(), String> {
        let path = self.folder.join(path);
        let folder = path.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    fn write_crate(&self, flavour: &Flavour) -> Result<(), String> {
        let Flavour { name, dependency, .. } = flavour;
        let mut manifest = format!("[package]\nname = \"functions-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n");
        if !dependency.is_empty() {
            let requirement = requirement(dependency);
            manifest.extend(["\n[dependencies]\n", dependency, " = ", requirement, "\n"]);
        }
        self.write(format!("functions-{name}/Cargo.toml"), &manifest)?;
        self.write_source(flavour)
    }

    fn write_source(&self, flavour: &Flavour) -> Result<(), String> {
        let Flavour { name, prelude, attribute, body, .. } = flavour;
        let mut source = format!(
            r#"//! Generated by benches/src/compile.rs.

{prelude}

use std::pin::Pin;

#[derive(Debug)]
pub struct Failed;

impl std::fmt::Display for Failed {{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {{
        f.write_str("failed")
    }}
}}

#[inline(never)]
pub async fn step(n: u64) -> Result<u64, Failed> {{
    if n == 0 {{ Err(Failed) }} else {{ Ok(n - 1) }}
}}
"#
        );
        for i in 0..self.functions {
            let function = format!("function_{i}");
            let work = format!("let m = step(n).await?; Ok(m.wrapping_mul({i}))");
            let body = body.replace("NAME", &function).replace("BODY", &work);
            source.extend([
                "\n",
                attribute,
                "\npub async fn ",
                &function,
                "(n: u64) -> Result<u64, Failed> { ",
                &body,
                " }\n",
            ]);
        }
        // Code for a future is generated where it is polled.
        source
            .push_str("\npub type Function = fn(u64) -> Pin<Box<dyn Future<Output = Result<u64, Failed>> + Send>>;\n");
        source.extend(["pub static FUNCTIONS: [Function; ", &self.functions.to_string(), "] = [\n"]);
        source.extend((0..self.functions).map(|i| format!("    |n| Box::pin(function_{i}(n)),\n")));
        source.push_str("];\n");
        self.write(format!("functions-{name}/src/lib.rs"), &source)
    }

    /// Returns milliseconds per function: wall-clock or processor time, whichever is less. Both include the time of
    /// cargo itself, which is the same for all flavours.
    fn timed(&self, flavour: &Flavour, command: &[&str]) -> Result<f64, String> {
        // Writing the file makes cargo build the crate again.
        self.write_source(flavour)?;
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(command).args(["--quiet", "--offline", "--package", &format!("functions-{}", flavour.name)]);
        cargo.current_dir(&self.folder).env("CARGO_TARGET_DIR", self.folder.join("target"));
        // An incremental build of an unchanged text would reuse all results of the build before.
        cargo.env("CARGO_INCREMENTAL", "0").stdin(Stdio::null());
        let (start, busy) = (Instant::now(), processor_time());
        let done = cargo.output().map_err(|error| format!("cargo: {error}"))?;
        let took = start.elapsed();
        // On a busy machine, the wall-clock time includes waiting for the processor.
        let took = processor_time().zip(busy).map_or(took, |(now, then)| took.min(now.saturating_sub(then)));
        if done.status.success() {
            return Ok(took.as_secs_f64() * 1e3 / self.functions as f64);
        }
        // All of it: for "failed to run `rustc`" the reason, such as a signal, is in the lines after the error.
        let stderr = String::from_utf8_lossy(&done.stderr);
        Err(format!("`cargo {}` of `{}`: {}: {}", command.join(" "), flavour.name, done.status, stderr.trim()))
    }

    /// Returns bytes of machine code per function, without the dependencies.
    fn code_size(&self, flavour: &Flavour) -> Result<f64, String> {
        let path = self.folder.join(format!("target/release/libfunctions_{}.rlib", flavour.name));
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let archive = ArchiveFile::parse(&*bytes).map_err(|error| error.to_string())?;
        let members = archive.members().filter_map(|member| member.ok()?.data(&*bytes).ok());
        let code: u64 = members
            .filter_map(|member| object::File::parse(member).ok())
            .flat_map(|object| {
                object.sections().filter(|s| s.kind() == SectionKind::Text).map(|s| s.size()).collect::<Vec<_>>()
            })
            .sum();
        Ok(code as f64 / self.functions as f64)
    }
}

/// Returns the processor time of this process's ended children, or `None` if the system does not tell.
fn processor_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The program name in the second field may contain blanks, so the fields are counted after it. The user and system
    // time of ended children are fields 16 and 17.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: u64 = fields.split(' ').skip(13).take(2).map_while(|field| field.parse::<u64>().ok()).sum();
    // Linux reports these times in ticks of 10 ms.
    Some(Duration::from_millis(ticks * 10))
}
