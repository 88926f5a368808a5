"""What the roles clickhouse and clickhouse_keeper refuse, by a run of Ansible, before they have written anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.servers.clickhouse_config import PLAN, render


def keepers(*numbers: int) -> dict[str, dict[str, Any]]:
    return {
        f"ch{place}": {"clickhouse_keeper_mode": "embedded", "clickhouse_keeper_server_id": number}
        for place, number in enumerate(numbers, start=1)
    }


NO_CPU = {**PLAN, "services": {"clickhouse": {"cpus": [], "numa_node": 0}}}


@pytest.mark.parametrize(
    ("hosts", "variables", "sentences"),
    [
        (keepers(1, 2), {}, ["found 2 (ch1, ch2), expected an odd number"]),
        (keepers(1, 2, 2), {}, ["found 2 on ch2 and ch3, expected each number once"]),
        (
            {"ch1": {}, "ch2": {}},
            {"cift_secret_clickhouse_cluster": ""},
            ["found 2 hosts and no Keeper", "clickhouse_cluster_secret: found nothing"],
        ),
        (
            {"ch1": {}},
            {"cift_secret_clickhouse_api": "", "clickhouse_max_server_memory_usage": 10**15, "cift_plan": NO_CPU},
            ["found no password for api", "found 1000000000000000 bytes, expected", "found no CPU for clickhouse"],
        ),
        (
            {"ch1": {}},
            {"clickhouse_users": {"default": {"password": "x", "profile": "king"}}},
            ["found the name default", "found profile king, expected owner, writer, reader"],
        ),
    ],
)
def test_refused(
    tmp_path: Path, hosts: dict[str, dict[str, Any]], variables: dict[str, Any], sentences: list[str]
) -> None:
    steps = ["clickhouse_keeper refuse", "clickhouse refuse", "clickhouse configure", "clickhouse_keeper configure"]
    done = render(tmp_path, hosts, steps=steps, **variables)
    assert done.status == 2
    for sentence in sentences:
        assert sentence in " ".join(done.output.split()), done.output
    assert not list(tmp_path.glob("*/clickhouse-server/*/*"))
