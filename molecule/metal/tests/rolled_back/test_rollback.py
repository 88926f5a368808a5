"""After the rollback: the host is as it was before the first run, and boots so."""

from __future__ import annotations

from typing import Any


def test_the_kernel_was_started_with_the_old_command_line(words: list[str], menu: str) -> None:
    assert words[-1] == "console=ttyS0,115200n8"
    assert "nohz_full" not in menu
    assert 'set default="0"' in menu, "GRUB_DEFAULT is the distribution's again"


def test_nothing_of_the_tuning_is_left(host: Any) -> None:
    left = host.check_output(
        "ls -d /etc/default/grub.d/*cift* /etc/grub.d/*cift* /etc/sysctl.d/*cift* /etc/systemd/system/cift-boot* "
        "/var/lib/cift/boot /var/lib/cift/before 2>/dev/null || true"
    )
    assert left == ""
    assert host.check_output("cat /sys/devices/system/cpu/isolated; sysctl -n vm.stat_interval") in ("1", "\n1")


def test_the_report_says_so(report: list[dict[str, Any]]) -> None:
    assert {row["area"] for row in report} == {"boot", "before"}
    assert [row for row in report if row["verdict"] not in ("pass", "skip")] == []
    assert any(row["setting"] == "/etc/default/grub.d/60-cift.cfg" and row["wanted"] == "absent" for row in report)
