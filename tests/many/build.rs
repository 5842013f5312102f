//! Generates the functions of the services.

use std::path::Path;
use std::{env, fs};

include!("generate.rs");

fn main() {
    println!("cargo::rerun-if-changed=generate.rs");
    let folder = env::var_os("OUT_DIR").expect("cargo sets the folder");
    for number in [5, 50, 500] {
        let file = Path::new(&folder).join(format!("functions_{number}.rs"));
        fs::write(&file, functions(number)).expect("the folder can be written");
    }
}
