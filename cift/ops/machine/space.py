"""The machine's network: its namespace with a tap for each card, bridged to what talks to it.

The management card shares a bridge with the lab's link, so the guest has its address in the lab's /24. Each feed
card has a bridge of its own, from whose address traffic can be sent: `nsenter --net=<folder>/net ping ...`.
"""

from __future__ import annotations

from cift.ops.machine.seed import FEEDS
from cift.ops.sandbox import network
from cift.ops.sandbox.layout import Layout


def open_(layout: Layout, name: str, address: str) -> None:
    """Make the namespace anew: what an interrupted call left is removed first."""
    network.attach(layout, name, address)
    _bridge(layout, name, "lab")
    network.inside(layout, name, "link", "set", "eth0", "master", "lab")
    _tap(layout, name, "management", "lab")
    for card, net in FEEDS.items():
        _bridge(layout, name, f"feed-{card}")
        network.inside(layout, name, "addr", "add", f"{net}.1/24", "dev", f"feed-{card}")
        _tap(layout, name, card, f"feed-{card}", *(["multi_queue"] if card == "virtio" else []))


def _bridge(layout: Layout, name: str, bridge: str) -> None:
    network.inside(layout, name, "link", "add", bridge, "type", "bridge")
    network.inside(layout, name, "link", "set", bridge, "up")


def _tap(layout: Layout, name: str, tap: str, bridge: str, *flags: str) -> None:
    network.inside(layout, name, "tuntap", "add", tap, "mode", "tap", *flags)
    network.inside(layout, name, "link", "set", tap, "master", bridge, "up")
