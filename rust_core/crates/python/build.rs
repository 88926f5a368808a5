//! Notes what this build was made for, so that the package can tell before it loads a single instruction of it.

use std::env;
use std::process::Command;

fn main() {
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let flags: Vec<&str> = flags.split('\x1f').collect();
    let target_cpu = flags
        .iter()
        .enumerate()
        .filter_map(|(at, flag)| match flag.strip_prefix("-C").or_else(|| flag.strip_prefix("--codegen=")) {
            Some("") => flags.get(at + 1).copied(),
            value => value,
        })
        .filter_map(|option| option.trim_start().strip_prefix("target-cpu="))
        .next_back()
        .unwrap_or("generic");
    let rustc = Command::new(env::var("RUSTC").expect("cargo sets RUSTC")).arg("--version").output();
    let rustc = rustc.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_owned()).unwrap_or_default();
    let features = env::var("CARGO_CFG_TARGET_FEATURE").unwrap_or_default();
    let arch = env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let profile = env::var("PROFILE").unwrap_or_default();
    println!("cargo::rustc-env=CIFT_BUILD_TARGET_CPU={target_cpu}");
    println!("cargo::rustc-env=CIFT_BUILD_RUSTC={rustc}");
    println!("cargo::rustc-env=CIFT_BUILD_FEATURES={features}");
    println!("cargo::rustc-env=CIFT_BUILD_ARCH={arch}");
    println!("cargo::rustc-env=CIFT_BUILD_PROFILE={profile}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CARGO_ENCODED_RUSTFLAGS");
}
