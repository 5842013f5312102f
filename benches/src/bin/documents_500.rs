//! Writes the milliseconds of each document of a program with 500 functions.

include!("../documents_of.rs");
include!(concat!(env!("OUT_DIR"), "/functions_500.rs"));
