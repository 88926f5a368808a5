"""After one reboot: the command line is live, and the kernel did what it says."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

Area = Callable[[str], list[dict[str, Any]]]
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
    assert isolated
    assert max(rose[cpu] for cpu in isolated) <= 1.1 * seconds, rose
    assert rose[0] > 10 * seconds, rose


def test_each_node_has_its_own_huge_pages(host: Any, area: Area) -> None:
    verdicts = {row["setting"]: row["verdict"] for row in area("hugepages")}
    assert set(verdicts.values()) == {"pass"}, verdicts
    assert {"1 GB pages of node 0", "1 GB pages of node 1", "2 MB pages of node 0", "2 MB pages of node 1"} == {
        *verdicts
    }
    pages = "/sys/devices/system/node/node[01]/hugepages/hugepages-*kB/nr_hugepages"
    counts = {
        (line.split("/")[5], line.split("/")[7]): int(line.partition(":")[2])
        for line in host.check_output(f"grep -H . {pages}").split()
    }
    # The engine's page of 1 GB was reserved while the kernel booted, PostgreSQL's of 2 MB at run time.
    assert counts == {
        ("node0", "hugepages-1048576kB"): 0, ("node1", "hugepages-1048576kB"): 1,
        ("node0", "hugepages-2048kB"): 64, ("node1", "hugepages-2048kB"): 0,
    }  # fmt: skip


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
