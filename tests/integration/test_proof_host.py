"""The proof of behaviour, the look for drift and the trials of settings, on a real sandbox host.

A container has no CPUs of its own: its rows are skipped with reasons. That they are judged on a kernel of one's own is
shown by `molecule/metal` and, for every row, by the unit tests.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.servers.lab import BIN, ROOT, On, Play
from tests.unit.test_drift import samples

pytestmark = [pytest.mark.host, pytest.mark.timeout(900)]

ROLES = ["cpu_plan", "base", "kernel", "proof"]
DROP_IN = "/etc/sysctl.d/60-cift-kernel.conf"
METRICS = "/var/lib/prometheus/node-exporter/cift.prom"
VERIFY = """---
- name: Read back what was tuned
  hosts: all
  gather_facts: false
  tasks:
    - name: Read it back
      ansible.builtin.include_role:
        name: "{{ item }}"
        tasks_from: verify
      loop: [cpu_plan, kernel, proof]

    - name: Save the report
      ansible.builtin.include_role:
        name: setting
        tasks_from: report
"""


@pytest.fixture(scope="module")
def tuned(play: Play) -> Play:
    """The host tuned, as tune.yml does it, by the roles that matter here."""
    done = play("playbooks/tune.yml", cift_tune_roles=ROLES)
    assert done.returncode == 0, done.stdout + done.stderr
    return play


def metrics(on: On) -> dict[tuple[str, str], float]:
    on("systemctl start cift-drift.service")
    return samples(on(f"cat {METRICS}"))


def test_a_second_run_changes_nothing(tuned: Play) -> None:
    done = tuned("playbooks/tune.yml", cift_tune_roles=ROLES)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout, done.stdout


@pytest.mark.usefixtures("tuned")
def test_drift_shows_in_the_metrics_and_goes_again(on: On) -> None:
    good = metrics(on)
    assert good["kernel", "net.core.somaxconn"] == 1
    assert good["cift_settings", "fail"] == 0
    assert good["cift_settings", "skip"] > 10
    on(f"sysctl -qw net.core.somaxconn=77; sed -i 's/^vm.swappiness.*/vm.swappiness = 60/' {DROP_IN}")
    bad = metrics(on)
    assert (bad["kernel", "net.core.somaxconn"], bad["kernel", "vm.swappiness"]) == (0, 0)
    assert bad["cift_settings", "fail"] == 2
    told = on("journalctl --unit cift-drift --priority warning --output cat --no-pager")
    assert "kernel, net.core.somaxconn: wanted 8192, found 77 (fail)" in told
    on(f"sysctl -qw net.core.somaxconn=8192; sed -i 's/^vm.swappiness.*/vm.swappiness = 10/' {DROP_IN}")
    assert metrics(on)["cift_settings", "fail"] == 0
    assert on("systemctl is-failed cift-drift.service || true").strip() == "inactive"


@pytest.mark.usefixtures("tuned")
def test_the_look_for_drift_can_do_nothing_but_look(on: On) -> None:
    shown = on("systemctl show cift-drift.service --property=CapabilityBoundingSet,ProtectSystem,NoNewPrivileges")
    assert set(shown.split()) == {"CapabilityBoundingSet=", "ProtectSystem=strict", "NoNewPrivileges=yes"}
    assert on(f"stat -c '%a %U' {METRICS}").strip() == "644 root"


def test_every_behaviour_is_skipped_with_its_reason(tuned: Play, tmp_path: Path, on: On) -> None:
    (tmp_path / "verify.yml").write_text(VERIFY)
    before = on("find /etc /usr/local -newer /etc/cift/drift.json -type f | sort")
    done = tuned(tmp_path / "verify.yml", verify_duration="2s", cift_report_dir=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "changed=0" in done.stdout
    assert on("find /etc /usr/local -newer /etc/cift/drift.json -type f | sort") == before
    report: dict[str, Any] = json.loads((tmp_path / "verify-cift-1.json").read_text())
    rows = {row["setting"]: row for row in report["rows"] if row["area"] == "behaviour"}
    assert len(rows) == 11
    assert {row["verdict"] for row in rows.values()} == {"skip"}
    assert all("container (systemd-nspawn)" in row["why"] and row["source"] for row in rows.values())
    figures = rows["cyclictest"]["figures"]
    assert figures["n"] > 1_000
    assert 0 < figures["p50"] <= figures["p999"] <= figures["max"]
    assert report["plan"]["classes"]["housekeeping"]
    assert (tmp_path / "plan-cift-1.svg").read_text().startswith("<svg")
    assert on("pgrep -x 'cyclictest|oslat|hwlatdetect' || true") == ""


@pytest.mark.parametrize("playbook", ["playbooks/verify.yml", "site.yml"])
def test_a_duration_that_cannot_be_read_stops_everything_before_it_begins(
    tuned: Play, tmp_path: Path, playbook: str
) -> None:
    done = tuned(playbook, verify_duration="12x", cift_report_dir=str(tmp_path))
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert 'verify_duration: found "12x", expected a number and s, m, h or d' in said
    assert list(tmp_path.iterdir()) == []
    assert "Read back each role" not in said.partition("verify_duration: found")[2]


@pytest.mark.usefixtures("tuned")
def test_what_a_group_of_settings_buys(lab: dict[str, str], on: On) -> None:
    before = on("sysctl -a --pattern '^net.core.somaxconn|^net.ipv4.tcp' 2>/dev/null")
    words = ["tune", "measure", "--group", "services", "--group", "power", "--runs", "6", "--seconds", "1", "--json"]
    done = subprocess.run([BIN / "cift", *words], cwd=ROOT, env=lab, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {entry["group"]["name"]: entry for entry in json.loads(done.stdout)}
    services = found["services"]
    # The host is tuned: it is compared with what it had before.
    assert services["group"]["tried"]["net.core.somaxconn"] == "4096 to 8192"
    assert {gain["figure"] for gain in services["gains"]} == {"cyclictest p50", "cyclictest p99", "cyclictest max"}
    assert all(gain["low"] <= gain["bought"] <= gain["high"] for gain in services["gains"])
    assert found["power"]["gains"] == []
    assert found["power"]["group"]["left"]["scaling governor"] == "no frequency driver"
    assert on("sysctl -a --pattern '^net.core.somaxconn|^net.ipv4.tcp' 2>/dev/null") == before
