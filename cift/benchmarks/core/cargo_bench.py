"""The benches of the engine's own crate: `cargo bench --bench NAME -- --json`, pinned."""

from __future__ import annotations

import subprocess

from cift.benchmarks.core.setting import ROOT, Setting

_PATIENCE = 600


class BenchError(Exception):
    """A bench that could not be built or run, in one line."""


def output(setting: Setting, name: str) -> str:
    """Return what a bench of the engine prints."""
    command = ["cargo", "bench", "--quiet", "--locked", "-p", "cift-engine", "--bench", name]
    room = ROOT / "rust_core"
    try:
        for argv in ([*command, "--no-run"], ["taskset", "-c", str(setting.processor), *command, "--", "--json"]):
            ended = subprocess.run(argv, cwd=room, capture_output=True, text=True, timeout=_PATIENCE, check=False)
            if ended.returncode:
                lines = [line for line in ended.stderr.splitlines() if "error" in line.lower()] or ["no message"]
                raise BenchError(f"bench {name}: {lines[0].strip()}")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BenchError(f"bench {name}: {error}") from error
    return ended.stdout
