"""Filters for the group of Keepers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

_MODES = ("separate", "embedded")


def clickhouse_keeper_problems(hosts: list[str], hostvars: Mapping[str, Any], engine_group: list[str]) -> list[str]:
    """Say what is wrong with the Keepers: sentences with what was found, what was expected and what to do.

    `engine_group` are the hosts that run the ClickHouse server. An empty list means that nothing is wrong.
    """
    said: list[str] = []
    if len(hosts) % 2 == 0:
        said.append(
            f"clickhouse_keeper_hosts: found {len(hosts)} ({', '.join(hosts)}), expected an odd number: an even one "
            "survives no more failures than the next smaller, and can be split into two halves; add a host with "
            "clickhouse_keeper_mode in the inventory, or take one away"
        )
    numbers: Counter[int] = Counter()
    for host in hosts:
        found = hostvars[host].get("clickhouse_keeper_server_id", 0)
        if str(found).isdecimal() and 1 <= int(found) <= 2**31 - 1:
            numbers[int(found)] += 1
        else:
            said.append(
                f"clickhouse_keeper_server_id of {host}: found {found!r}, expected a whole number from 1 on; set it "
                "for that host in the inventory"
            )
        said += _alone(host, hostvars[host].get("clickhouse_keeper_mode", "none"), host in engine_group)
    for number in sorted(number for number, count in numbers.items() if count > 1):
        named = [host for host in hosts if str(hostvars[host].get("clickhouse_keeper_server_id", 0)) == str(number)]
        said.append(
            f"clickhouse_keeper_server_id: found {number} on {' and '.join(named)}, expected each number once; give "
            "all but the oldest of them another one"
        )
    return said


def _alone(host: str, mode: str, has_server: bool) -> list[str]:
    if mode not in _MODES:
        return [
            f"clickhouse_keeper_mode of {host}: found {mode!r}, expected {' or '.join(_MODES)}; "
            "set it for that host in the inventory"
        ]
    if mode == "separate" and has_server:
        return [
            f"clickhouse_keeper_mode of {host}: found separate on a host of the ClickHouse server, whose package "
            "excludes clickhouse-keeper, expected embedded; change it, or take the host out of the group analytics"
        ]
    if mode == "embedded" and not has_server:
        return [
            f"clickhouse_keeper_mode of {host}: found embedded on a host without the ClickHouse server, expected "
            "separate; change it, or put the host into the group analytics"
        ]
    return []


class FilterModule:
    """The filters by name."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"clickhouse_keeper_problems": clickhouse_keeper_problems}
