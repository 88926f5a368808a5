"""After one reboot: the command line is live, and the kernel did what it says."""

from __future__ import annotations

import re
import time
from typing import Any

NEEDED = ("isolcpus", "nohz_full", "rcu_nocbs", "irqaffinity")
WATCH_S = 5.0


def test_the_command_line_is_live_and_the_default(words: list[str], menu: str) -> None:
    asked = [word for word in words if word.partition("=")[0] in NEEDED]
    assert len(asked) == len(NEEDED), words
    default = next(line for line in menu.splitlines() if line.strip().startswith("linux"))
    assert [word for word in asked if word not in default.split()] == []
    assert "cift-trial" not in menu


def test_every_setting_is_as_wanted(report: list[dict[str, Any]]) -> None:
    assert [row for row in report if row["verdict"] not in ("pass", "skip")] == []
    assert [row["setting"] for row in report if row["verdict"] == "skip" and not row["why"]] == []
    assert {"isolated CPUs", "CPUs without ticks"} <= {row["setting"] for row in report}


def test_isolated_cpus_are_free_of_ticks(host: Any, words: list[str]) -> None:
    isolated = _cpus(next(word for word in words if word.startswith("nohz_full=")).partition("=")[2])
    before, began = _timer(host), time.monotonic()
    time.sleep(WATCH_S)
    after, seconds = _timer(host), time.monotonic() - began
    rose = [second - first for first, second in zip(before, after, strict=True)]
    # One a second is the kernel's own: the remote tick's residue.
    assert max(rose[cpu] for cpu in isolated) <= 1.1 * seconds, rose
    assert rose[0] > 10 * seconds, rose


def test_the_nodes_have_their_huge_pages(host: Any, report: list[dict[str, Any]]) -> None:
    rows = [row for row in report if "huge" in row["setting"].lower() and "node" in row["setting"].lower()]
    assert "pass" in {row["verdict"] for row in rows}, rows
    pages = "/sys/devices/system/node/node[01]/hugepages/hugepages-2048kB/nr_hugepages"
    assert any(int(count) > 0 for count in host.check_output(f"cat {pages}").split())


def test_what_was_before_is_kept_for_root_alone(host: Any) -> None:
    kept = host.check_output("stat -c '%a %n' /var/lib/cift/before /var/lib/cift/before/first.json").split()
    assert kept == ["700", "/var/lib/cift/before", "600", "/var/lib/cift/before/first.json"]


def _timer(host: Any) -> list[int]:
    line = re.search(r"^ *LOC:([\d ]+)", host.check_output("cat /proc/interrupts"), re.MULTILINE)
    assert line is not None
    return [int(count) for count in line[1].split()]


def _cpus(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found
