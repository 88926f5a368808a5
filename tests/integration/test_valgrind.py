"""The engine's code around `unsafe` under valgrind's memcheck: no access outside what is allocated, no use of what was
never written, nothing lost.

The two unsafe places ask the kernel for huge pages and the processor for a cache line. Neither is an access that
memcheck could judge; what it judges is every read and write of the vectors and slices that these two stand beside.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

import pytest

RUST_CORE = Path(__file__).parents[2] / "rust_core"
FAILED = 9
MEMCHECK = (
    "valgrind",
    "--quiet",
    f"--error-exitcode={FAILED}",
    "--leak-check=full",
    "--show-leak-kinds=definite",
    "--errors-for-leak-kinds=definite",
)
# Valgrind can't decode AVX-512, which a build for the machine at hand may have.
CPU = ("-Ctarget-cpu=x86-64-v2",) if platform.machine() == "x86_64" else ()
# What uses crate::memory: books and their snapshots, and the unit tests of its users.
TESTS = {
    "cift_engine": ("memory::", "arena::", "order_index::", "window::", "feeds::itch"),
    "allocations": (),
    "special_allocations": (),
    "snapshot": (),
}
BROKEN = {
    "a write beyond the end": (
        "let mut large: Vec<u64> = Vec::with_capacity(64);"
        "unsafe { large.as_mut_ptr().add(large.capacity()).write_volatile(1) }",
        "Invalid write of size 8",
    ),
    "a read of what was given back": (
        "let large = vec![1u64; 64]; let start = large.as_ptr(); drop(large);"
        "std::process::exit(unsafe { start.read_volatile() as i32 - 1 })",
        "Invalid read of size 8",
    ),
    "memory that nobody gives back": (
        "std::hint::black_box(std::mem::ManuallyDrop::new(vec![1u64; 64]));",
        "512 bytes in 1 blocks are definitely lost",
    ),
}


@pytest.fixture(autouse=True)
def tools() -> None:
    for program in ("valgrind", "cargo", "rustc"):
        if shutil.which(program) is None:
            pytest.skip(f"memcheck needs {program}, which is not installed")


def memcheck(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*MEMCHECK, *command], capture_output=True, text=True, check=False)


def test_unsafe_stands_in_one_file() -> None:
    sources = [*RUST_CORE.glob("crates/*/src/**/*.rs"), *RUST_CORE.glob("crates/*/build.rs")]
    found = {path.name for path in sources if re.search(r"^[^/]*\bunsafe\b", path.read_text(), re.MULTILINE)}
    assert found == {"memory.rs"}, "TESTS must name what uses these files"


@pytest.mark.timeout(900)
def test_the_engine_makes_no_memory_error() -> None:
    command = ["cargo", "test", "--locked", "--package", "cift-engine", "--lib", "--no-run", "--message-format=json"]
    command += [argument for name in TESTS if name != "cift_engine" for argument in ("--test", name)]
    environment = {
        # Its own folder: other flags would throw away what the other tests have built.
        "CARGO_TARGET_DIR": str(Path(os.environ.get("CARGO_TARGET_DIR", RUST_CORE / "target")) / "valgrind"),
        "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(CPU),
        "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
        "CARGO_PROFILE_DEV_DEBUG": "line-tables-only",
    }
    built = subprocess.run(
        command, cwd=RUST_CORE, env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    programs = {each["target"]["name"]: each["executable"] for each in messages if each.get("executable")}
    assert programs.keys() == TESTS.keys()
    for name, program in programs.items():
        run = memcheck(program, "--test-threads=1", *TESTS[name])
        assert run.returncode == 0, f"{name}: {run.stdout[-1000:]}{run.stderr[:6000]}"
        assert re.search(r"test result: ok\. [1-9]", run.stdout), f"{name} ran no test: {run.stdout}"


@pytest.mark.parametrize("fault", BROKEN)
def test_memcheck_would_have_seen(fault: str, tmp_path: Path) -> None:
    code, told = BROKEN[fault]
    source = tmp_path / "broken.rs"
    source.write_text(f"fn main() {{ {code} }}\n")
    subprocess.run(["rustc", "-O", *CPU, source.name], cwd=tmp_path, check=True)
    run = memcheck(tmp_path / "broken")
    assert run.returncode == FAILED
    assert told in run.stderr
