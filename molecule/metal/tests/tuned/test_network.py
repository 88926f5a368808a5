"""What the cards can do is set, what they can't is skipped with its reason, and every interrupt is where it belongs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Area = Callable[[str], list[dict[str, Any]]]
IGB, VIRTIO = "ens2", "ens1"


def test_channels_rings_and_coalescing_are_set_on_igb(area: Area, host: Any) -> None:
    verdicts = {row["setting"]: row["verdict"] for row in area("nic")}
    wanted = ("channels", "receive ring", "transmit ring", "receive interrupt delay", "receive side scaling")
    at_boot = [f"{name} of {IGB} at boot" for name in ("channels", "receive ring", "transmit ring")]
    assert {verdicts[name] for name in (*(f"{IGB} {name}" for name in wanted), *at_boot)} == {"pass"}, verdicts
    # The card itself, without a word from our own programs.
    shown = host.check_output(f"ethtool -i {IGB}; ethtool -l {IGB}; ethtool -g {IGB}; ethtool -c {IGB}")
    now = dict(re.findall(r"^([\w-]+):\s*(\S+)", shown, re.MULTILINE))
    assert (now["driver"], now["Combined"], now["RX"], now["TX"], now["rx-usecs"]) == ("igb", "1", "1024", "1024", "0")


def test_what_a_card_cannot_do_is_skipped_with_its_reason(area: Area) -> None:
    skipped = {row["setting"]: row["why"] for row in area("nic") if row["verdict"] == "skip"}
    assert [name for name, why in skipped.items() if not why] == []
    assert skipped[f"{VIRTIO} pause frames, sent"] == "virtio_net doesn't have it"
    assert skipped[f"{VIRTIO} receive side scaling"] == "virtio_net doesn't have it"
    assert skipped[f"{IGB} adaptive receive moderation"] == "igb doesn't have it"
    assert skipped[f"{IGB} compressed completions"] == "igb doesn't have it"


def test_interrupts_are_pinned(area: Area, host: Any) -> None:
    rows = {row["setting"]: row["verdict"] for row in area("irq")}
    assert [name for name, verdict in rows.items() if verdict != "pass"] == []
    # One queue is left of igb's four, on the housekeeping CPU of its node.
    queues = [name for name in rows if name.startswith(f"{IGB} queue")]
    assert [re.sub(r" \(.*", "", name) for name in queues] == [f"{IGB} queue 0"] * len(queues), queues
    shown = host.check_output(
        f"for irq in $(ls /sys/class/net/{IGB}/device/msi_irqs); do cat /proc/irq/$irq/smp_affinity_list; done"
    )
    assert "2" in shown.split()
    assert "3" not in shown.split(), "the isolated CPU"
