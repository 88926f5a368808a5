"""A short run of each fuzz target of rust_core/fuzz, with coverage as its guide.

The targets have cargo-fuzz's layout, but need neither it nor a nightly compiler: the instrumentation that libFuzzer
asks for is in every rustc. For a long run, give a target's binary a folder of its own and no time limit; what it finds
it leaves there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FUZZ = Path(__file__).parents[2] / "rust_core" / "fuzz"
TARGETS = sorted(path.stem for path in (FUZZ / "fuzz_targets").glob("*.rs"))
SECONDS = 4
INSTRUMENTATION = (
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
)


def cargo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = ["cargo", *arguments, "--manifest-path", str(FUZZ / "Cargo.toml")]
    return subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def binaries() -> Path:
    """The folder of the built targets."""
    for program in ("cargo", "c++"):
        if shutil.which(program) is None:
            pytest.skip(f"fuzzing needs {program}, which is not installed")
    fetched = cargo("fetch")
    if fetched.returncode:
        pytest.skip(f"the crates that fuzzing needs can't be had: {fetched.stderr.strip().splitlines()[-1]}")
    version = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    host = next(line.removeprefix("host: ") for line in version.splitlines() if line.startswith("host: "))
    # With a target named, the flags leave build scripts alone.
    flags = "\x1f".join(INSTRUMENTATION)
    built = cargo("build", "--release", "--target", host, CARGO_ENCODED_RUSTFLAGS=flags)
    assert built.returncode == 0, built.stderr
    return Path(os.environ.get("CARGO_TARGET_DIR", FUZZ / "target")) / host / "release"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("target", TARGETS)
def test_fuzzing_finds_nothing(binaries: Path, target: str, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    limits = [f"-max_total_time={SECONDS}", "-max_len=2048", "-timeout=10", f"-artifact_prefix={tmp_path}/"]
    run = subprocess.run(
        [binaries / target, *limits, corpus, FUZZ / "seeds" / target],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert run.returncode == 0, run.stderr[-4000:]
    assert "Done" in run.stderr
