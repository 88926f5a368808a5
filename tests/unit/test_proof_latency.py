"""What rt-tests write, how it is judged, and that nothing of them is left running."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.machine import ROLES
from tests.unit.proof_host import SAMPLES, Host, subject_of

from ansible.module_utils import proof_latency, proof_run  # isort: skip
from ansible.module_utils.proof_figures import Histogram, hwlat, rt_tests  # isort: skip
from ansible.module_utils.proof_run import EndedError, Progress  # isort: skip

LIMITS = {"cyclictest": 20.0, "oslat": 20.0, "hwlatdetect": 20.0}


class TestFigures:
    @pytest.mark.parametrize("name", ["cyclictest-2.4", "cyclictest-2.6", "oslat-2.4", "oslat-2.6"])
    def test_what_both_releases_of_debian_write(self, name: str) -> None:
        result = json.loads((SAMPLES / f"{name}.json").read_text())
        (one,) = rt_tests(result).values()
        thread = result["thread"]["0"]
        assert one.max == thread["max"]
        assert one.n == thread.get("cycles", one.n) > 500
        assert one.percentile(50) <= one.percentile(99) <= one.percentile(99.9) <= one.max

    def test_what_is_beyond_the_last_bucket_counts(self) -> None:
        result = {"thread": {"0": {"cpu": 4, "max": 900, "cycles": 100, "histogram": {"3": 98}}}}
        one = rt_tests(result)[4]
        assert (one.n, one.over, one.percentile(98), one.percentile(99)) == (100, 2, 3, 900)

    @pytest.mark.parametrize("result", [{}, {"thread": {}}, {"thread": {"0": {"cpu": 1}}}, {"thread": None}])
    def test_what_is_cut_short_is_refused(self, result: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"expected thread|measured nothing"):
            rt_tests(result)

    def test_hwlatdetect(self) -> None:
        quiet = "test finished\nMax Latency: Below threshold\nSamples recorded: 0\nSamples exceeding threshold: 0\n"
        assert hwlat(quiet) == (0.0, 0)
        assert hwlat("Max Latency: 27us\nSamples recorded: 3\nSamples exceeding threshold: 3\n") == (27.0, 3)
        with pytest.raises(ValueError, match="no 'Max Latency'"):
            hwlat("interrupted")

    @given(st.lists(st.integers(0, 500), min_size=1), st.floats(0, 100, exclude_min=True))
    def test_a_percentile_is_the_least_that_enough_samples_stay_below(self, samples: list[int], wanted: float) -> None:
        one = Histogram({value: samples.count(value) for value in samples}, 0, max(samples))
        found = one.percentile(wanted)
        assert sum(sample <= found for sample in samples) >= len(samples) * wanted / 100 - 1e-9
        assert sum(sample < found for sample in samples) < len(samples) * wanted / 100 + 1e-9

    @given(st.lists(st.dictionaries(st.integers(0, 99), st.integers(1, 9), min_size=1), min_size=1))
    def test_histograms_add_up(self, parts: list[dict[int, int]]) -> None:
        whole = Histogram()
        for part in parts:
            whole.add(Histogram(dict(part), 1, 100 + max(part)))
        summary = whole.summary()
        assert summary["n"] == sum(sum(part.values()) for part in parts) + len(parts)
        assert summary["max"] == 100 + max(max(part) for part in parts)
        assert sum(count for _, count in summary["histogram"]) + summary["over"] == summary["n"]


def measured(monkeypatch: pytest.MonkeyPatch, host: Host, maximum: float = 7.0, **known: Any) -> dict[str, Any]:
    """Return the rows of a run in which the programs answer with one sample on each of their CPUs."""

    def answer(command: list[str], *_: object, **__: object) -> tuple[dict[str, Any], str]:
        threads = {
            str(cpu): {"cpu": cpu, "max": maximum, "cycles": 2, "histogram": {"1": 1, str(int(maximum)): 1}}
            for cpu in (4, 6)
        }
        return {"thread": threads}, "Max Latency: Below threshold\n"

    monkeypatch.setattr(proof_latency, "measure", answer)
    progress = Progress(host.root)
    rows = proof_latency.run(subject_of(host, **known), 10, LIMITS, progress, 0)
    return {row["setting"]: row for row in rows}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.answers |= {"cyclictest": "", "oslat": "", "hwlatdetect": ""}
    host.have("/sys/kernel/tracing/available_tracers", "hwlat function nop\n")
    return host


class TestJudged:
    def test_within_the_limits(self, monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
        rows = measured(monkeypatch, host)
        assert [row["verdict"] for row in rows.values()] == ["pass"] * 4
        assert rows["oslat"]["figures"]["limit"] == 20
        assert rows["oslat"]["figures"]["cpus"]["6"] == {"p999": 7.0, "max": 7.0}
        assert rows["cyclictest"]["wanted"] == "at most 20 us"

    def test_beyond_them(self, monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
        rows = measured(monkeypatch, host, maximum=21.0)
        assert {name: row["verdict"] for name, row in rows.items()} == {
            "hwlatdetect": "pass", "cyclictest": "fail", "oslat": "fail", "timer ticks under oslat": "pass",
        }  # fmt: skip

    def test_a_tracer_that_the_kernel_lacks(self, monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
        host.have("/sys/kernel/tracing/available_tracers", "function nop\n")
        rows = measured(monkeypatch, host)
        assert rows["hwlatdetect"]["why"] == "this kernel was built without the hwlat tracer"

    def test_a_program_that_is_missing(self, monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
        del host.answers["oslat"]
        rows = measured(monkeypatch, host)
        assert (rows["oslat"]["verdict"], "not installed" in rows["oslat"]["why"]) == ("skip", True)

    def test_a_container_measures_wake_ups_and_judges_nothing(
        self, monkeypatch: pytest.MonkeyPatch, host: Host
    ) -> None:
        host.have("/run/systemd/container", "systemd-nspawn")
        rows = measured(monkeypatch, host, maximum=900.0)
        assert [row["verdict"] for row in rows.values()] == ["skip"] * 3
        assert rows["cyclictest"]["figures"]["max"] == 900
        assert rows["cyclictest"]["why"].startswith("measured, not judged: container")
        assert "figures" not in rows["oslat"]

    def test_the_engine_s_cpu_is_left_to_it(self, host: Host) -> None:
        host.task(30, "engine", "4-7", last=4, unit="cift-engine.service")
        assert proof_latency.place(subject_of(host)).cpus == {5, 6, 7}
        for pid, cpu in enumerate((5, 6, 7), start=31):
            host.task(pid, "engine", "4-7", last=cpu, unit="cift-engine.service")
        assert "stop them to measure there" in proof_latency.place(subject_of(host)).unjudged

    def test_a_program_that_was_killed_fails_the_row(self, monkeypatch: pytest.MonkeyPatch, host: Host) -> None:
        def killed(*_: object, **__: object) -> None:
            raise EndedError("oslat was killed by SIGKILL before it had a result")

        monkeypatch.setattr(proof_latency, "measure", killed)
        rows = proof_latency.run(subject_of(host), 1, LIMITS, Progress(host.root), 0)
        assert [row["verdict"] for row in rows] == ["fail", "fail", "fail", "pass"]
        # Where nothing is judged it is reported all the same, with its reason.
        rows = proof_latency.run(subject_of(host), 1, {"cyclictest": 20}, Progress(host.root), 0)
        assert [row["verdict"] for row in rows] == ["skip", "fail", "skip", "pass"]
        assert "the inventory has no limit: oslat was killed" in rows[2]["why"]

    def test_a_tracer_that_a_killed_hwlatdetect_left_is_stopped(self, host: Host) -> None:
        host.have("/sys/kernel/tracing/current_tracer", "hwlat\n")
        proof_latency.stop_tracer(host)
        assert host.read("/sys/kernel/tracing/current_tracer") == "nop"


def running(word: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if words[0] == b"sleep" and word.encode() in words:
            found.append(path.parent.name)
    return found


class TestRun:
    def test_what_it_printed_and_how_it_ended(self, tmp_path: Path) -> None:
        said: list[float] = []
        text, status = proof_run.run(["sh", "-c", "echo out; echo err >&2; exit 3"], 1, Progress(tmp_path), said.append)
        assert (text, status) == ("out\nerr\n", 3)
        with pytest.raises(EndedError, match="exit status 3: why"):
            proof_run.measure(["sh", "-c", "echo why; exit 3"], 1, Progress(tmp_path), said.append)

    def test_a_result_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(EndedError, match="left no result"):
            proof_run.measure(["true"], 1, Progress(tmp_path), lambda elapsed: None)

    def test_killed_by_somebody(self, tmp_path: Path) -> None:
        with pytest.raises(EndedError, match="killed by SIGKILL"):
            proof_run.measure(["sh", "-c", "kill -9 $$"], 1, Progress(tmp_path), lambda elapsed: None)

    def test_one_that_hangs_is_ended(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(proof_run, "GRACE_S", 0.2)
        mark = f"31{os.getpid()}1"
        with pytest.raises(EndedError, match="didn't end"):
            proof_run.run(["sleep", mark], 0.1, Progress(tmp_path), lambda elapsed: None)
        assert running(mark) == []

    def test_nobody_waits_any_more(self, tmp_path: Path) -> None:
        mark = f"31{os.getpid()}2"
        with pytest.raises(EndedError, match="nobody waits"):
            proof_run.run(["sleep", mark], 60, Progress(tmp_path, patience=0.2), lambda elapsed: None)
        assert running(mark) == []

    def test_somebody_who_asks_keeps_it_going(self, tmp_path: Path) -> None:
        progress = Progress(tmp_path, patience=0.3)
        progress.asked.parent.mkdir(parents=True)
        assert proof_run.run(["sleep", "1"], 5, progress, lambda elapsed: progress.asked.touch())[1] == 0

    def test_the_program_dies_with_whoever_started_it(self, tmp_path: Path) -> None:
        mark = f"31{os.getpid()}3"
        code = (
            "import ansible.module_utils as u, pathlib\n"
            f"u.__path__.append({str(ROLES / 'proof/module_utils')!r})\n"
            "from ansible.module_utils.proof_run import Progress, run\n"
            f"run(['sleep', '{mark}'], 99, Progress(pathlib.Path({str(tmp_path)!r})), lambda elapsed: None)\n"
        )
        with subprocess.Popen([sys.executable, "-c", code]) as module:
            until = time.monotonic() + 20
            while not running(mark) and time.monotonic() < until:
                time.sleep(0.05)
            assert running(mark)
            module.send_signal(signal.SIGKILL)
        while running(mark) and time.monotonic() < until:
            time.sleep(0.05)
        assert running(mark) == []

    def test_how_far_it_is(self, tmp_path: Path) -> None:
        progress = Progress(tmp_path)
        progress.say("oslat", 3.21, 10)
        known = json.loads(progress.file.read_text())
        assert (known["what"], known["elapsed"], known["total"], known["done"]) == ("oslat", 3.2, 10, False)
