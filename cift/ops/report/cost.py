"""What an inventory's hosts cost, by the figures that it states, against its budget."""

from __future__ import annotations

from typing import Any

import msgspec

from cift.ops.runner.inventory import Inventory


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """cost.json: US dollars a month. `hosts` has each host's; `network` is the site's, `budget` for all of it."""

    hosts: dict[str, float]
    network: float
    budget: float

    @property
    def total(self) -> float:
        """Return what the site costs."""
        return sum(self.hosts.values()) + self.network

    @property
    def within(self) -> bool:
        """Whether the budget is enough."""
        return self.total <= self.budget


def cost_of(inventory: Inventory) -> Cost | None:
    """Return the costs; None where no host has any stated."""
    hosts = {name: _dollars(values, "cift_cost_host_monthly_usd") for name, values in inventory.hostvars.items()}
    first = next(iter(inventory.hostvars.values()), {})
    network, budget = (_dollars(first, f"cift_cost_{what}_monthly_usd") for what in ("network", "budget"))
    return Cost(hosts=hosts, network=network, budget=budget) if any(hosts.values()) or network else None


def _dollars(values: dict[str, Any], name: str) -> float:
    value = values.get(name, 0)
    return float(value) if isinstance(value, int | float) else 0.0
