"""A library for another CPU is refused with a sentence before it is loaded."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import cift_core
import pytest
from cift_core import _guard

CPUINFO = "processor\t: 0\nmodel name\t: AMD EPYC 7763\nflags\t\t: fpu fxsr sse sse2 pni sse4_1 sse4_2 avx avx2 abm\n\n"


def write_marker(folder: Path, features: str, target_cpu: str = "znver4", arch: str = "") -> Path:
    arch = arch or os.uname().machine
    library = folder / "_native.abi3.so"
    marker = f"CIFT_CORE_BUILD arch={arch} target_cpu={target_cpu} features={features} \n"
    library.write_bytes(b"\x7fELF" + bytes(5000) + marker.encode() + bytes(5000))
    return library


@pytest.fixture
def cpuinfo(tmp_path: Path) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(CPUINFO)
    return path


def test_a_cpu_with_the_features_is_let_in(tmp_path: Path, cpuinfo: Path) -> None:
    _guard.check_cpu(write_marker(tmp_path, "fxsr,sse,sse2,sse3,sse4.1,sse4.2,avx2,lzcnt"), cpuinfo)


def test_missing_features_are_named(tmp_path: Path, cpuinfo: Path) -> None:
    library = write_marker(tmp_path, "sse2,avx512f,avx512vnni")
    wanted = (
        r"built for target-cpu=znver4 and needs avx512f, avx512vnni, which this CPU \(AMD EPYC 7763\) lacks: rebuild"
    )
    with pytest.raises(ImportError, match=wanted):
        _guard.check_cpu(library, cpuinfo)


def test_another_architecture_is_named(tmp_path: Path, cpuinfo: Path) -> None:
    with pytest.raises(ImportError, match="was built for riscv64"):
        _guard.check_cpu(write_marker(tmp_path, "", arch="riscv64"), cpuinfo)


def test_without_an_answer_the_library_is_loaded(tmp_path: Path, cpuinfo: Path) -> None:
    library = write_marker(tmp_path, "avx512f")
    _guard.check_cpu(library, tmp_path / "nowhere")
    library.write_bytes(b"no marker here")
    _guard.check_cpu(library, cpuinfo)


def test_a_copied_package_for_another_cpu_is_refused_on_import(tmp_path: Path) -> None:
    """The whole way, in a process of its own: the real package with a marker that no CPU satisfies."""
    source = Path(cift_core.__file__).parent
    package = tmp_path / "cift_core"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__"))
    (library,) = package.glob("_native*.so")
    content = library.read_bytes()
    at = content.index(b"CIFT_CORE_BUILD ")
    end = content.index(b"\n", at)
    marker = f"CIFT_CORE_BUILD arch={os.uname().machine} target_cpu=znver9 features=avx9".encode()
    assert len(marker) + 1 <= end - at
    library.write_bytes(content[:at] + marker + b" \n" + content[at + len(marker) + 2 :])
    run = subprocess.run(
        [sys.executable, "-c", "import cift_core"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 1
    assert "ImportError: cift_core was built for target-cpu=znver9 and needs avx9" in run.stderr


def test_build_info_says_how_it_was_built() -> None:
    info = cift_core.build_info()
    assert info["version"] == cift_core.__version__
    assert info["rustc"].startswith("rustc ")
    assert info["target_cpu"]
    assert info["profile"] in ("debug", "release")
    if os.uname().machine == "x86_64":
        assert "sse2" in info["features"]
