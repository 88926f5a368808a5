"""What a soak says about made-up series: a leak is told from noise and warm-up, a drift from what is always there."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from cift.benchmarks.soak import sampler
from cift.benchmarks.soak.__main__ import _parser
from cift.benchmarks.soak.sampler import Sample, Service, sample
from cift.benchmarks.soak.trend import trend
from cift.benchmarks.soak.verdict import Soak, judge
from cift.ops.report.html import render
from cift.ops.report.reading import read_report, write_json

HOURS = np.linspace(0, 24, 1_000)
MIB = 2.0**20


def soak(
    memory: np.ndarray,
    *,
    latencies: list[tuple[float, int]] | None = None,
    restarted: str = "",
    errors: tuple[str, ...] = (),
) -> Soak:
    samples = [
        (hour * 3_600, Sample(figures={"nats.service memory": value}, restarted=[restarted] if restarted else []))
        for hour, value in zip(HOURS.tolist(), memory.tolist(), strict=True)
    ]
    return judge("h", "2026-01-01T00:00:00+00:00", 20.0, samples, latencies or [], list(errors))


def noise(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 8 * MIB, HOURS.size)


def test_the_slope_is_that_of_the_line_under_the_noise_and_lies_in_its_interval() -> None:
    found = trend(HOURS, 200 + 3 * HOURS + np.random.default_rng(2).normal(0, 5, HOURS.size))
    assert found.low < 3 < found.high
    assert found.slope == pytest.approx(3, abs=0.15)
    # One sample in ten is far off: a mean would follow, a median doesn't.
    values = 200 + 3 * HOURS
    values[::10] += 10_000
    assert trend(HOURS, values).slope == pytest.approx(3, abs=0.1)


def test_the_interval_holds_what_it_promises() -> None:
    random = np.random.default_rng(3)
    found = [trend(HOURS[:60], random.normal(0, 1, 60)) for _ in range(400)]
    assert 0.92 < np.mean([each.low < 0 < each.high for each in found]) < 0.98


def test_a_leak_is_told_with_its_slope_and_interval() -> None:
    found = soak(300 * MIB + 5 * MIB * HOURS + noise())
    assert found.verdict == "failed"
    assert found.problems[0].startswith("nats.service memory grows by 5.")


@pytest.mark.parametrize(
    "memory",
    [
        300 * MIB + noise(),
        300 * MIB + 0.2 * MIB * HOURS + noise(),  # within what is tolerated
        300 * MIB - 4 * MIB * HOURS + noise(),
        300 * MIB * (1 - np.exp(-HOURS)) + noise(),  # warms up for hours, then stays
    ],
)
def test_noise_warm_up_and_shrinking_are_no_leak(memory: np.ndarray) -> None:
    assert soak(memory).problems == []


def latencies(last_third: float) -> list[tuple[float, int]]:
    random = np.random.default_rng(4)
    seconds = np.linspace(0, 86_400, 30_000)
    values = random.lognormal(15, 0.3, seconds.size)
    values[seconds > 57_600] *= last_third
    return list(zip(seconds.tolist(), values.astype(int).tolist(), strict=True))


def test_latencies_that_drift_are_told_and_others_not() -> None:
    assert soak(300 * MIB + noise(), latencies=latencies(1.1)).problems == []
    problems = soak(300 * MIB + noise(), latencies=latencies(1.6)).problems
    assert [problem.split(":")[0] for problem in problems] == ["order to fill, p50", "order to fill, p99"]


def test_restarts_and_failed_orders_fail_it() -> None:
    found = soak(300 * MIB + noise(), restarted="chdb.service", errors=("12 s: refused", "13 s: refused"))
    assert found.problems == ["chdb.service was restarted", "2 orders went wrong, the first at 12 s: refused"]


def test_a_process_that_is_gone_is_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.procs").write_text(f"{os.getpid()}\n{2**22 + 1}\n")
    here = Service(name="here.service", pid=os.getpid(), group=tmp_path)
    gone = Service(name="gone.service", pid=2**22 + 2, group=tmp_path)
    found = sample([here, gone], lambda: {"engine lag": 7.0})
    assert found.restarted == ["gone.service"]
    assert found.figures["here.service memory"] > MIB
    assert found.figures["here.service descriptors"] >= 3
    assert found.figures["here.service threads"] >= 1
    assert found.figures["engine lag"] == 7
    shown = "Id=a.service\nMainPID=12\nControlGroup=/system.slice/a.service\n\nId=b.service\nMainPID=0\nControlGroup=\n"
    answers = {"list-units": "a.service loaded active\nb.service loaded active\n", "show": shown}
    monkeypatch.setattr(sampler, "_systemctl", lambda verb, *_: answers[verb])
    assert [(each.name, each.pid) for each in sampler.running()] == [("a.service", 12)]


def test_it_is_in_the_report(tmp_path: Path) -> None:
    write_json(tmp_path / "soak-h.json", soak(300 * MIB + 5 * MIB * HOURS + noise(), latencies=latencies(1.0)))
    report = read_report(tmp_path, "sandbox")
    assert report.verdict == "failed"
    page = render(report)
    assert "What the services held over time" in page
    assert "an hour" in page
    assert json.loads((tmp_path / "soak-h.json").read_text())["hours"] == pytest.approx(24)


@pytest.mark.parametrize("given", [["--duration", "24"], ["--duration", "0s"], ["--duration", "-1h"], ["--rate", "0"]])
def test_bad_input_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _parser().parse_args(given)
    assert ended.value.code == 2
    assert "expected" in capsys.readouterr().err
