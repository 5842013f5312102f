//! The checks of `cargo xtask test`, in their order: the quick ones first.

use crate::{features, minimal_versions};

pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) cargo: Cargo,
    /// Environment variables for the commands of this step.
    pub(crate) env: &'static [(&'static str, &'static str)],
    /// A `--cfg` for the crates of this workspace. Their dependencies are those of the other steps, which `RUSTFLAGS`
    /// would build anew.
    pub(crate) cfg: Option<&'static str>,
    /// `true` if the step runs at the same time as the one after it. Builds in the same target folder wait for each other.
    pub(crate) beside_next: bool,
    /// `true` if the step runs tests. They are counted, and a step without any test fails.
    pub(crate) tests: bool,
    /// `true` if the programs with the tests run several at a time.
    pub(crate) programs_at_once: bool,
}

/// The cargo commands of a step.
#[derive(Clone, Copy)]
pub(crate) enum Cargo {
    /// The arguments of one command, separated by spaces.
    One(&'static str),
    /// The arguments of several commands, computed when the step begins.
    Many(fn() -> Result<Vec<Vec<String>>, String>),
}

const PLAIN: Step = Step {
    name: "",
    cargo: Cargo::One(""),
    env: &[],
    cfg: None,
    beside_next: false,
    tests: false,
    programs_at_once: false,
};

const TESTS: Step = Step { tests: true, ..PLAIN };

pub(crate) const STEPS: &[Step] = &[
    Step { name: "formats", cargo: Cargo::One("fmt --all --check"), ..PLAIN },
    Step {
        name: "lints",
        cargo: Cargo::One("clippy --workspace --all-targets --all-features -- -D warnings"),
        ..PLAIN
    },
    // Both of these use little more than one processor.
    Step { name: "each feature", cargo: Cargo::Many(features::commands), beside_next: true, ..PLAIN },
    Step { name: "minimal versions", cargo: Cargo::Many(minimal_versions::commands), ..PLAIN },
    // Unit, integration and compile-fail tests. They include the examples run as services, and checks by a real
    // Prometheus, promtool and the reference parsers. With the features that only add to the others, so that the builds
    // of the following steps are the same.
    Step {
        name: "tests",
        cargo: Cargo::One(
            "test --workspace --all-targets --no-fail-fast --features tests/adapters,metrics-export/clap",
        ),
        programs_at_once: true,
        ..TESTS
    },
    // Functions that are generated, compiled and run with and without attributes.
    Step {
        name: "shapes",
        cargo: Cargo::One("run --quiet --package shapes -- --seed 1 --count 300"),
        beside_next: true,
        ..PLAIN
    },
    // Hostile clients of the endpoint, with bounds of threads, pages and memory. It mostly waits.
    Step { name: "flood", cargo: Cargo::One("run --quiet --package flood -- --small"), beside_next: true, ..PLAIN },
    // With the features of the tests before, which have built the dependencies.
    Step {
        name: "tests with metrics switched off at compile time",
        cargo: Cargo::One(
            "test --workspace --features tests/adapters,metrics-export/clap --test off --test circuit_breaker \
             --test breaker_conflicts",
        ),
        cfg: Some("metrics_off"),
        ..TESTS
    },
    Step {
        name: "tests with the protobuf types of the crate prometheus",
        cargo: Cargo::One(
            "test --workspace --features tests/protobuf,tests/adapters,metrics-export/clap --test registry",
        ),
        beside_next: true,
        ..TESTS
    },
    // Runs the code without locks in every order of execution, with loom: see `metrics-runtime/src/metric/sync.rs`.
    Step {
        name: "models",
        cargo: Cargo::One(
            "test --package metrics-runtime --no-default-features --features circuit-breaker --lib models::",
        ),
        cfg: Some("models"),
        ..TESTS
    },
    Step {
        name: "doc tests",
        cargo: Cargo::One("test --workspace --doc --no-fail-fast --features tests/adapters,metrics-export/clap"),
        ..TESTS
    },
    Step {
        name: "docs",
        cargo: Cargo::One("doc --workspace --no-deps --all-features"),
        env: &[("RUSTDOCFLAGS", "-D warnings")],
        ..PLAIN
    },
];
