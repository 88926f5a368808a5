"""A host's topology, read from hwloc's XML (`lstopo-no-graphics --of xml`), versions 2 and 3 of the format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml import ElementTree

from cift.ops.plan.cpulist import parse_mask

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_NETWORK = {2: 2, 3: 16}  # osdev_type of a network interface: an enumeration until hwloc 2, a bit from hwloc 3 on


class TopologyError(ValueError):
    """The file is not a topology that a plan can be made from; the message names file, element and expectation."""


@dataclass(frozen=True)
class Core:
    """A physical core: its online CPUs (SMT siblings), and where it sits. `ccx` numbers L3 caches over the machine."""

    cpus: tuple[int, ...]
    package: int
    node: int
    ccx: int


@dataclass(frozen=True)
class Topology:
    """What a plan needs to know of a host. Memory is in bytes by NUMA node, 0 where the file doesn't say."""

    cores: tuple[Core, ...]
    memory: dict[int, int]
    nics: dict[str, int] = field(default_factory=dict)
    cpu_model: str = "unknown CPU"

    @property
    def cpus(self) -> tuple[int, ...]:
        """Return all online CPUs, sorted."""
        return tuple(sorted(cpu for core in self.cores for cpu in core.cpus))


def read_topology(path: Path) -> Topology:
    """Read hwloc's XML.

    Raises:
        TopologyError: the file can't be read, is truncated or is not hwloc's, or names no usable CPU.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise TopologyError(
            f"{path}: {error.strerror}; expected a file made by 'lstopo-no-graphics --of xml'"
        ) from error
    except ElementTree.ParseError as error:
        raise TopologyError(f"{path}: not well-formed XML ({error}); make it again with lstopo-no-graphics") from error
    try:
        if root is None:
            raise ValueError("found an empty document")
        return _read(root)
    except (KeyError, ValueError) as error:
        raise TopologyError(f"{path}: {error}; expected the output of 'lstopo-no-graphics --of xml'") from error


def with_memory(topology: Topology, size: int) -> Topology:
    """Return the topology of a host that has `size` bytes of memory.

    Of one NUMA node: a virtual machine's kernel may count a node's memory only as it is first used, and what a plan
    is made from must not grow with it. Of several nodes the topology itself has to say what each has.
    """
    return replace(topology, memory=dict.fromkeys(topology.memory, size)) if len(topology.memory) == 1 else topology


def _read(root: Element) -> Topology:
    machine = root.find("./object[@type='Machine']")
    if root.tag != "topology" or machine is None:
        raise ValueError(f"found <{root.tag}> without a Machine")
    major = int(float(root.get("version", "2.0")))
    allowed = parse_mask(machine.get("allowed_cpuset") or machine.attrib["cpuset"])
    numa = {
        int(node.attrib["os_index"]): (parse_mask(node.attrib["cpuset"]), int(node.get("local_memory", "0")))
        for node in machine.iter("object")
        if node.get("type") == "NUMANode"
    }
    if not numa:
        raise ValueError("found no NUMANode")
    cores = tuple(sorted(_cores(machine, allowed, {n: cpus for n, (cpus, _) in numa.items()}), key=lambda c: c.cpus))
    if not cores:
        raise ValueError("found no online CPU")
    return Topology(
        cores=cores,
        memory={node: size for node, (_, size) in sorted(numa.items())},
        nics=dict(sorted(_nics(machine, _NETWORK[3 if major >= 3 else 2], min(numa)))),
        cpu_model=next(
            (" ".join(i.get("value", "").split()) for i in machine.iter("info") if i.get("name") == "CPUModel"),
            "unknown CPU",
        ),
    )


def _cores(machine: Element, allowed: frozenset[int], nodes: dict[int, frozenset[int]]) -> Iterator[Core]:
    """Yield the cores; where the machine shows no L3 cache (many virtual ones), a NUMA node counts as one."""
    caches = [parse_mask(o.attrib["cpuset"]) for o in machine.iter("object") if o.get("type") == "L3Cache"]
    packages = {
        int(o.get("os_index", "0")): parse_mask(o.attrib["cpuset"])
        for o in machine.iter("object")
        if o.get("type") == "Package"
    }
    for element in machine.iter("object"):
        if element.get("type") != "Core":
            continue
        cpus = tuple(sorted(parse_mask(element.attrib["cpuset"]) & allowed))
        if not cpus:
            continue
        node = next((n for n, members in sorted(nodes.items()) if cpus[0] in members), min(nodes))
        ccx = next((i for i, members in enumerate(caches) if cpus[0] in members), len(caches) + node)
        package = next((p for p, members in sorted(packages.items()) if cpus[0] in members), 0)
        yield Core(cpus=cpus, package=package, node=node, ccx=ccx)


def _nics(element: Element, network: int, node: int) -> Iterator[tuple[str, int]]:
    """Yield each network interface with the node of the nearest ancestor that has one."""
    nodes = parse_mask(element.get("nodeset", "") or "0x0")
    here = min(nodes) if len(nodes) == 1 else node
    for child in element.findall("object"):
        if child.get("type") == "OSDev" and int(child.get("osdev_type", "-1")) == network:
            yield child.get("name", "?"), here
        yield from _nics(child, network, here)
