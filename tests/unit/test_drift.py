"""The program that looks for drift on the host itself, and the metrics that it leaves for Prometheus."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.machine import ROLES
from tests.unit.proof_host import KNOWN, Host
from tests.unit.role_code import load

from ansible.module_utils import proof_metrics  # isort: skip


def _program() -> ModuleType:
    specification = importlib.util.spec_from_file_location("cift_drift", ROLES / "proof/files/cift_drift.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


drift = _program()
progress = load("proof/library/proof_progress.py")
program = load("proof/library/proof_program.py")
SWAPPINESS = {
    "name": "vm.swappiness", "kind": "sysctl", "value": 10, "what": "swaps", "why": "swapping waits", "source": "vm",
}  # fmt: skip
METRICS = "/var/lib/metrics/cift.prom"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    host.have("/proc/sys/vm/swappiness", "10\n")
    host.have("/etc/sysctl.d/60-cift-kernel.conf", "vm.swappiness = 10\n")
    host.have("/etc/cift/settings/kernel.json", json.dumps([SWAPPINESS]))
    host.path(METRICS).parent.mkdir(parents=True)
    return host


def run(host: Host, programs: list[dict[str, Any]] | None = None) -> dict[tuple[str, str], float]:
    known = {
        "known": KNOWN,
        "window": 0,
        "metrics": METRICS,
        "tables": "/etc/cift/settings",
        "programs": programs or [],
    }
    drift.run(host, known)
    return samples(host.read(METRICS) or "")


def samples(text: str) -> dict[tuple[str, str], float]:
    """Return what Prometheus' own parser makes of the metrics."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            found[labels.get("area", sample.name), labels.get("setting", labels.get("verdict", ""))] = sample.value
    return found


class TestDrift:
    def test_as_the_role_made_it(self, host: Host) -> None:
        found = run(host)
        assert found["kernel", "vm.swappiness"] == 1
        assert found["behaviour", "interrupts on isolated CPUs"] == 1
        assert found["cift_settings", "fail"] == 1  # nobody is in this host's /proc

    def test_changed_by_hand_live_and_for_good(self, host: Host) -> None:
        host.have("/proc/sys/vm/swappiness", "60\n")
        assert run(host)["kernel", "vm.swappiness"] == 0
        host.have("/proc/sys/vm/swappiness", "10\n")
        host.have("/etc/sysctl.d/99-mine.conf", "vm.swappiness = 60\n")
        assert run(host)["kernel", "vm.swappiness"] == 0

    @pytest.mark.parametrize("text", ["", "{", "[{}]", '[{"name": "x", "kind": "magic"}]', "null", '["x"]'])
    def test_a_table_that_somebody_damaged(self, host: Host, text: str) -> None:
        host.have("/etc/cift/settings/kernel.json", text)
        assert run(host)["kernel", "/etc/cift/settings/kernel.json"] == 0

    def test_programs_that_read_back_by_themselves(self, host: Host) -> None:
        row = {"setting": "eth0 queue 0", "wanted": "1", "live": "3", "verdict": "fail", "why": "", "source": ""}
        host.answers |= {"cift-irq": json.dumps([row]), "cift-nic": "no JSON"}
        asked = [{"area": "irq", "argv": ["cift-irq"]}, {"area": "nic", "argv": ["cift-nic"]}]
        found = run(host, [*asked, {"area": "x", "argv": ["not-there"]}])
        assert found["irq", "eth0 queue 0"] == found["nic", "cift-nic"] == 0

    def test_what_was_skipped_is_counted_and_has_no_series(self, tmp_path: Path) -> None:
        host = Host(tmp_path, "systemd-nspawn")
        host.path(METRICS).parent.mkdir(parents=True)
        found = run(host, [{"area": "irq", "argv": ["cift-irq"]}])
        assert found["cift_settings", "skip"] == 7
        assert not [key for key in found if key[0] == "behaviour"]

    def test_fresh(self, host: Host, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        configuration = tmp_path / "drift.json"
        configuration.write_text(json.dumps({"metrics": METRICS, "interval": 300, "window": 10}))
        words = ["fresh", "--configuration", str(configuration), "--root", str(tmp_path)]
        assert drift.main(words) == 1
        assert "not there" in capsys.readouterr().out
        run(host)
        assert drift.main(words) == 0
        old = (host.read(METRICS) or "").replace(f"\n{proof_metrics.RUN} 1", f"\n{proof_metrics.RUN} 0")
        host.have(METRICS, old)
        assert drift.main(words) == 1

    def test_a_configuration_that_is_missing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert drift.main(["run", "--configuration", str(tmp_path / "no.json")]) == 2
        assert "expected the file of the role proof" in capsys.readouterr().err


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e"))


@given(st.dictionaries(st.tuples(TEXT, TEXT), st.sampled_from(["pass", "fail", "skip", "reboot"])))
def test_prometheus_reads_whatever_a_setting_is_called(rows: dict[tuple[str, str], str]) -> None:
    table = [{"area": area, "setting": setting, "verdict": verdict} for (area, setting), verdict in rows.items()]
    text = proof_metrics.text(table, 1.0, 2.0)
    ok = next(family for family in text_string_to_metric_families(text) if family.name == "cift_setting_ok")
    found = {(sample.labels["area"], sample.labels["setting"]): sample.value for sample in ok.samples}
    assert found == {key: float(verdict == "pass") for key, verdict in rows.items() if verdict != "skip"}


def test_a_setting_that_is_there_twice_is_as_good_as_the_worse() -> None:
    rows = [{"area": "a", "setting": "b", "verdict": verdict} for verdict in ("fail", "pass")]
    assert 'cift_setting_ok{area="a",setting="b"} 0' in proof_metrics.text(rows, 0, 0)


def test_metrics_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "cift.prom"
    proof_metrics.write(path, "x 1\n")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("x 1\n", 0o644)
    (tmp_path / "folder.prom/full").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        proof_metrics.write(tmp_path / "folder.prom", "x 2\n")
    assert {found.name for found in tmp_path.iterdir()} == {"cift.prom", "folder.prom"}


def test_the_code_on_the_host_is_the_modules_own(tmp_path: Path) -> None:
    texts = program.sources()
    assert {"setting_table.py", "setting_apply.py", "proof_cheap.py", "proof_metrics.py", "proof_idle.py"} <= set(texts)
    for name, text in texts.items():
        role = name.partition("_")[0]
        assert text == (ROLES / role / "module_utils" / name).read_text()
    (tmp_path / "stale.py").write_text("")
    wanted = {str(tmp_path / name) for name in (*texts, "stale.py")}
    assert set(program.bring(tmp_path, texts, check=True)) == wanted
    assert [found.name for found in tmp_path.iterdir()] == ["stale.py"]
    assert set(program.bring(tmp_path, texts, check=False)) == wanted
    assert program.bring(tmp_path, texts, check=False) == []


@pytest.mark.parametrize(
    ("text", "done"),
    [("", False), ("{", False), ('{"started": true, "finished": false}', False), ('{"rows": []}', True),
     ('{"started": 1, "finished": 1, "failed": true}', True)],
)  # fmt: skip
def test_when_a_job_has_ended(tmp_path: Path, text: str, done: bool) -> None:
    (tmp_path / "job").write_text(text)
    assert progress.ended(tmp_path / "job") is done
    assert progress.ended(tmp_path / "none") is False
    assert progress.text({"what": "oslat", "elapsed": 12.6, "total": 60}) == "oslat, 13 of 60 s"
