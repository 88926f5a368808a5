"""A folder that stands in for a tuned host with eight CPUs, four of them isolated, for the proof's tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.machine import FakeMachine

from ansible.module_utils.proof_subject import Subject  # isort: skip

SAMPLES = Path(__file__).parent / "samples"
PLAN: dict[str, Any] = {
    "classes": {"housekeeping": [0], "irq": [1], "data": [2, 3], "isolated": [4, 5, 6, 7]},
    "services": {"engine": {"cpus": [4, 5, 6, 7], "numa_node": 0}, "nats": {"cpus": [2], "numa_node": 0}},
    "kernel_cmdline": "isolcpus=managed_irq,domain,4-7 nohz_full=4-7 rcutree.nohz_full_patience_delay=1000",
}
KNOWN: dict[str, Any] = {
    "plan": PLAN,
    "units": {"engine": "cift-engine.service"},
    "interrupts": ["LOC"],
    "service_interrupts": ["RES", "TLB"],
    "rare_interrupts": ["CAL"],
    "threads": ["migration/*", "ksoftirqd/*", "kworker/[0-9]*", "kworker/R-*"],
    "idle_exit_us": 1,
    "irq_program": "/usr/local/lib/cift/cift-irq",
}


class Host(FakeMachine):
    """Isolated and quiet unless a test says otherwise; a machine of its own unless `kind` says which container."""

    def __init__(self, root: Path, kind: str = "", *, online: str = "0-7", isolated: str = "4-7") -> None:
        super().__init__(root, {"journalctl": "Linux version 6.12\n", "systemd-detect-virt": ""})
        self.have("/sys/devices/system/cpu/online", f"{online}\n")
        self.have("/sys/devices/system/cpu/isolated", f"{isolated}\n")
        self.have("/proc/sys/kernel/tainted", "0\n")
        if kind:
            self.have("/run/systemd/container", kind)
        self.vm = False
        self.count({})

    def run(self, *argv: str) -> Any:
        answer = super().run(*argv)
        if argv[0] == "systemd-detect-virt":
            answer.returncode = 0 if self.vm else 1
        return answer

    def count(
        self, lines: dict[str, list[int]], cpus: list[int] | None = None, names: dict[str, str] | None = None
    ) -> None:
        """Have /proc/interrupts with these counts for each of the CPUs."""
        chosen = cpus if cpus is not None else list(range(8))
        text = [" " * 12 + "".join(f"CPU{cpu:<8}" for cpu in chosen)]
        table = {"LOC": [0] * len(chosen), **lines}
        text += [
            f"{name:>4}: " + " ".join(map(str, counts)) + f"   {(names or {}).get(name, 'words')}"
            for name, counts in table.items()
        ]
        self.have("/proc/interrupts", "\n".join([*text, " ERR:          0", ""]))

    def task(
        self, pid: int, name: str, allowed: str, *, kernel: bool = False, worker: bool = False, last: int = 0,
        unit: str = "",
    ) -> None:  # fmt: skip
        """Have a process of one thread."""
        flags = (0x00200000 if kernel else 0x00400000) | (0x20 if worker else 0)
        folder = f"/proc/{pid}/task/{pid}"
        self.have(
            f"{folder}/status", f"Name:\t{name}\nUmask:\t0022\nCpus_allowed:\tff\nCpus_allowed_list:\t{allowed}\n"
        )
        after = ["S", "1", "1", "1", "0", "-1", str(flags), *["0"] * 29, str(last), *["0"] * 13]
        self.have(f"{folder}/stat", f"{pid} ({name}) " + " ".join(after) + "\n")
        self.have(f"{folder}/cgroup", f"0::/cift.slice/{unit}\n" if unit else "0::/\n")

    def idle(self, cpu: int, states: dict[str, tuple[int, int]]) -> None:
        """Have idle states, by name: the latency in us and how often it was entered."""
        for number, (name, (latency, usage)) in enumerate(states.items()):
            folder = f"/sys/devices/system/cpu/cpu{cpu}/cpuidle/state{number}"
            for file, text in {"name": name, "latency": latency, "usage": usage}.items():
                self.have(f"{folder}/{file}", f"{text}\n")


def subject_of(machine: Host, **other: Any) -> Subject:
    from ansible.module_utils.proof_subject import subject

    return subject(machine, KNOWN | other)
