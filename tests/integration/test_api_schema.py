"""Schemathesis: every route of the OpenAPI document, asked what fits its schema and what doesn't, on a whole stack."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from pathlib import Path

import pytest

from tests.servers.api import FULL_KEY
from tests.servers.stack import Stack

# A price that is no multiple of a tick, or a symbol that nobody trades, fits the schema and is refused all the same.
NOT_FOR_US = "positive_data_acceptance"


@pytest.mark.skipif(not importlib.util.find_spec("schemathesis"), reason="needs schemathesis (requirements/dev.lock)")
async def test_schemathesis_finds_nothing(trading_stack: Stack, tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"]
    command += [f"{trading_stack.api.url}/openapi.json", "-H", f"Authorization: Bearer {FULL_KEY}"]
    command += ["--checks=all", f"--exclude-checks={NOT_FOR_US}", "--phases=examples,fuzzing"]
    command += ["--max-examples=10", "--seed=1", "--no-shrink", "--continue-on-failure", "--warnings=off", "--no-color"]
    # One worker: Python 3.11 can't parse code, as Hypothesis does, on two threads at once.
    command += ["--workers=1", "--suppress-health-check=all"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert "No issues found" in said.decode()
    for number in range(trading_stack.api.workers):
        assert "Traceback" not in trading_stack.api.log(number).read_text()
