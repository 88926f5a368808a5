"""From a topology and a policy to a plan: which CPUs do what. Deterministic: same input, same plan.

The rules, in the order in which they give way on a host that is too small:
1. never: SMT siblings stay together; CPU 0 and one core of each node are housekeeping; irq and engine sit on the NIC's
   node;
2. an isolated core shares its L3 (CCX) with no data or irq CPU, wherever the NIC's node has a CCX to spare;
3. the services get a data core, the engine an isolated one, the NIC an irq one: given up in the order irq, isolated,
   data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cift.ops.plan.hugepages import Pages, reserve_pages
from cift.ops.plan.policy import Policy
from cift.ops.plan.services import ServiceCpus, place_services
from cift.ops.plan.topology import Core, Topology

CLASSES = ("housekeeping", "irq", "data", "isolated")


class RefusedPlanError(ValueError):
    """A production host can't meet its policy; the message has the numbers."""


@dataclass(frozen=True)
class Plan:
    """Every online CPU in exactly one class, where each service runs, and what the host had to give up."""

    topology: Topology
    policy: Policy
    nic_node: int
    classes: dict[str, tuple[int, ...]]
    services: dict[str, ServiceCpus]
    hugepages: Pages
    given_up: tuple[str, ...]

    def class_of(self, cpu: int) -> str:
        """Return the class of an online CPU."""
        return next(name for name in CLASSES if cpu in self.classes[name])


def make_plan(topology: Topology, policy: Policy) -> Plan:
    """Plan a host.

    Raises:
        RefusedPlanError: the policy says `production` and the host can't meet it; nothing is given up silently there.
    """
    given_up: list[str] = []
    node = _nic_node(topology, policy, given_up)
    housekeeping = _housekeeping(topology, policy, given_up)
    free = [core for core in topology.cores if core not in housekeeping]
    isolated = _isolated(free, housekeeping, node, policy, given_up)
    free = [core for core in free if core not in isolated]
    irq = _irq(free, housekeeping, node, policy, given_up)
    data = [core for core in free if core not in irq]
    if len(data) < policy.data_cores:
        given_up.append(
            f"data: {len(data)} of {policy.data_cores} cores"
            + ("" if data else "; the services share the housekeeping CPUs")
        )
    if 0 < len(isolated) < policy.engine_shards:
        given_up.append(f"engine shards: {len(isolated)} isolated cores for {policy.engine_shards}, which share them")
    services = place_services(node, isolated, data, housekeeping, policy.engine_shards)
    pages = reserve_pages(topology, policy, services, given_up)
    if given_up and policy.production:
        raise RefusedPlanError(
            f"this host has {len(topology.cores)} cores ({len(topology.cpus)} CPUs) on {len(topology.memory)} NUMA "
            f"nodes and can't meet the production policy: {'; '.join(given_up)}. Ask for less in the policy, or take "
            "a larger host"
        )
    return Plan(
        topology=topology,
        policy=policy,
        nic_node=node,
        classes={
            "housekeeping": _cpus(housekeeping),
            "irq": _cpus(irq),
            "data": _cpus(data),
            "isolated": _cpus(isolated),
        },
        services=services,
        hugepages=pages,
        given_up=tuple(given_up),
    )


def _cpus(cores: Iterable[Core]) -> tuple[int, ...]:
    return tuple(sorted(cpu for core in cores for cpu in core.cpus))


def _nic_node(topology: Topology, policy: Policy, given_up: list[str]) -> int:
    nodes = {core.node for core in topology.cores}
    if policy.nic_node is not None:
        if policy.nic_node not in nodes:
            raise RefusedPlanError(
                f"nic_node: found {policy.nic_node}; expected a NUMA node with online CPUs: {sorted(nodes)}"
            )
        return policy.nic_node
    if policy.nic is not None and policy.nic not in topology.nics:
        names = ", ".join(topology.nics) or "none"
        raise RefusedPlanError(f"nic: found {policy.nic!r}; the topology has {names}")
    candidates = [topology.nics[policy.nic]] if policy.nic else list(topology.nics.values())
    node = next((n for n in candidates if n in nodes), None)
    if node is not None:
        return node
    home = min(topology.cores, key=lambda core: core.cpus).node
    if len(nodes) > 1:
        given_up.append(f"NIC locality: the topology names no NIC with a node; node {home} assumed (set nic_node)")
    return home


def _housekeeping(topology: Topology, policy: Policy, given_up: list[str]) -> list[Core]:
    """Take the lowest cores of each node, CPU 0's among them; a node always keeps one, and one core for others."""
    chosen: list[Core] = []
    for node in sorted({core.node for core in topology.cores}):
        members = [core for core in topology.cores if core.node == node]
        count = max(1, min(policy.housekeeping_cores_per_node, len(members) - 1))
        if count < policy.housekeeping_cores_per_node:
            given_up.append(
                f"housekeeping: {count} of {policy.housekeeping_cores_per_node} cores on node {node}, which has "
                f"{len(members)}"
            )
        first = members[0]
        chosen += sorted(members, key=lambda core: (core.ccx != first.ccx, core.cpus))[:count]
    return chosen


def _isolated(free: list[Core], housekeeping: list[Core], node: int, policy: Policy, given_up: list[str]) -> list[Core]:
    """Take whole CCXs of the NIC's node, from the last on; the one nearest to housekeeping stays with irq and data."""
    wanted = policy.isolated_cores
    local = [core for core in free if core.node == node]
    kept = {core.ccx for core in housekeeping}
    home = {core.package for core in housekeeping if core.node == node}
    # Where the kernel shows one node for two sockets, the engine stays on the socket of the node's interrupts.
    ccxs = {core.ccx: (core.ccx in kept, core.package not in home, -core.ccx) for core in local}
    chosen: list[Core] = []
    for ccx in sorted(ccxs, key=lambda ccx: ccxs[ccx])[:-1]:
        if len(chosen) < wanted:
            chosen += [core for core in local if core.ccx == ccx]
    if chosen:
        if len(chosen) < wanted:
            given_up.append(f"isolated: {len(chosen)} of {wanted} cores in CCXs of their own on node {node}")
        return chosen
    # One CCX for all: a third of it for the engine, so that the services and the NIC keep cores too.
    count = min(wanted, len(local), len(free) - 1, max(1, len(free) // 3))
    if count < 1:
        given_up.append(f"isolated: 0 of {wanted} cores; the engine shares the data CPUs")
        return []
    given_up.append(f"L3 of the engine: shared with irq or data CPUs, as node {node} has one CCX to share out")
    if count < wanted:
        given_up.append(f"isolated: {count} of {wanted} cores on node {node}")
    return local[-count:]


def _irq(free: list[Core], housekeeping: list[Core], node: int, policy: Policy, given_up: list[str]) -> list[Core]:
    """Take cores of the NIC's node, nearest to housekeeping; one core stays for data."""
    near = {core.ccx for core in housekeeping if core.node == node}
    local = sorted((core for core in free if core.node == node), key=lambda core: (core.ccx not in near, core.cpus))
    count = max(0, min(policy.irq_cores, len(local), len(free) - 1))
    if count < policy.irq_cores:
        given_up.append(
            f"irq: {count} of {policy.irq_cores} cores on node {node}"
            + ("" if count else "; interrupts go to the housekeeping CPUs")
        )
    return local[:count]
