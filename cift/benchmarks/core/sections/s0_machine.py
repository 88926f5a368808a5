"""What the machine itself takes for a step, in the same minutes: what all other figures rest on."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

from cift.benchmarks.core import environments
from cift.benchmarks.core.rows import Row
from cift.benchmarks.core.setting import Setting

TITLE = "The machine itself"
ABOUT = (
    "Steps that each wait for the one before, measured just before the books. A virtual machine has a share of its "
    "host's caches, and neighbours: read every figure below beside these, and books beside each other."
)


def measure(setting: Setting) -> Iterator[Row]:
    """Yield nanoseconds of a multiplication, and of a load by the size of what is loaded from."""
    setting.say(TITLE)
    try:
        program = environments.contest(setting, "cift-engine", "machine")
        command = ["taskset", "-c", str(setting.processor), str(program), "3" if setting.quick else "15"]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)
    except (environments.UnavailableError, subprocess.CalledProcessError) as error:
        yield Row(section=TITLE, name="machine", unit="ns", why=str(error))
        return
    for step in json.loads(ended.stdout)["steps"]:
        yield Row(section=TITLE, name=_name(step["bytes"]), unit="ns", value=step["ns"])


def _name(size: int) -> str:
    if not size:
        return "a multiplication"
    return f"a load at random out of {size >> 20 or size >> 10} {'MiB' if size >> 20 else 'KiB'}"
