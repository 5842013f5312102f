//! Writes the milliseconds of each document of a program with 2000 functions.

include!("../documents_of.rs");
include!(concat!(env!("OUT_DIR"), "/functions_2000.rs"));
