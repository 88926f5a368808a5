"""Every rule of the plan, on generated machines: sockets, NPS, CCXs, SMT, offline CPUs, any NIC node."""

from __future__ import annotations

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from cift.ops.plan import Core, Plan, Policy, Topology, make_plan
from cift.ops.plan.cpulist import format_cpus
from cift.ops.plan.hugepages import GIB
from cift.ops.plan.outcome import outcome


@st.composite
def topologies(draw: st.DrawFn) -> Topology:
    sockets, nodes_per_socket = draw(st.integers(1, 2)), draw(st.sampled_from([1, 2, 4]))
    ccxs, cores_per_ccx, smt = draw(st.integers(1, 12)), draw(st.integers(2, 16)), draw(st.booleans())
    places = [
        (socket, socket * nodes_per_socket + node, ccx)
        for socket in range(sockets)
        for node in range(nodes_per_socket)
        for ccx in range(ccxs)
    ]
    total = len(places) * cores_per_ccx
    offline = draw(st.sets(st.integers(1, total * (2 if smt else 1) - 1), max_size=min(8, total // 2)))
    numbers, cores = count(), []
    for position, (socket, node, _) in enumerate(places):
        for _ in range(cores_per_ccx):
            first = next(numbers)
            cpus = tuple(c for c in ((first, first + total) if smt else (first,)) if c not in offline)
            if cpus:
                cores.append(Core(cpus=cpus, package=socket, node=node, ccx=position))
    nodes = sorted({core.node for core in cores})
    memory = {node: draw(st.integers(0, 512)) * GIB for node in nodes}
    nics = {"eth0": draw(st.sampled_from(nodes))} if draw(st.booleans()) else {}
    return Topology(cores=tuple(cores), memory=memory, nics=nics)


policies = st.builds(
    Policy,
    housekeeping_cores_per_node=st.integers(1, 3),
    irq_cores=st.integers(1, 8),
    isolated_cores=st.integers(1, 12),
    data_cores=st.integers(1, 16),
)


def free_cores(plan: Plan) -> list[Core]:
    housekeeping = set(plan.classes["housekeeping"])
    return [core for core in plan.topology.cores if core.cpus[0] not in housekeeping]


@settings(max_examples=300, deadline=None)
@given(topologies(), policies)
def test_every_rule_holds(topology: Topology, policy: Policy) -> None:
    plan = make_plan(topology, policy)
    classes = {name: set(cpus) for name, cpus in plan.classes.items()}

    assert sorted(cpu for cpus in plan.classes.values() for cpu in cpus) == list(topology.cpus)
    for core in topology.cores:
        assert len({plan.class_of(cpu) for cpu in core.cpus}) == 1, "SMT siblings stay together"
    assert 0 in classes["housekeeping"]
    for node in {core.node for core in topology.cores}:
        assert any(core.node == node for core in topology.cores if core.cpus[0] in classes["housekeeping"])
    node_of = {cpu: core.node for core in topology.cores for cpu in core.cpus}
    assert all(node_of[cpu] == plan.nic_node for cpu in classes["irq"] | classes["isolated"])
    if topology.nics:
        assert plan.nic_node == topology.nics["eth0"]
    if free_cores(plan):
        assert classes["data"], "the services come first"

    ccx_of = {cpu: core.ccx for core in topology.cores for cpu in core.cpus}
    shared = {ccx_of[c] for c in classes["isolated"]} & {ccx_of[c] for c in classes["data"] | classes["irq"]}
    if len({core.ccx for core in free_cores(plan) if core.node == plan.nic_node}) > 1:
        assert not shared, "the engine's L3 is its own"
        assert classes["isolated"]
    if shared:
        assert any(sacrifice.startswith("L3 of the engine") for sacrifice in plan.given_up)


@settings(max_examples=150, deadline=None)
@given(topologies(), policies)
def test_what_follows_fits_the_classes(topology: Topology, policy: Policy) -> None:
    plan = make_plan(topology, policy)
    follows = outcome(plan)
    assert follows == outcome(make_plan(topology, policy)), "same input, same plan"
    classes = {name: set(cpus) for name, cpus in plan.classes.items()}
    for name, place in plan.services.items():
        home = "isolated" if name == "engine" and classes["isolated"] else "data"
        assert place.cpus
        assert set(place.cpus) <= (classes[home] or classes["housekeeping"])
    if classes["isolated"]:
        assert f"nohz_full={format_cpus(classes['isolated'])} " in follows["kernel_cmdline"]
    for node, sizes in follows["hugepages"].items():
        taken = sizes["1G"] * GIB + sizes["2M"] * 2 * 1024 * 1024
        assert taken == 0 or topology.memory[int(node)] - taken >= policy.reserve_gib_per_node * GIB
    assert set(follows["irq"]["queue_cpus"]) <= (classes["irq"] or classes["housekeeping"])
    wanted = {"irq": policy.irq_cores, "isolated": policy.isolated_cores, "data": policy.data_cores}
    for name, cores in wanted.items():
        have = len({core.cpus for core in topology.cores if core.cpus[0] in classes[name]})
        said = any(sacrifice.startswith(f"{name}:") for sacrifice in follows["given_up"])
        assert said == (have < cores), "what is missing is said, and nothing else"
