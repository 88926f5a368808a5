"""Hugepages by NUMA node: where they are wanted, and how many a node can spare."""

from __future__ import annotations

from cift.ops.plan.policy import Policy
from cift.ops.plan.services import ServiceCpus
from cift.ops.plan.topology import Topology

GIB = 1 << 30
SMALL = 2 << 20

Pages = dict[int, dict[str, int]]


def reserve_pages(topology: Topology, policy: Policy, services: dict[str, ServiceCpus], given_up: list[str]) -> Pages:
    """Return the pages of each node by size (`1G`, `2M`), cut so that the node keeps the policy's reserve."""
    wanted = {node: {"1G": 0, "2M": 0} for node in topology.memory}
    wanted[services["engine"].numa_node]["1G"] = policy.hugepages.engine_1g
    wanted[services["postgresql"].numa_node]["2M"] = policy.hugepages.postgresql_2m
    pages = {}
    for node, sizes in wanted.items():
        memory = topology.memory[node]
        room = max(0, memory - policy.reserve_gib_per_node * GIB)
        large = min(sizes["1G"], room // GIB)
        small = min(sizes["2M"], (room - large * GIB) // SMALL)
        known = f"{memory / GIB:.1f} GiB of memory" if memory else "a size that the topology doesn't say"
        for size, count in (("1G", large), ("2M", small)):
            if count < sizes[size]:
                given_up.append(
                    f"hugepages: {count} of {sizes[size]} pages of {size} on node {node}, which has {known}"
                )
        pages[node] = {"1G": large, "2M": small}
    return pages
