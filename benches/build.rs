//! Generates the functions whose documents are measured.

use std::path::Path;
use std::{env, fs};

include!("../tests/many/generate.rs");

fn main() {
    println!("cargo::rerun-if-changed=../tests/many/generate.rs");
    let folder = env::var_os("OUT_DIR").expect("cargo sets the folder");
    for number in [500, 2_000] {
        let file = Path::new(&folder).join(format!("functions_{number}.rs"));
        fs::write(&file, functions(number)).expect("the folder can be written");
    }
}
