"""What the cards can do is set, and what they can't is skipped with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Area = Callable[[str], list[dict[str, Any]]]


def test_channels_rings_and_coalescing_are_set_on_igb(area: Area, host: Any) -> None:
    igb = _interface(host, "igb")
    rows = {row["setting"]: row for row in area("nic") if igb in row["setting"]}
    for topic in ("channels", "rings", "coalesc"):
        verdicts = {row["verdict"] for name, row in rows.items() if topic in name}
        assert "pass" in verdicts, (topic, rows)


def test_what_virtio_cannot_do_is_skipped_with_a_reason(area: Area, host: Any) -> None:
    skipped = [row for row in area("nic") if row["verdict"] == "skip"]
    assert skipped
    assert [row["setting"] for row in skipped if not row["why"]] == []


def test_interrupts_are_pinned(area: Area) -> None:
    assert [row for row in area("irq") if row["verdict"] not in ("pass", "skip")] == []
    assert "pass" in {row["verdict"] for row in area("irq")}


def _interface(host: Any, driver: str) -> str:
    found = host.check_output(
        f"for dir in /sys/class/net/*/device/driver; do case $(readlink $dir) in */{driver}) echo $dir;; esac; done"
    )
    return str(found.split("/")[4])
