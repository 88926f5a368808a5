"""Where each service runs: engines on isolated CPUs, everything else on data CPUs, near the memory it uses.

`engine` is the first of them; where symbols are sharded, those of the further shards are `engine-1`, `engine-2`, ...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cift.ops.plan.topology import Core

# What a service is given of the data cores, in this order; the first ones talk to the NIC and get its node.
WEIGHTS = {"nats": 2, "api": 2, "cache": 2, "recorder": 1, "postgresql": 1, "clickhouse": 4}
PIECES = sum(WEIGHTS.values())


@dataclass(frozen=True)
class ServiceCpus:
    """A service's CPUs and the node that its memory should come from."""

    cpus: tuple[int, ...]
    numa_node: int


def place_services(
    nic_node: int, isolated: Sequence[Core], data: Sequence[Core], housekeeping: Sequence[Core], shards: int = 1
) -> dict[str, ServiceCpus]:
    """Give every service its CPUs; with fewer data cores than services, all of these share all data cores.

    So do the engines with the isolated cores, where there are fewer than shards.
    """
    shared = list(data) or list(housekeeping)
    engines = engine_names(shards)
    pieces = _pieces(isolated, shards) if len(isolated) >= shards else [list(isolated) or shared] * shards
    placed = {name: _cpus_of(cores, nic_node) for name, cores in zip(engines, pieces, strict=True)}
    pool = sorted(shared, key=lambda core: (core.node != nic_node, core.node, core.ccx, core.cpus))
    if not data or len(pool) < len(WEIGHTS):
        return placed | {name: _cpus_of(pool, nic_node) for name in WEIGHTS}
    start = 0
    for position, (name, weight) in enumerate(WEIGHTS.items()):
        behind = len(WEIGHTS) - position - 1
        count = max(1, min(len(pool) * weight // PIECES, len(pool) - start - behind))
        end = len(pool) if behind == 0 else start + count
        placed[name] = _cpus_of(pool[start:end], nic_node)
        start = end
    return placed


def engine_names(shards: int) -> list[str]:
    """Return the engines' names in a plan, by their shards' numbers."""
    return ["engine", *(f"engine-{number}" for number in range(1, shards))]


def _pieces(cores: Sequence[Core], count: int) -> list[list[Core]]:
    """Share cores out, neighbours of one L3 to one engine as far as that goes."""
    ordered = sorted(cores, key=lambda core: (core.node, core.ccx, core.cpus))
    bounds = [len(ordered) * number // count for number in range(count + 1)]
    return [ordered[start:end] for start, end in pairwise(bounds)]


def _cpus_of(cores: Sequence[Core], nic_node: int) -> ServiceCpus:
    """Bind memory to the node that has most of the cores; the NIC's wins a draw."""
    nodes = [core.node for core in cores]
    node = max(sorted(set(nodes)), key=lambda n: (nodes.count(n), n == nic_node))
    return ServiceCpus(cpus=tuple(sorted(cpu for core in cores for cpu in core.cpus)), numa_node=node)
