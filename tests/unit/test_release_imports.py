"""A host has the locked dependencies of the application and no others: what runs there must import with those alone."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

# Runs in a process of its own, in which distributions that the release's lock doesn't name can't be found.
HOST = """
import importlib, sys

class Host:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        return None if name.partition(".")[0] in {absent!r} else self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Host(finder) for finder in sys.meta_path]
importlib.import_module({module!r})
"""


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def absent_on_hosts() -> set[str]:
    locked = {
        normal(name) for name in re.findall(r"^([\w.-]+)==", (PROJECT / "requirements/cift.lock").read_text(), re.M)
    }
    present = locked | {"cift", "cift-core"}
    return {
        module
        for module, owners in packages_distributions().items()
        if not {normal(owner) for owner in owners} & present
    }


@pytest.mark.parametrize(
    "module",
    [
        "cift.ops.cli",
        "cift.api.main",
        "cift.services.engine",
        "cift.services.recorder",
        "cift.services.feed",
        "cift.core.benchmarks",
    ],
)
def test_what_runs_on_a_host_imports_with_the_locked_dependencies_alone(module: str) -> None:
    code = HOST.format(absent=absent_on_hosts(), module=module)
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-2000:]


def test_an_older_core_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cift_core.py").write_text("build_info = None\n")  # has none of the names that this checkout asks for
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import cift.ops.cli"
    result = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (result.returncode, len(result.stderr.splitlines())) == (2, 1), result.stderr[-2000:]
    assert "build this checkout's Rust core with 'make core'" in result.stderr
