//! What `cargo xtask test` does, in its order: the quick verdicts first.

pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Arguments of cargo, separated by blanks.
    pub(crate) cargo: &'static str,
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// It runs tests: they are counted, and none at all is a failure.
    pub(crate) tests: bool,
}

const PLAIN: Step = Step { name: "", cargo: "", env: &[], tests: false };

/// A feature that changes behaviour, as `off` does, gets rows of its own.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "formats", cargo: "fmt --all --check", ..PLAIN },
    // All features include `off`, so the code that attributes generate is only linted without it.
    Step { name: "lints, default features", cargo: "clippy --workspace --all-targets -- -D warnings", ..PLAIN },
    Step {
        name: "lints, all features",
        cargo: "clippy --workspace --all-targets --all-features -- -D warnings",
        ..PLAIN
    },
    Step {
        name: "lints, no default features",
        cargo: "clippy --package metrics-runtime --no-default-features -- -D warnings",
        ..PLAIN
    },
    Step {
        name: "lints, http without axum",
        cargo: "clippy --package metrics-runtime --no-default-features --features http --all-targets -- -D warnings",
        ..PLAIN
    },
    Step {
        name: "lints, feature axum alone",
        cargo: "clippy --package metrics-runtime --no-default-features --features axum -- -D warnings",
        ..PLAIN
    },
    // Unit, integration and compile-fail tests. Among them are the examples as their users run them, a real Prometheus,
    // promtool and the reference parsers.
    Step { name: "tests", cargo: "test --workspace --all-targets --no-fail-fast", tests: true, ..PLAIN },
    Step {
        name: "tests with attributes switched off",
        cargo: "test --package tests --features off --test off --test circuit_breaker --test breaker_conflicts",
        tests: true,
        ..PLAIN
    },
    Step {
        name: "tests of the commands as a subcommand of clap",
        cargo: "test --package metrics-runtime --features clap --lib export::",
        tests: true,
        ..PLAIN
    },
    Step {
        name: "tests with prometheus' feature protobuf",
        cargo: "test --package tests --features protobuf --test registry",
        tests: true,
        ..PLAIN
    },
    Step {
        name: "tests with the circuit breakers of other crates",
        cargo: "test --package tests --features adapters --test adapted_breakers",
        tests: true,
        ..PLAIN
    },
    // The parts without locks in every order, with loom: see `metrics-runtime/src/sync.rs`. The flag is another one for
    // every crate, so what is built with it has a folder of its own.
    Step {
        name: "models",
        cargo: "test --package metrics-runtime --no-default-features --lib models::",
        env: &[("RUSTFLAGS", "--cfg models -D warnings"), ("CARGO_TARGET_DIR", "target/models")],
        tests: true,
    },
    Step {
        name: "doc tests",
        cargo: "test --workspace --doc --no-fail-fast --features tests/adapters",
        tests: true,
        ..PLAIN
    },
    Step { name: "docs", cargo: "doc --workspace --no-deps", env: &[("RUSTDOCFLAGS", "-D warnings")], ..PLAIN },
];
