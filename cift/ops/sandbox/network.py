"""The lab's network: a bridge with a /24 of its own, and for each host a namespace with one link into the bridge.

The machine forwards nothing for the hosts and they get no default route: what they reach is each other and the
package proxy on the bridge. A namespace is pinned to a file in the host's folder rather than to /run/netns, so the
state folder shows all that there is; `nsenter --net=<folder>/net ip ...` works on it.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable
from typing import Any

from cift.ops.sandbox import mounts
from cift.ops.sandbox.commands import run
from cift.ops.sandbox.errors import RefusedError
from cift.ops.sandbox.layout import Layout

RANGE = ipaddress.IPv4Network("10.77.0.0/16")
FIRST_HOST = 11


def free_subnet(used: Iterable[ipaddress.IPv4Network], range_: ipaddress.IPv4Network = RANGE) -> ipaddress.IPv4Network:
    """The first /24 of the range that overlaps none of the used networks.

    Raises:
        RefusedError: all are taken.
    """
    taken = list(used)
    for candidate in range_.subnets(new_prefix=24):
        if not overlaps(candidate, taken):
            return candidate
    raise RefusedError(
        f"every /24 of {range_} is in use on this machine; take an old lab down with 'cift sandbox down'"
    )


def overlaps(subnet: ipaddress.IPv4Network, used: Iterable[ipaddress.IPv4Network]) -> bool:
    """Whether any of the used networks has a part of the subnet; a route to everything doesn't count."""
    return any(subnet.overlaps(network) for network in used if network.prefixlen > 0)


def moved(address: str, subnet: ipaddress.IPv4Network) -> str:
    """The address with the same last octet in another /24."""
    return str(subnet.network_address + int(address.rsplit(".", 1)[1]))


def free_address(subnet: ipaddress.IPv4Network, used: Iterable[str]) -> str:
    """The lowest address for a host that none has yet.

    Raises:
        RefusedError: the subnet is full.
    """
    taken = set(used)
    for octet in range(FIRST_HOST, 255):
        address = str(subnet.network_address + octet)
        if address not in taken:
            return address
    raise RefusedError(f"{subnet} is full: a lab holds at most {255 - FIRST_HOST} hosts")


def gateway(subnet: ipaddress.IPv4Network) -> str:
    """The machine's own address on the bridge."""
    return str(subnet.network_address + 1)


def used_networks(except_link: str) -> list[ipaddress.IPv4Network]:
    """Networks that the machine has an address in or a route to, apart from those of one link."""
    networks = []
    for link in _ip_json("-4", "addr", "show"):
        if link["ifname"] != except_link:
            networks += [
                ipaddress.IPv4Network(f"{entry['local']}/{entry['prefixlen']}", strict=False)
                for entry in link["addr_info"]
            ]
    for route in _ip_json("-4", "route", "show"):
        if route.get("dev") != except_link and route["dst"] != "default":
            networks.append(ipaddress.IPv4Network(route["dst"]))
    return networks


def links() -> set[str]:
    """Names of the machine's links."""
    return {link["ifname"] for link in _ip_json("link", "show")}


def open_bridge(layout: Layout, subnet: ipaddress.IPv4Network) -> None:
    """Make sure that the bridge is there, up, and has its address."""
    if layout.bridge not in links():
        run(["ip", "link", "add", layout.bridge, "type", "bridge"])
    run(["ip", "addr", "replace", f"{gateway(subnet)}/{subnet.prefixlen}", "dev", layout.bridge])
    run(["ip", "link", "set", layout.bridge, "up"])


def connect(layout: Layout, name: str, address: str, subnet: ipaddress.IPv4Network) -> None:
    """Give a host its namespace and its link, anew: what an interrupted call left is removed first."""
    attach(layout, name, address)
    inside(layout, name, "addr", "add", f"{address}/{subnet.prefixlen}", "dev", "eth0")


def attach(layout: Layout, name: str, address: str) -> None:
    """A namespace for a host, new and empty but for `eth0`, the end of its link into the lab's bridge."""
    disconnect(layout, name, address)
    space = layout.host(name) / "net"
    space.touch()
    run(["unshare", f"--net={space}", "true"])
    link = layout.veth(address)
    run(["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space])
    run(["ip", "link", "set", link, "master", layout.bridge, "up"])
    inside(layout, name, "link", "set", "lo", "up")
    inside(layout, name, "link", "set", "eth0", "up")


def plug(layout: Layout, name: str, address: str, *, plugged: bool) -> None:
    """Take the machine's end of a host's link up or down.

    Raises:
        RefusedError: the host has no link.
    """
    link = layout.veth(address)
    if link not in links():
        raise RefusedError(f"host '{name}' has no link, because it does not run; 'cift sandbox up {name}' boots it")
    run(["ip", "link", "set", link, "up" if plugged else "down"])


def unplugged(layout: Layout, address: str) -> bool:
    """Whether a host's link is there and down."""
    link = layout.veth(address)
    return any(one["ifname"] == link and "UP" not in one["flags"] for one in _ip_json("link", "show"))


def inside(layout: Layout, name: str, *words: str) -> None:
    """Run `ip` in a host's namespace."""
    run(["nsenter", f"--net={layout.host(name) / 'net'}", "ip", *words])


def disconnect(layout: Layout, name: str, address: str) -> None:
    """Remove a host's link and namespace if they are there."""
    remove_links({layout.veth(address)})
    mounts.release(layout.host(name) / "net")


def remove_links(names: set[str]) -> None:
    """Remove those of the links that are there."""
    for link in sorted(names & links()):
        run(["ip", "link", "del", link], check=False)


def lab_links(layout: Layout) -> set[str]:
    """Links that carry the lab's id: the bridge and the hosts' ends."""
    return {link for link in links() if link == layout.bridge or link.startswith(layout.veth_prefix)}


def _ip_json(*arguments: str) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = json.loads(run(["ip", "-j", *arguments]).stdout or "[]")
    return [entry for entry in answer if entry]
