//! `#[derive(LabelValue)]` on wrong items, and its keys.

use metrics_runtime::LabelValue;

#[derive(LabelValue)]
struct Fields {
    field: u8,
}

#[derive(LabelValue)]
union Union {
    field: u8,
}

#[derive(LabelValue)]
enum WithFields {
    One(u8),
    Two { field: u8 },
    Three,
}

#[derive(LabelValue)]
enum Twice {
    #[label(rename = "b")]
    A,
    B,
    #[label(rename = "b")]
    C,
}

#[derive(LabelValue)]
enum Keys {
    #[label(renam = "b")]
    A,
    #[label(crate = x)]
    B,
    #[label(rename)]
    C,
    #[label]
    D,
    #[label(rename = "x", rename = "y")]
    E,
    #[label(rename = 7)]
    F,
}

#[derive(LabelValue)]
#[label(rename = "b")]
enum OnTheEnum {
    A,
}

#[derive(LabelValue)]
enum Empty {}

#[derive(LabelValue)]
enum Reserved {
    #[label(rename = "_overflow")]
    Other,
}

#[derive(LabelValue)]
enum ReservedName {
    _Overflow,
}

fn main() {}
