"""After one reboot: the command line is live, and the kernel did what it says."""

from __future__ import annotations

import re
import time
from typing import Any

WORDS = ("isolcpus=managed_irq,domain,2-3", "nohz_full=2-3", "rcu_nocbs=2-3", "irqaffinity=0-1")
WATCH_S = 5.0


def test_the_command_line_is_live_and_the_default(words: list[str], menu: str) -> None:
    assert [word for word in WORDS if word not in words] == []
    default = next(line for line in menu.splitlines() if line.strip().startswith("linux"))
    assert [word for word in WORDS if word not in default.split()] == []
    assert "cift-trial" not in menu


def test_every_setting_is_as_wanted(report: list[dict[str, Any]]) -> None:
    assert [row for row in report if row["verdict"] not in ("pass", "skip")] == []
    assert [row["setting"] for row in report if row["verdict"] == "skip" and not row["why"]] == []
    assert {"isolated CPUs", "CPUs without ticks", "huge pages of 2048 kB on node 0"} <= {
        row["setting"] for row in report
    }


def test_isolated_cpus_are_free_of_ticks(host: Any) -> None:
    before, began = _timer(host), time.monotonic()
    time.sleep(WATCH_S)
    after, seconds = _timer(host), time.monotonic() - began
    rose = [second - first for first, second in zip(before, after, strict=True)]
    # One a second is the kernel's own: the remote tick's residue.
    assert max(rose[2:]) <= 1.1 * seconds, rose
    assert rose[0] > 10 * seconds, rose


def test_each_node_has_its_huge_pages(host: Any) -> None:
    pages = "/sys/devices/system/node/node[01]/hugepages/hugepages-2048kB/nr_hugepages"
    assert host.check_output(f"cat {pages}").split() == ["32", "16"]


def test_what_was_before_is_kept_for_root_alone(host: Any) -> None:
    kept = host.check_output("stat -c '%a %n' /var/lib/cift/before /var/lib/cift/before/first.json").split()
    assert kept == ["700", "/var/lib/cift/before", "600", "/var/lib/cift/before/first.json"]


def _timer(host: Any) -> list[int]:
    line = re.search(r"^ *LOC:([\d ]+)", host.check_output("cat /proc/interrupts"), re.MULTILINE)
    assert line is not None
    return [int(count) for count in line[1].split()]
