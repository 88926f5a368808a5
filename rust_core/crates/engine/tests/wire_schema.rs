//! The parsed schema in the crate is that of `cift/schema/*.capnp`. Needs the `capnp` tool; passes with a word without it.
//!
//! After a change of the schemas: `CIFT_SCHEMA_WRITE=1 cargo test -p cift-engine --test wire_schema`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const KEPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/schema.cgr");
const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../cift/schema");

/// The Rust that follows from a parsed schema, by file, without the lines that name versions of tools.
fn rust_of(request: &[u8], name: &str) -> BTreeMap<String, String> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder for the generated code");
    capnpc::codegen::CodeGenerationCommand::new().output_directory(&folder).run(request).expect("a parsed schema");
    let entries = fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    entries
        .map(|path| {
            let text = fs::read_to_string(&path).expect("generated code");
            let lines: Vec<&str> = text.lines().filter(|line| !line.contains(" version: ")).collect();
            (path.file_name().expect("a name").to_string_lossy().into_owned(), lines.join("\n"))
        })
        .collect()
}

#[test]
fn the_kept_schema_is_that_of_the_files() {
    if !Path::new(SCHEMAS).is_dir() || Command::new("capnp").arg("--version").output().is_err() {
        eprintln!("skipped: needs the capnp tool (Debian: capnproto) and the folder cift/schema");
        return;
    }
    let schemas = fs::canonicalize(SCHEMAS).expect("cift/schema");
    let parsed = Command::new("capnp")
        .args(["compile", "-o-", "--src-prefix"])
        .arg(&schemas)
        .args(["messages.capnp", "ticks.capnp"].map(|name| schemas.join(name)))
        .output()
        .expect("the capnp tool");
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
    if env::var_os("CIFT_SCHEMA_WRITE").is_some() {
        fs::write(KEPT, &parsed.stdout).expect("the kept schema");
    }
    let kept = fs::read(KEPT).expect("the kept schema");
    let same = rust_of(&kept, "kept") == rust_of(&parsed.stdout, "parsed");
    assert!(same, "cift/schema/*.capnp changed: run this test once with CIFT_SCHEMA_WRITE=1 and commit schema.cgr");
}
