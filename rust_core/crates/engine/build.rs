//! Makes the Rust face of `cift/schema/*.capnp` from `src/wire/schema.cgr`, what the `capnp` tool made of them.
//!
//! The parsed schema is kept here, and not the 6,500 lines of Rust that follow from it, so that a builder needs neither
//! the tool nor the files outside this workspace. `tests/wire_schema.rs` holds it against the `.capnp` files.

use std::fs::File;
use std::path::PathBuf;

const REQUEST: &str = "src/wire/schema.cgr";

fn main() {
    println!("cargo::rerun-if-changed={REQUEST}");
    let output = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let request = File::open(REQUEST).unwrap_or_else(|error| panic!("{REQUEST}: {error}"));
    capnpc::codegen::CodeGenerationCommand::new()
        .default_parent_module(vec!["wire".into(), "schema".into()])
        .output_directory(output)
        .run(request)
        .unwrap_or_else(|error| panic!("{REQUEST}: {error}"));
}
