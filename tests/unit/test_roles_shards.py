"""Several engines that share the symbols out: what the roles make of `cift_engine_shards`, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cift.core.config import Settings
from cift.core.shards import all_shards
from tests.role_site import Site
from tests.unit.role_render import evaluate, refusals, render

BASE = {"ansible_managed": "ours", "cift_release": {"version": "1", "sha256": "0"}, "cift_engine_standby": True}
THREE = BASE | {"cift_engine_shards": "3"}  # as -e gives it
ENGINES = ["cift-engine.service", "cift-engine-1.service", "cift-engine-2.service"]
STANDBYS = ["cift-engine-standby.service", "cift-engine-standby-1.service", "cift-engine-standby-2.service"]


@pytest.fixture(scope="module")
def units(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, set[str]]]:
    """The lines of each engine's unit, by the number of shards."""
    found = {}
    for shards in (1, 3):
        folder = tmp_path_factory.mktemp("units")
        known = BASE | {"cift_engine_shards": shards}
        services: dict[str, Any] = evaluate("cift", "__cift_services", known, folder)
        sets = {name: known | {"__cift_service": {"key": name, "value": value}} for name, value in services.items()}
        render("cift", sets, ["service"], folder)
        found[shards] = {name: set((folder / name / "service").read_text().splitlines()) for name in services}
    return found


def test_each_shard_has_an_engine_and_what_stands_by_for_it(units: dict[int, dict[str, set[str]]]) -> None:
    assert set(units[1]) == {"engine", "engine-standby", "recorder", "api"}
    assert set(units[3]) - set(units[1]) == {"engine-1", "engine-2", "engine-standby-1", "engine-standby-2"}
    commands = {
        name: line.rpartition("cift.services.engine")[2].strip()
        for name, lines in units[3].items()
        for line in lines
        if line.startswith("ExecStart=") and "services.engine" in line
    }
    assert commands == {
        "engine": "", "engine-1": "--metrics-port 8301", "engine-2": "--metrics-port 8302",
        "engine-standby": "--metrics-port 8003", "engine-standby-1": "--metrics-port 8501",
        "engine-standby-2": "--metrics-port 8502",
    }  # fmt: skip
    assert "Description=CIFT Markets matching engine, standing by, shard 2" in units[3]["engine-standby-2"]
    assert "After=cift-engine-2.service" in units[3]["engine-standby-2"]
    assert "RuntimeDirectory=cift-engine-standby-2" in units[3]["engine-standby-2"]
    assert "EnvironmentFile=/etc/cift/secrets/engine.env" in units[3]["engine-standby-2"]
    assert f"After={' '.join(ENGINES)} cift-recorder.service" in units[3]["api"]
    shards = {name: {line for line in lines if "CIFT_ENGINE_SHARD" in line} for name, lines in units[3].items()}
    assert {name: lines for name, lines in shards.items() if lines} == {
        f"engine{kind}-{number}": {f"Environment=CIFT_ENGINE_SHARD={number}"}
        for kind in ("", "-standby")
        for number in (1, 2)
    }


def test_they_share_the_memory_of_one(units: dict[int, dict[str, set[str]]]) -> None:
    def memory(shards: int, name: str) -> list[str]:
        return sorted(line for line in units[shards][name] if line.startswith(("MemoryHigh", "MemoryMax")))

    assert memory(1, "engine") == memory(1, "engine-standby") == ["MemoryHigh=35%", "MemoryMax=40%"]
    for name in ("engine", "engine-2", "engine-standby", "engine-standby-2"):
        assert memory(3, name) == ["MemoryHigh=11.66%", "MemoryMax=13.33%"]
    assert memory(3, "recorder") == memory(1, "recorder")


def test_memory_in_bytes_is_shared_too_and_no_limit_stays_none(tmp_path: Path) -> None:
    service = {"key": "engine-1", "value": {"description": "", "command": "/bin/true", "secrets": "engine", "shard": 1}}
    service["value"] |= {"ports": 8300}
    known = THREE | {"cift_memory": {"engine": {"high": "6G", "max": "infinity"}}, "__cift_service": service}
    render("cift", {"one": known}, ["service"], tmp_path)
    assert "\nMemoryHigh=2147483648\nMemoryMax=infinity\n" in (tmp_path / "one/service").read_text()


def test_one_shard_is_the_host_of_before(units: dict[int, dict[str, set[str]]]) -> None:
    for name in ("engine", "engine-standby", "recorder"):
        different = {line for line in units[1][name] ^ units[3][name] if not line.startswith("Memory")}
        assert different == set(), name
    assert "After=cift-engine.service cift-recorder.service" in units[1]["api"]


def test_in_which_order_they_start_and_are_replaced(tmp_path: Path) -> None:
    expression = (
        "{'run': __cift_running, 'turn': __cift_engines_in_turn, 'ports': __cift_engine_ports,"
        " 'files': __cift_unit_files, 'shards': __cift_environment.CIFT_ENGINE_SHARDS | int}"
    )
    facts = {"ansible_facts": {"python_version": "3.11.2"}, "rust_core_chosen_cpu": "x", "inventory_dir": "/nowhere/x"}
    found = evaluate("cift", expression, THREE | facts, tmp_path)
    assert found["run"][:6] == ENGINES + STANDBYS
    assert found["turn"] == [
        unit for engine, standby in zip(ENGINES, STANDBYS, strict=True) for unit in (standby, engine, standby)
    ]
    assert found["ports"] == [8001, 8003, 8301, 8302, 8501, 8502]
    assert {f"/etc/systemd/system/{unit}" for unit in ENGINES + STANDBYS} <= set(found["files"].split())
    assert found["shards"] == 3
    (tmp_path / "alone").mkdir()
    alone = evaluate("cift", "__cift_engines_in_turn", THREE | {"cift_engine_standby": False}, tmp_path / "alone")
    assert alone == ENGINES


def test_a_release_comes_back_with_as_many_shards_as_it_had(tmp_path: Path) -> None:
    known = THREE | {"__cift_shards_before": "1", "cift_engine_standby": False}
    assert evaluate("cift", "__cift_engines_in_turn", known, tmp_path) == ENGINES[:1]


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    wrong: dict[str, tuple[dict[str, Any], str]] = {
        "none": ({"cift_engine_shards": 0}, "cift_engine_shards: found 0, expected a number from 1 to 64"),
        "many": ({"cift_engine_shards": "65"}, "found 65, expected a number from 1 to 64"),
        "text": ({"cift_engine_shards": "two"}, "found two, expected a number from 1 to 64"),
        "half": ({"cift_engine_shards": 1.5}, "found 1.5, expected a number"),
        "past": (
            {"cift_settings": {"CIFT_ENGINE_SHARD": 1}},
            "cift_settings: found CIFT_ENGINE_SHARD, expected none of them; set cift_engine_shards",
        ),
    }
    right: dict[str, dict[str, Any]] = {
        "default": {},
        "most": {"cift_engine_shards": 64},
        "few": {"cift_engine_shards": "2"},
    }
    found = refusals("cift", "refuse", {name: case for name, (case, _) in wrong.items()} | right, tmp_path)
    for name, (_, sentence) in wrong.items():
        assert sentence in found[name], name
    assert {name: found[name] for name in right} == dict.fromkeys(right, "")


PLANNED = ("engine", "nats", "recorder", "engine-1")
PLAN = {
    "services": {name: {"cpus": [cpu], "numa_node": 0} for cpu, name in enumerate(PLANNED)},
    "slices": {name: {"NUMAPolicy": "bind"} for name in PLANNED},
    "classes": {},
}


def site(**known: Any) -> Site:
    hosts = {"one": known, "other": known}
    return Site(hosts, {"trading": ["one"], "messaging": ["one", "other"]}, {"distribution_major_version": "13"})


def test_the_plan_s_cpus_of_each_shard_are_its_unit_s() -> None:
    where = site(cift_engine_shards=2, cift_engine_standby=True, cift_plan=PLAN)
    assert where.value("slices", "one", "__slices_cpus") == {
        "cift-engine.service": [0],
        "cift-engine-1.service": [3],
        "nats.service": [1],
        "cift-recorder.service": [2],
        "cift-engine-standby.service": [2],
        "cift-engine-standby-1.service": [2],
    }
    assert where.value("slices", "one", "__slices_data") == ["nats.service"]
    assert where.value("slices", "one", "__slices_data_cpus") == [1]
    assert set(where.value("slices", "other", "__slices_cpus")) == {"nats.service"}
    units = where.value("proof", "one", "proof_units")
    assert units == {"engine": "cift-engine.service", "engine-1": "cift-engine-1.service"}


def test_the_plan_is_asked_for_shards_where_there_are_several() -> None:
    where = site(cift_engine_shards=2, cpu_plan_policy={"irq_cores": 3})
    assert where.value("cpu_plan", "one", "__cpu_plan_policy") == {"irq_cores": 3, "engine_shards": 2}
    assert where.value("cpu_plan", "other", "__cpu_plan_policy") == {"irq_cores": 3}
    assert site(cift_engine_shards=1).value("cpu_plan", "one", "__cpu_plan_policy") == {}


@pytest.mark.parametrize("shards", [1, 2])
def test_who_stops_and_starts_engines_knows_all_of_them(shards: int) -> None:
    where = site(cift_engine_shards=shards, cift_engine_standby=True)
    engines, standbys = ENGINES[:shards], STANDBYS[:shards]
    assert where.value("upgrade", "one", "__upgrade_engines_of_ours") == standbys + engines
    assert where.value("backup", "one", "__backup_services") == [
        "cift-api.socket", "cift-recorder.service", *standbys, *engines, "cift-feed.service",
    ]  # fmt: skip
    drained = [unit.removesuffix(".service") for unit in standbys + engines]
    assert where.value("boot", "one", "boot_drain_units") == [
        "cift-api.socket", "cift-feed", "cift-recorder", *drained, "nats",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shards", "saved", "refused"),
    [
        (1, ["EVENTS"], ""),
        (2, ["EVENTS_0", "EVENTS_1"], ""),
        (2, [], ""),
        (
            1,
            ["EVENTS_0", "EVENTS_1"],
            "found events in EVENTS_0, EVENTS_1, expected EVENTS, as cift_engine_shards is 1",
        ),
        (2, ["EVENTS"], "found events in EVENTS, expected EVENTS_0, EVENTS_1, as cift_engine_shards is 2"),
        (4, ["EVENTS_0", "EVENTS_1"], "Make hosts for it with -e cift_engine_shards=2"),
    ],
)
def test_a_backup_goes_onto_as_many_shards_alone(shards: int, saved: list[str], refused: str, tmp_path: Path) -> None:
    counts = {name: {"rows": 1, "hash": ""} for name in ("ORDERS", "OBJ_engine", *saved)}
    stores = {"messaging/nats": {"counts": counts}, "one/cache": {"counts": {"EVENTS_9": {"rows": 1}}}}
    known = {"cift_engine_shards": shards, "backup_chosen": "20260131T120000Z", "backup_manifest": {"stores": stores}}
    found = refusals("backup", "shards", {"it": known}, tmp_path)["it"]
    assert refused in found
    assert bool(found) == bool(refused), found


def test_the_settings_reach_the_programs() -> None:
    settings = Settings.model_validate({"CIFT_ENGINE_SHARDS": "3", "CIFT_ENGINE_SHARD": "2"})
    assert (settings.shard.number, settings.shard.count) == (2, 3)
    assert [shard.stream for shard in all_shards(3)] == site(cift_engine_shards=3).value(
        "backup", "one", "__backup_events"
    )
