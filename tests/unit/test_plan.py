"""`cift plan`: real topologies, small hosts, refusals and bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cift.ops.cli import app
from cift.ops.plan import Core, Policy, RefusedPlanError, Topology, make_plan, read_topology
from cift.ops.plan.cpulist import format_cpus, parse_mask
from cift.ops.plan.outcome import outcome
from cift.ops.plan.topology import with_memory

TOPOLOGIES = Path(__file__).parents[3] / "shared" / "data" / "topologies"
GOLDEN = Path(__file__).parent / "golden"
real = pytest.mark.skipif(not TOPOLOGIES.is_dir(), reason=f"{TOPOLOGIES} is not on this machine")


def host(cores: int, nodes: int = 1) -> Topology:
    return Topology(
        cores=tuple(Core(cpus=(n,), package=0, node=n * nodes // cores, ccx=n * nodes // cores) for n in range(cores)),
        memory=dict.fromkeys(range(nodes), 64 << 30),
    )


@real
@pytest.mark.parametrize("name", ["epyc-7763-2-sockets", "xeon-2-nodes-with-pci-devices"])
def test_real_machines_have_the_plans_that_were_read(name: str) -> None:
    result = CliRunner().invoke(app, ["plan", "--topology", str(TOPOLOGIES / f"{name}.xml"), "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads((GOLDEN / f"plan-{name}.json").read_text())


@real
def test_the_nic_is_found_in_the_topology() -> None:
    topology = read_topology(TOPOLOGIES / "xeon-2-nodes-with-pci-devices.xml")
    assert set(topology.nics) == {"eth0", "eth1", "ib0"}
    assert make_plan(topology, Policy(nic="ib0")).nic_node == topology.nics["ib0"]


@real
def test_the_picture_is_whole_and_a_truncated_file_refused(tmp_path: Path) -> None:
    source = TOPOLOGIES / "epyc-7763-2-sockets.xml"
    result = CliRunner().invoke(app, ["plan", "--topology", str(source), "--svg", str(tmp_path / "plan.svg")])
    assert result.exit_code == 0
    assert "socket 1" in result.stdout
    assert (tmp_path / "plan.svg").read_text().count("<title>CPUs ") == 128
    (tmp_path / "cut.xml").write_text(source.read_text()[:5000])
    result = CliRunner().invoke(app, ["plan", "--topology", str(tmp_path / "cut.xml")])
    assert (result.exit_code, "not well-formed XML" in result.output) == (2, True)


def test_two_cores_get_the_best_legal_plan_and_the_list_of_sacrifices() -> None:
    plan = make_plan(host(2), Policy())
    assert plan.classes == {"housekeeping": (0,), "irq": (), "data": (1,), "isolated": ()}
    assert [sacrifice.split(":")[0] for sacrifice in plan.given_up] == ["isolated", "irq", "data"]
    assert plan.services["engine"].cpus == (1,)


def test_four_cores_have_one_of_each() -> None:
    assert make_plan(host(4), Policy()).classes == {
        "housekeeping": (0,),
        "irq": (1,),
        "data": (2,),
        "isolated": (3,),
    }


def test_production_refuses_what_the_sandbox_gives_up() -> None:
    with pytest.raises(RefusedPlanError, match=r"2 cores \(2 CPUs\).*isolated: 0 of 4 cores"):
        make_plan(host(2), Policy(production=True))


def test_production_refuses_pages_that_do_not_fit() -> None:
    topology = host(32, nodes=2)
    small = Topology(cores=topology.cores, memory={0: 1 << 30, 1: 1 << 30})
    with pytest.raises(RefusedPlanError, match="hugepages: 0 of 2 pages of 1G"):
        make_plan(small, Policy(nic_node=0, isolated_cores=2, production=True))


@pytest.mark.parametrize(
    ("shards", "cpus"),
    [
        (1, [(4, 5, 6, 7)]),
        (2, [(4, 5), (6, 7)]),
        (3, [(4,), (5,), (6, 7)]),
        (4, [(4,), (5,), (6,), (7,)]),
        (5, [(4, 5, 6, 7)] * 5),  # fewer cores than shards: all share all
    ],
)
def test_engines_share_the_isolated_cores_out(shards: int, cpus: list[tuple[int, ...]]) -> None:
    topology = Topology(cores=tuple(Core((n,), 0, 0, n // 4) for n in range(16)), memory={0: 64 << 30})
    plan = make_plan(topology, Policy(engine_shards=shards))
    isolated = plan.classes["isolated"]
    names = ["engine", *(f"engine-{number}" for number in range(1, shards))]
    assert [tuple(4 + isolated.index(cpu) for cpu in plan.services[name].cpus) for name in names] == cpus
    assert list(plan.services)[shards:] == list(make_plan(topology, Policy()).services)[1:]
    assert {outcome(plan)["slices"][name]["NUMAPolicy"] for name in names} == {"bind"}
    lacking = f"engine shards: 4 isolated cores for {shards}, which share them"
    assert (lacking in plan.given_up) == (shards > 4)


def test_production_refuses_more_shards_than_isolated_cores() -> None:
    with pytest.raises(RefusedPlanError, match="engine shards: 4 isolated cores for 5"):
        make_plan(host(32), Policy(engine_shards=5, production=True))


@pytest.mark.parametrize(
    ("policy", "complaint"),
    [
        ("isolated_coers: 3\n", "isolated_coers"),
        ("irq_cores: 0\n", "irq_cores"),
        ("engine_shards: 65\n", "engine_shards"),
        ("- 1\n", "the file"),
        ("nic_node: 7\n", "expected a NUMA node with online CPUs: [0]"),
        ("nic: eth9\n", "the topology has none"),
    ],
)
def test_bad_policies_name_the_field(tmp_path: Path, policy: str, complaint: str) -> None:
    (tmp_path / "policy.yml").write_text(policy)
    (tmp_path / "topology.xml").write_text(
        '<topology version="2.0"><object type="Machine" os_index="0" cpuset="0x3">'
        '<object type="NUMANode" os_index="0" cpuset="0x3" local_memory="1"/>'
        '<object type="Core" os_index="0" cpuset="0x1"/><object type="Core" os_index="1" cpuset="0x2"/>'
        "</object></topology>"
    )
    arguments = ["plan", "--topology", str(tmp_path / "topology.xml"), "--policy", str(tmp_path / "policy.yml")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.split())


def test_a_plan_does_not_depend_on_how_much_of_a_nodes_memory_is_counted_yet(tmp_path: Path) -> None:
    plans = set()
    for counted in (3 << 30, 8 << 30):
        (tmp_path / "topology.xml").write_text(
            '<topology version="2.0"><object type="Machine" os_index="0" cpuset="0x3">'
            f'<object type="NUMANode" os_index="0" cpuset="0x3" local_memory="{counted}"/>'
            '<object type="Core" os_index="0" cpuset="0x1"/><object type="Core" os_index="1" cpuset="0x2"/>'
            "</object></topology>"
        )
        arguments = ["plan", "--json", "--topology", str(tmp_path / "topology.xml"), "--memory-mib", "5120"]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        plans.add(result.output)
    (plan,) = plans
    assert "which has 5.0 GiB" in plan
    assert CliRunner().invoke(app, [*arguments, "--memory-mib", "0"]).exit_code == 2


def test_of_several_nodes_the_topology_says_what_each_has() -> None:
    two = Topology(cores=(), memory={0: 1, 1: 2})
    assert with_memory(two, 5).memory == {0: 1, 1: 2}


@pytest.mark.parametrize(
    "text", ["<html/>", '<topology version="2.0"><object type="Machine" cpuset="0x1"/></topology>']
)
def test_other_xml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.xml").write_text(text)
    result = CliRunner().invoke(app, ["plan", "--topology", str(tmp_path / "other.xml")])
    assert (result.exit_code, "lstopo-no-graphics" in result.output) == (2, True)


def test_cpu_lists_and_masks() -> None:
    assert format_cpus([8, 0, 2, 1]) == "0-2,8"
    assert format_cpus([]) == ""
    assert parse_mask("0x00000001,0x00000000") == {32}
    assert parse_mask("0x00ff00ff") == {*range(8), *range(16, 24)}
