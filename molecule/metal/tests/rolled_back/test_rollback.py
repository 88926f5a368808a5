"""After the rollback: the host is as it was before the first run, and boots so."""

from __future__ import annotations

import re
from typing import Any


def test_the_kernel_was_started_with_the_old_command_line(words: list[str], menu: str) -> None:
    assert words[-1] == "console=ttyS0,115200n8"
    assert "nohz_full" not in menu
    assert 'set default="0"' in menu, "GRUB_DEFAULT is the distribution's again"


def test_nothing_of_the_tuning_is_left(host: Any) -> None:
    left = host.check_output(
        "cd /etc; ls -d default/grub.d/*cift* grub.d/*cift* sysctl.d/*cift* tmpfiles.d/*cift* udev/rules.d/*cift* "
        "systemd/network/*cift* systemd/system.conf.d/*cift* systemd/system/cift-boot* systemd/system/cift-nic* "
        "systemd/system/cift-irq* systemd/system/*/60-cift* chrony/conf.d/*cift* cift/*.json "
        "/var/lib/cift/boot /var/lib/cift/before 2>/dev/null || true"
    )
    assert left == ""
    assert host.check_output("cat /sys/devices/system/cpu/isolated; sysctl -n vm.stat_interval") in ("1", "\n1")


def test_the_card_the_pages_and_the_interrupts_are_as_before(host: Any) -> None:
    shown = host.check_output("ethtool -l ens2; ethtool -c ens2")
    assert re.findall(r"^Combined:\s*(\d+)", shown, re.MULTILINE) == ["8", "4"]
    assert re.findall(r"^rx-usecs:\s*(\d+)", shown, re.MULTILINE) == ["3"]
    pages = host.check_output("cat /sys/devices/system/node/node*/hugepages/*/nr_hugepages")
    assert set(pages.split()) == {"0"}
    assert host.check_output("systemctl is-enabled irqbalance; systemctl is-active irqbalance") == "enabled\nactive"


def test_the_report_says_so(report: list[dict[str, Any]]) -> None:
    assert {row["area"] for row in report} == {"boot", "before"}
    assert [row for row in report if row["verdict"] not in ("pass", "skip")] == []
    assert any(row["setting"] == "/etc/default/grub.d/60-cift.cfg" and row["wanted"] == "absent" for row in report)
