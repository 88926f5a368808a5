"""The behaviours of a tuned host, read from folders that stand in for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.proof_host import SAMPLES, Host, subject_of

from ansible.module_utils import proof_cheap, proof_irqs, proof_log, proof_tasks  # isort: skip
from ansible.module_utils.proof_interrupts import Counts, parse  # isort: skip


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def cheap(host: Host, during: Any = lambda: None, **known: Any) -> dict[str, dict[str, Any]]:
    """Return the rows by their names; `during` changes the host while it is watched."""
    rows = proof_cheap.rows(subject_of(host, **known), 10, lambda seconds: during())
    return {row["setting"]: row for row in rows}


def verdicts(rows: dict[str, dict[str, Any]]) -> set[str]:
    return {row["verdict"] for row in rows.values()}


class TestParse:
    def test_a_real_file(self) -> None:
        found = parse((SAMPLES / "interrupts-2-cpus.txt").read_text())
        assert set(found.counts["LOC"]) == {0, 1}
        assert found.name("36") == "36 virtio1-req.0"
        assert found.counts["ERR"] == {0: 0}

    def test_a_cpu_is_offline_and_a_line_is_cut(self) -> None:
        text = "        CPU0       CPU2\n LOC:   5   7  Local timer\n  36:   1"
        found = parse(text)
        assert found.counts == {"LOC": {0: 5, 2: 7}, "36": {0: 1}}
        assert parse("").counts == parse("nonsense").counts == {}

    @given(st.text())
    def test_no_text_breaks_it(self, text: str) -> None:
        parse(text)

    @given(
        st.dictionaries(st.integers(0, 64), st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), min_size=1),
        st.sets(st.integers(0, 64)),
    )
    def test_what_came_is_the_difference_on_the_chosen_cpus(
        self, by_cpu: dict[int, tuple[int, int]], chosen: set[int]
    ) -> None:
        before = Counts({}, {"LOC": {cpu: old for cpu, (old, _) in by_cpu.items()}})
        after = Counts({}, {"LOC": {cpu: old + more for cpu, (old, more) in by_cpu.items()}})
        wanted = {cpu: more for cpu, (_, more) in by_cpu.items() if cpu in chosen and more}
        assert after.since(before, chosen).get("LOC", {}) == wanted


class TestInterrupts:
    def test_a_quiet_host_passes(self, host: Host) -> None:
        rows = cheap(host)
        assert rows["interrupts on isolated CPUs"]["verdict"] == "pass"
        assert rows["interrupts on isolated CPUs"]["live"] == "none on CPUs 4-7"
        assert rows["timer ticks on isolated CPUs"]["live"] == "0.00 a second at most"

    def test_a_device_s_interrupt_on_an_isolated_cpu_is_named(self, host: Host) -> None:
        host.count({"36": [0] * 8}, names={"36": "eth0-TxRx-3"})
        row = cheap(host, lambda: host.count({"36": [9, 9, 0, 0, 0, 3, 4, 0]}, names={"36": "eth0-TxRx-3"}))
        found = row["interrupts on isolated CPUs"]
        assert (found["verdict"], found["live"]) == ("fail", "36 eth0-TxRx-3 7 on 5-6")

    def test_a_tick_a_second_is_the_kernel_s_own_and_250_are_not(self, host: Host) -> None:
        slow = cheap(host, lambda: host.count({"LOC": [2500, 9, 9, 9, 10, 10, 10, 10]}))
        assert slow["timer ticks on isolated CPUs"]["verdict"] == "pass"
        host.count({})
        fast = cheap(host, lambda: host.count({"LOC": [2500, 9, 9, 9, 10, 2500, 10, 10]}))
        assert fast["timer ticks on isolated CPUs"]["verdict"] == "fail"
        assert "250.00 a second at most, too many on 5" in fast["timer ticks on isolated CPUs"]["live"]
        assert fast["interrupts on isolated CPUs"]["verdict"] == "pass"

    @pytest.mark.parametrize(("count", "verdict"), [(10, "pass"), (11, "fail")])
    def test_a_function_call_now_and_then_is_the_kernel_s_own(self, host: Host, count: int, verdict: str) -> None:
        found = cheap(host, lambda: host.count({"CAL": [0, 0, 0, 0, 0, count, 0, 0]}))["interrupts on isolated CPUs"]
        assert found["verdict"] == verdict

    def test_woken_threads_of_a_service_interrupt_their_own_cpu_alone(self, host: Host) -> None:
        host.count({"RES": [0] * 8})
        host.task(40, "engine", "4-7", last=5, unit="cift-engine.service")
        assert cheap(host, lambda: host.count({"RES": [0, 0, 0, 0, 0, 9, 0, 0]}))["interrupts on isolated CPUs"][
            "verdict"
        ] == ("pass")
        host.count({"RES": [0] * 8})
        found = cheap(host, lambda: host.count({"RES": [0, 0, 0, 0, 9, 9, 0, 0]}))["interrupts on isolated CPUs"]
        assert (found["verdict"], found["live"]) == ("fail", "RES 9 on 4")

    def test_a_cpu_is_offline(self, tmp_path: Path) -> None:
        host = Host(tmp_path, online="0-5,7")
        host.count({}, [0, 1, 2, 3, 4, 5, 7])
        rows = cheap(host)
        assert rows["isolated CPUs online"]["verdict"] == "fail"
        assert (rows["isolated CPUs online"]["wanted"], rows["isolated CPUs online"]["live"]) == ("4-7", "4-5,7")
        assert rows["interrupts on isolated CPUs"]["live"] == "none on CPUs 4-5,7"

    def test_a_file_that_is_missing_is_no_pass(self, host: Host) -> None:
        host.put("/proc/interrupts", "")
        assert cheap(host)["interrupts on isolated CPUs"]["verdict"] == "fail"
        assert cheap(host)["timer ticks on isolated CPUs"]["verdict"] == "skip"


class TestTasks:
    def test_what_belongs_there(self, host: Host) -> None:
        host.task(1, "systemd", "0-3", unit="init.scope")
        host.task(20, "migration/4", "4", kernel=True)
        host.task(21, "kworker/5:1H-events", "5", kernel=True)
        host.task(22, "kworker/u16:3", "0-3", kernel=True)
        host.task(23, "mm_percpu_wq", "0-7", kernel=True, worker=True)  # a rescuer's name before Linux 6.8
        host.task(24, "kworker/R-netns", "0-7", kernel=True, worker=True)
        host.task(30, "engine", "4-7", last=4, unit="cift-engine.service")
        assert cheap(host)["tasks allowed on isolated CPUs"]["verdict"] == "pass"

    def test_what_does_not(self, host: Host) -> None:
        host.task(1, "systemd", "0-7", unit="init.scope")
        host.task(22, "kworker/u16:3", "0-7", kernel=True)
        host.task(25, "writeback", "6", kernel=True)
        host.task(31, "a) name (b", "6", unit="cron.service")
        for pid in (40, 41):
            host.task(pid, "nats-server", "2-4", unit="nats.service")
        found = cheap(host)["tasks allowed on isolated CPUs"]
        assert found["verdict"] == "fail"
        for text in (
            "systemd (init.scope) on 4-7",
            "kworker/u16:3 on 4-7",
            "writeback on 6",
            "a) name (b (cron.service) on 6",
            "nats-server (nats.service) x2 on 4",
        ):
            assert text in found["live"]

    def test_files_cut_short_are_tasks_that_ended(self, host: Host) -> None:
        host.task(1, "systemd", "0-3")
        host.have("/proc/50/task/50/status", "Name:\tgone\n")
        host.have("/proc/51/task/51/status", "Name:\todd\nCpus_allowed_list:\t0-x\n")
        host.have("/proc/51/task/51/stat", "51 (odd")
        assert [task.name for task in proof_tasks.tasks(host)] == ["systemd"]

    def test_nothing_in_proc_is_no_pass(self, host: Host) -> None:
        assert cheap(host)["tasks allowed on isolated CPUs"]["verdict"] == "fail"


STATES = {"POLL": (0, 5), "C1": (1, 100), "C2": (18, 7)}


class TestIdle:
    def test_c1_is_fast_enough_and_c2_is_not(self, host: Host) -> None:
        for cpu in (1, 4, 5, 6, 7):
            host.idle(cpu, STATES)
        row = "deep idle states on isolated and irq CPUs"
        more = {**STATES, "C1": (1, 900)}
        assert cheap(host, lambda: host.idle(4, more))[row]["verdict"] == "pass"
        deep = {**STATES, "C2": (18, 12)}
        found = cheap(host, lambda: [host.idle(cpu, deep) for cpu in (1, 6)])[row]
        assert (found["verdict"], found["live"]) == ("fail", "C2 10 times on 1,6")

    def test_where_there_are_none_or_nobody_cares(self, host: Host) -> None:
        row = "deep idle states on isolated and irq CPUs"
        assert cheap(host)[row]["why"] == "no idle states to choose from"
        host.idle(4, STATES)
        assert "kernel_idle_exit_us is null" in cheap(host, idle_exit_us=None)[row]["why"]

    def test_odd_files_are_left_out(self, host: Host) -> None:
        host.idle(4, STATES)
        host.have("/sys/devices/system/cpu/cpu4/cpuidle/state2/usage", "(null)\n")
        assert cheap(host)["deep idle states on isolated and irq CPUs"]["verdict"] == "pass"


class TestSkips:
    def test_a_container_says_so_in_every_row(self, tmp_path: Path) -> None:
        rows = cheap(Host(tmp_path, "systemd-nspawn"))
        assert verdicts(rows) == {"skip"}
        assert all("container (systemd-nspawn)" in row["why"] for row in rows.values())
        assert len(rows) == 7

    def test_a_plan_without_isolated_cpus(self, host: Host) -> None:
        plan = {"classes": {"isolated": [], "irq": []}, "services": {}, "kernel_cmdline": ""}
        rows = cheap(host, plan=plan)
        assert rows["interrupts on isolated CPUs"]["why"] == "the plan isolates no CPU on this host"
        assert rows["kernel warnings since boot"]["verdict"] == "pass"

    def test_before_the_reboot(self, tmp_path: Path) -> None:
        host = Host(tmp_path, isolated="")
        assert "the next boot brings it" in cheap(host)["timer ticks on isolated CPUs"]["why"]


class TestKernelLog:
    @pytest.mark.parametrize(
        "line",
        [
            "WARNING: CPU: 3 PID: 99 at kernel/time/tick-sched.c:1 tick_nohz_stop_tick+0x1/0x2",
            'Unknown kernel command line parameters "BOOT_IMAGE=/vmlinuz rcutree.nohz_full_patience_delay=1"',
            "HugeTLB: allocating 2 of page size 1.00 GiB failed.  Only allocated 1 hugepages.",
            "NETDEV WATCHDOG: eth0 (ice): transmit queue 3 timed out 5120 ms",
            "sched: RT throttling activated",
            "mce: [Hardware Error]: Machine check events logged",
            "[    1.234567] tsc: Marking TSC unstable due to clocksource watchdog",
            "watchdog: BUG: soft lockup - CPU#5 stuck for 22s!",
        ],
    )
    def test_complaints_fail(self, host: Host, line: str) -> None:
        host.answers["journalctl"] = f"Linux version 6.12\n{line}\n"
        assert cheap(host)["kernel warnings since boot"]["verdict"] == "fail"

    def test_what_is_none(self, host: Host) -> None:
        host.answers["journalctl"] = (
            'Kernel command line: BOOT_IMAGE=/vmlinuz nohz_full=4-7\nUnknown kernel command line parameters "splash"\n'
            "HugeTLB: registered 1.00 GiB page size, pre-allocated 2 pages\nNO_HZ: Full dynticks CPUs: 4-7.\n"
            "x86/cpu: SGX disabled by BIOS.\nEDAC MC0: Giving out device to module amd64_edac\n"
        )
        assert cheap(host)["kernel warnings since boot"]["verdict"] == "pass"

    def test_a_virtual_machine_is_stopped_by_its_machine(self, host: Host) -> None:
        host.vm = True
        host.answers["journalctl"] = (
            "clocksource: Marking clocksource 'tsc' as unstable because the skew is too large:\n"
        )
        row = cheap(host)["kernel warnings since boot"]
        assert row["verdict"] == "skip"
        assert "virtual machine" in row["why"]

    def test_what_the_inventory_knows(self, host: Host) -> None:
        host.answers["journalctl"] = "sched: RT throttling activated\n"
        assert cheap(host, tolerated=["RT throttling"])["kernel warnings since boot"]["verdict"] == "pass"

    def test_nobody_shows_the_log(self, host: Host) -> None:
        del host.answers["journalctl"]
        assert "neither journalctl nor dmesg" in cheap(host)["kernel warnings since boot"]["why"]

    @pytest.mark.parametrize(
        ("bits", "verdict", "live"),
        [
            ("0", "pass", "none"),
            ("4097", "pass", "modules alone"),
            ("512", "fail", "W (warning)"),
            ("16", "fail", "M ("),
        ],
    )
    def test_taint(self, host: Host, bits: str, verdict: str, live: str) -> None:
        host.have("/proc/sys/kernel/tainted", bits)
        row = cheap(host)["kernel taint"]
        assert row["verdict"] == verdict
        assert live in row["live"]

    def test_a_soft_lockup_of_a_virtual_machine(self, host: Host) -> None:
        host.vm = True
        host.have("/proc/sys/kernel/tainted", "16384")
        assert cheap(host)["kernel taint"]["verdict"] == "skip"
        assert proof_log.sort_out("a\na\n") == ([], [])


class TestEffectiveInterrupts:
    NOW = Counts({}, {"24": {}, "25": {}, "26": {}})

    def one(self, number: int, effective: str, wanted: list[int], *, kept: bool = False) -> dict[str, Any]:
        name = f"eth0-rx-{number}"
        return {"number": number, "name": name, "wanted": wanted, "effective": effective, "kept": kept}

    def test_where_planned_kept_or_quiet(self) -> None:
        state = [self.one(24, "1", [1, 2]), self.one(25, "5", [1], kept=True), self.one(26, "5", [1])]
        row = proof_irqs.compare(state, self.NOW, {"24": {1: 3}}, "said")
        assert (row["verdict"], row["live"]) == (
            "pass",
            "1 where planned, 1 kept by the kernel, 1 without an interrupt since (said)",
        )

    def test_elsewhere_after_it_came(self) -> None:
        row = proof_irqs.compare([self.one(26, "5", [1])], self.NOW, {"26": {5: 1}}, "")
        assert (row["verdict"], row["live"]) == ("fail", "26 eth0-rx-26 on 5, planned 1")

    def test_the_default_gateway(self) -> None:
        head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"
        line = "eth0\t00000000\t0104A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
        assert proof_irqs.default_gateway(head + line) == "192.168.4.1"
        assert proof_irqs.default_gateway(head + "eth0\t0004A8C0") is None

    def test_the_program_is_asked(self, host: Host) -> None:
        assert "has not run" in proof_irqs.row(subject_of(host))["why"]
        program = "/usr/local/lib/cift/cift-irq"
        host.answers |= {program: json.dumps([self.one(24, "1", [1])])}
        assert proof_irqs.row(subject_of(host))["verdict"] == "pass"
