"""After a command line with which no host comes up: the old one is live by itself, proven by one more boot."""

from __future__ import annotations

import json
from typing import Any


def test_the_old_command_line_is_live(words: list[str]) -> None:
    assert any(word.startswith("nohz_full=") for word in words)
    assert "root=/dev/nonexistent" not in words
    assert not any(word.startswith("cift.trial=") for word in words), "the default entry was booted, not the trial's"


def test_the_next_boot_tries_nothing(host: Any, menu: str) -> None:
    # GRUB leaves the name behind, without a value.
    assert "next_entry=cift-trial" not in host.check_output("grub-editenv list")
    assert "nonexistent" not in menu


def test_the_host_remembers_nothing_bad_of_the_good_one(host: Any) -> None:
    record = json.loads(host.check_output("cat /var/lib/cift/boot/state.json"))
    assert "nohz_full=" in record["proven"]["default"]
    assert record["armed"] == ""


def test_every_setting_is_as_wanted_after_another_boot(report: list[dict[str, Any]]) -> None:
    assert [row for row in report if row["verdict"] not in ("pass", "skip")] == []
