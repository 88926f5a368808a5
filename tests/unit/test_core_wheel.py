"""The Rust core's wheel: which CPU it is built for, with which compiler, and when it is built again."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.role_code import load

toolchain = load("rust_core/module_utils/rust_toolchain.py")
core_wheel = load("rust_core/library/core_wheel.py")
cpu = load("rust_core/filter_plugins/target_cpu.py")

ZEN5_FLAGS = {cpu.CPUINFO_NAMES.get(name, name) for name in cpu.FEATURES["znver5"]}


def cpuinfo(family: int, model: int, flags: set[str], vendor: str = "AuthenticAMD") -> str:
    """A /proc/cpuinfo of two processors."""
    one = f"processor\t: 0\nvendor_id\t: {vendor}\ncpu family\t: {family}\nmodel\t\t: {model}\nmodel name\t: X\n"
    one += f"flags\t\t: {' '.join(sorted(flags))}\n"
    return f"{one}\n{one}\n"


def flags_of(target: str) -> set[str]:
    return {cpu.CPUINFO_NAMES.get(name, name) for name in cpu.FEATURES[target]}


@pytest.mark.parametrize(
    ("family", "model", "expected"),
    [
        (23, 0x01, "znver1"),  # Naples
        (23, 0x2F, "znver1"),
        (23, 0x31, "znver2"),  # Rome
        (25, 0x01, "znver3"),  # Milan
        (25, 0x11, "znver4"),  # Genoa
        (25, 0x21, "znver3"),
        (25, 0x61, "znver4"),
        (25, 0xA0, "znver4"),  # Bergamo
        (26, 0x02, "znver5"),  # Turin
    ],
)
def test_a_metal_host_gets_its_own_generation(family: int, model: int, expected: str) -> None:
    assert cpu.target_cpu(cpuinfo(family, model, flags_of(expected))) == expected


def test_a_generation_steps_down_to_what_the_flags_allow() -> None:
    assert cpu.target_cpu(cpuinfo(26, 2, ZEN5_FLAGS - {"avx_vnni"})) == "znver4"
    assert cpu.target_cpu(cpuinfo(25, 1, flags_of("znver3") - {"vaes"})) == "znver2"


def test_wide_vectors_are_worth_more_than_the_name() -> None:
    assert cpu.target_cpu(cpuinfo(26, 2, ZEN5_FLAGS - {"rdseed"})) == "x86-64-v4"
    assert cpu.target_cpu(cpuinfo(23, 1, flags_of("znver1") - {"rdseed"})) == "x86-64-v3"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (flags_of("x86-64-v4"), "x86-64-v4"),
        (flags_of("x86-64-v3"), "x86-64-v3"),
        (flags_of("x86-64-v4") - {"movbe"}, "x86-64-v2"),
        (flags_of("x86-64"), "x86-64"),
    ],
)
def test_other_makes_get_the_level_of_their_flags(flags: set[str], expected: str) -> None:
    assert cpu.target_cpu(cpuinfo(6, 143, flags, vendor="GenuineIntel")) == expected


def test_a_host_of_another_architecture_gets_the_generic_core() -> None:
    assert cpu.target_cpu("processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd\n\n") == "generic"


def test_a_pinned_target_is_held_against_the_flags() -> None:
    text = cpuinfo(26, 2, ZEN5_FLAGS - {"sha_ni", "avx512f"})
    assert cpu.missing_features(text, "znver5") == ["avx512f", "sha_ni"]
    assert cpu.missing_features(text, "a-target-of-the-future") == []


@pytest.mark.skipif(shutil.which("rustc") is None, reason="there is no rustc here")
@pytest.mark.parametrize("target", sorted(cpu.FEATURES))
def test_the_table_of_features_is_rustcs_own(target: str) -> None:
    printed = subprocess.run(
        ["rustc", "--print", "cfg", "--target", "x86_64-unknown-linux-gnu", "-C", f"target-cpu={target}"],
        capture_output=True,
        text=True,
        check=True,
    )
    listed = {line.split('"')[1] for line in printed.stdout.splitlines() if line.startswith("target_feature=")}
    assert listed <= cpu.FEATURES[target], "this compiler turns on more than a host is asked for"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rustc 1.85.0 (4d91de4e4 2025-02-17)", (1, 85, 0)),
        ("1.96.0+dfsg1-1~deb12u2", (1, 96, 0)),
        ("1.85", (1, 85, 0)),
        ("(none)", (0,)),
    ],
)
def test_versions_are_compared_as_numbers(text: str, expected: tuple[int, ...]) -> None:
    assert toolchain.numbers(text) == expected


@pytest.fixture
def no_rust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Rust: an empty path and no cargo home. Returns the folder that is the path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("CARGO_HOME", str(tmp_path / "none"))
    monkeypatch.setattr(toolchain, "candidate_folders", lambda: [tmp_path])
    return tmp_path


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_a_compiler_the_error_says_which_and_what_to_do(no_rust: Path) -> None:
    with pytest.raises(toolchain.ToolchainError, match=r"needs Rust 1\.85\.0 or newer and has none; install .*rustup"):
        toolchain.get((1, 85, 0))


def test_an_old_compiler_is_named(no_rust: Path) -> None:
    program(no_rust / "cargo", "exit 0")
    program(no_rust / "rustc", "echo 'rustc 1.63.0 (old)'")
    with pytest.raises(toolchain.ToolchainError, match=rf"has 1\.63\.0 in {no_rust}"):
        toolchain.get((1, 85, 0))


def test_a_new_enough_compiler_is_taken_as_it_is(no_rust: Path) -> None:
    program(no_rust / "cargo", "exit 0")
    program(no_rust / "rustc", "echo 'rustc 1.90.0 (new)\nhost: x86_64-unknown-linux-gnu'")
    found = toolchain.get((1, 85, 0))
    assert (found.folder, found.version, found.host) == (no_rust, (1, 90, 0), "x86_64-unknown-linux-gnu")


def test_debian_s_newer_package_is_chosen_where_the_plain_one_is_too_old(no_rust: Path) -> None:
    program(no_rust / "apt-cache", 'case $2 in rustc) echo "Candidate: 1.63.0";; *) echo "Candidate: 1.96.0";; esac')
    assert toolchain.debian_package((1, 85, 0)) == "cargo-web"
    assert toolchain.debian_package((1, 60, 0)) == "cargo"
    assert toolchain.debian_package((2, 0, 0)) is None


def make_source(folder: Path) -> Path:
    """A folder that looks like rust_core but can't be compiled."""
    (folder / "crates").mkdir(parents=True)
    (folder / "Cargo.toml").write_text('[workspace]\nmembers = []\n[workspace.package]\nrust-version = "1.70"\n')
    (folder / "crates/lib.rs").write_text("fn main() {}\n")
    return folder


def test_what_a_build_leaves_behind_makes_no_new_wheel(tmp_path: Path) -> None:
    source = make_source(tmp_path / "core")
    before = core_wheel.source_hash(source)
    (source / "target").mkdir()
    (source / "target/x.o").write_text("x")
    (source / "_native.abi3.so").write_text("x")
    assert core_wheel.source_hash(source) == before
    (source / "crates/lib.rs").write_text("fn main() { }\n")
    assert core_wheel.source_hash(source) != before


def test_source_flags_and_compiler_each_make_another_wheel(tmp_path: Path) -> None:
    one = toolchain.Toolchain(tmp_path, "rustc 1.85.0", (1, 85, 0))
    other = toolchain.Toolchain(tmp_path, "rustc 1.86.0", (1, 86, 0))
    folders = {
        core_wheel.wheel_folder(tmp_path, hashed, core_wheel.flags_for(target, flags), target, compiler)
        for hashed, target, flags, compiler in [
            ("a", "znver4", "", one),
            ("b", "znver4", "", one),
            ("a", "znver5", "", one),
            ("a", "znver4", "-Cdebuginfo=1", one),
            ("a", "znver4", "", other),
        ]
    }
    assert len(folders) == 5


@pytest.mark.skipif(shutil.which("cargo") is None, reason="there is no cargo here")
def test_a_failed_build_says_why_and_leaves_nothing_in_the_cache(tmp_path: Path) -> None:
    asked = {"source": str(make_source(tmp_path / "core")), "cache": str(tmp_path / "cache")}
    asked |= {"target_cpu": "x86-64-v2", "rustflags": ""}
    assert core_wheel.run(asked, check_mode=True)["wheel"] == ""
    with pytest.raises(core_wheel.BuildError, match=r"could not be built for x86-64-v2 .*try RUSTFLAGS="):
        core_wheel.run(asked, check_mode=False)
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.name != ".lock"] == []
