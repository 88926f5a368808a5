"""What follows from a plan's classes: the kernel command line, IRQ map, hugepages, slices and thread counts."""

from __future__ import annotations

from typing import Any

from cift.ops.plan.cpulist import format_cpus
from cift.ops.plan.planner import Plan
from cift.ops.plan.services import engine_names


def outcome(plan: Plan) -> dict[str, Any]:
    """Return the plan as JSON-ready data; the keys are those of the `cpu_plan` role's fact."""
    return {
        "cpu_model": plan.topology.cpu_model,
        "nic_node": plan.nic_node,
        "classes": {name: list(cpus) for name, cpus in plan.classes.items()},
        "services": {
            name: {"cpus": list(place.cpus), "numa_node": place.numa_node} for name, place in plan.services.items()
        },
        "kernel_cmdline": kernel_cmdline(plan),
        "hugepages": {str(node): sizes for node, sizes in plan.hugepages.items()},
        "irq": irq(plan),
        "slices": slices(plan),
        "threads": threads(plan),
        "given_up": list(plan.given_up),
    }


def kernel_cmdline(plan: Plan) -> str:
    """Return the arguments, none of them empty; a host without isolated CPUs gets none of the isolation's."""
    isolated = format_cpus(plan.classes["isolated"])
    arguments = []
    if isolated:
        arguments += [
            f"isolcpus=managed_irq,domain,{isolated}",
            f"nohz_full={isolated}",
            f"rcu_nocbs={isolated}",
            "rcupdate.rcu_normal_after_boot=1",
            "rcutree.nohz_full_patience_delay=1000",
        ]
    arguments += [
        f"irqaffinity={format_cpus(plan.classes['housekeeping'])}",
        "skew_tick=1",
        "nmi_watchdog=0",
        "nosoftlockup",
        "transparent_hugepage=madvise",
        "iommu=pt",
        f"amd_pstate={plan.policy.amd_pstate}",
    ]
    large = {node: counts["1G"] for node, counts in plan.hugepages.items() if counts["1G"]}
    if large:
        arguments += ["hugepagesz=1G", "hugepages=" + ",".join(f"{node}:{n}" for node, n in large.items())]
    return " ".join(arguments)


def irq(plan: Plan) -> dict[str, Any]:
    """Return the NIC's queues (one for each irq core, on its first CPU) and where every other interrupt goes."""
    chosen = [core for core in plan.topology.cores if core.cpus[0] in plan.classes["irq"]]
    cpus = [core.cpus[0] for core in chosen] or [
        cpu for cpu in plan.classes["housekeeping"] if _node(plan, cpu) == plan.nic_node
    ][:1]
    return {
        "default_affinity": format_cpus(plan.classes["housekeeping"]),
        "nic_queues": len(cpus),
        "queue_cpus": cpus,
    }


def slices(plan: Plan) -> dict[str, dict[str, str]]:
    """Return the systemd properties of each service's slice and of everything else."""
    engines = engine_names(plan.policy.engine_shards)
    properties = {
        name: {
            "AllowedCPUs": format_cpus(place.cpus),
            "NUMAPolicy": "bind" if name in engines else "preferred",
            "NUMAMask": str(place.numa_node),
        }
        for name, place in plan.services.items()
    }
    return {"system": {"CPUAffinity": format_cpus(plan.classes["housekeeping"])}, **properties}


def threads(plan: Plan) -> dict[str, Any]:
    """Return the thread settings of the data services."""
    return {
        "nats_gomaxprocs": len(plan.services["nats"].cpus),
        "clickhouse_max_threads": len(plan.services["clickhouse"].cpus),
        "cache_proactor_cpu_list": list(plan.services["cache"].cpus),
        "api_workers": max(1, len(plan.services["api"].cpus)),
    }


def _node(plan: Plan, cpu: int) -> int:
    return next(core.node for core in plan.topology.cores if cpu in core.cpus)
