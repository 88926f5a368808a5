"""What the role `nats` refuses, its keys, and the server's own word on every configuration that it renders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import nkeys
import pytest
from ansible.errors import AnsibleFilterError

from tests.servers.certificates import Authority
from tests.servers.nats import seed
from tests.unit.role_code import load
from tests.unit.role_render import refusals, render

filters = load("nats/filter_plugins/nats_filters.py")
USERS = ("sys", "admin", "api", "engine", "recorder", "feed", "benchmark", "leaf")
SERVER = Path(sys.executable).with_name("nats-server")


def variables(**own: Any) -> dict[str, Any]:
    keys = {user: seed(user).decode() for user in USERS}
    fixed = {"ansible_managed": "ours", "nats_server_name": "n1", "nats_keys": keys, "nats_store": "/nonexistent"}
    return fixed | {"nats_route_password": "r" * 32} | own


def nodes(*names: str) -> list[dict[str, str]]:
    return [{"name": name, "address": f"127.0.0.{number}"} for number, name in enumerate(names, 1)]


def cluster(*names: str, **own: Any) -> dict[str, Any]:
    return variables(nats_nodes=nodes(*names), nats_tls=True, **own)


def test_what_cannot_work_is_refused(tmp_path: Path) -> None:
    twice = {user: seed("sys").decode() for user in USERS}
    alone = tmp_path / "alone"
    (alone / "jetstream/CIFT/streams/ORDERS").mkdir(parents=True)
    (tmp_path / "member/jetstream/SYS/_js_").mkdir(parents=True)
    (tmp_path / "member/jetstream/CIFT/streams/ORDERS").mkdir(parents=True)
    for folder, stream, content in (("one", "EVENTS", b"e"), ("two", "EVENTS_1", b"e"), ("fresh", "EVENTS", b"")):
        block = tmp_path / folder / f"jetstream/CIFT/streams/{stream}/msgs/1.blk"
        block.parent.mkdir(parents=True)
        block.write_bytes(content)
    wrong = {
        "even": (cluster("n1", "n2"), "nats_nodes: found 2 servers (n1, n2), expected an odd number"),
        "names": (
            cluster("n1", "n1", "n3"),
            "found n1 at 127.0.0.1, n1 at 127.0.0.2, n3 at 127.0.0.3, expected a name",
        ),
        "stranger": (cluster("a", "b", "c"), "nats_server_name: found n1, expected one of nats_nodes (a, b, c)"),
        "plain": (cluster("n1", "n2", "n3") | {"nats_tls": False}, "nats_tls: found False"),
        "open": (cluster("n1", "n2", "n3", nats_route_password="short"), "nats_route_password of 5 characters"),
        "keyless": (variables(nats_keys={"sys": seed("sys").decode()}), "found none for admin, api, benchmark, engine"),
        "shared": (variables(nats_keys=twice), "found 8 keys of which 1 differ"),
        "sync": (variables(nats_sync_interval="often"), "nats_sync_interval: found often, expected always or a time"),
        "never": (variables(nats_sync_interval="0s"), "nats_sync_interval: found 0s"),
        "size": (variables(nats_max_file_store="much"), "nats_max_file_store: found much, expected a size"),
        "payload": (variables(nats_max_payload=100_000_000), "nats_max_payload: found 100000000"),
        "few": (variables(nats_max_connections=1), "nats_max_connections: found 1, expected 10"),
        "files": (variables(nats_limit_nofile=1000), "expected fewer than nats_limit_nofile (1000)"),
        "limit": (
            variables(nats_jetstream_limits={"CIFT": {"max_file": "9GB"}}),
            "nats_jetstream_limits.CIFT.max_file: found 9GB, expected at most 8GB (nats_max_file_store)",
        ),
        "memory": (variables(nats_max_memory_store="900TB"), "three quarters of the host's memory; lower it"),
        "shards": (
            variables(nats_store=str(tmp_path / "one"), cift_engine_shards=2),
            "cift_engine_shards: found 2, but events in EVENTS, expected EVENTS_0, EVENTS_1 alone",
        ),
        "forgotten": (
            variables(nats_store=str(tmp_path / "two")),
            "cift_engine_shards: found 1, but events in EVENTS_1, expected EVENTS alone",
        ),
        "orphans": (cluster("n1", "n2", "n3", nats_store=str(alone)), "found 1 streams of a server by itself"),
    }
    right = {
        "one": variables(),
        "alone": variables(nats_nodes=nodes("n1"), nats_store=str(alone)),
        "always": variables(nats_sync_interval="always"),
        "three": cluster("n1", "n2", "n3"),
        "member": cluster("n1", "n2", "n3", nats_store=str(tmp_path / "member")),
        "unsharded": variables(nats_store=str(tmp_path / "one")),
        "sharded": variables(nats_store=str(tmp_path / "two"), cift_engine_shards="2"),
        "fresh": variables(nats_store=str(tmp_path / "fresh"), cift_engine_shards=2),
    }
    found = refusals("nats", "refuse", {name: case for name, (case, _) in wrong.items()} | right, tmp_path)
    for name, (_, sentence) in wrong.items():
        assert sentence in found[name], name
        assert "; " in found[name], f"{name}: no fix in {found[name]}"
    assert {name: found[name] for name in right} == dict.fromkeys(right, "")


def test_the_server_takes_every_configuration_and_none_holds_a_seed(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "ca")
    own = authority.issue("n1")
    tls = {
        "nats_tls_certificate": str(own.certificate),
        "nats_tls_key": str(own.key),
        "nats_tls_ca": str(authority.path),
    }
    leaf = {
        "nats_leafnodes": {"port": 0, "remotes": [{"urls": ["tls://192.0.2.1:7422"], "seed": seed("leaf").decode()}]}
    }
    limits = {"CIFT": {"max_file": "1GB", "max_streams": 8}, "BENCHMARK": {"max_memory": "64MB"}}
    common = {"nats_store": str(tmp_path / "js")}
    sets = {
        "one": variables(**common),
        "shards": variables(**common, cift_engine_shards=64),
        "limits": variables(**common, nats_jetstream_limits=limits),
        "cluster": cluster("n1", "n2", "n3", **common, **tls, nats_tls_verify_clients=True),
        "hub": cluster("n1", "n2", "n3", **common, **tls, nats_leafnodes={"port": 7422}),
        "leaf": variables(**common, **tls, nats_tls=True, **leaf),
    }
    render("nats", sets, ["nats.conf"], tmp_path / "rendered")
    for name in sets:
        path = tmp_path / "rendered" / name / "nats.conf"
        done = subprocess.run([SERVER, "-t", "-c", path], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}\n{path.read_text()}"
        # A leaf must show its hub a seed, its own alone.
        held = {user for user in USERS if seed(user).decode() in path.read_text()}
        assert held == ({"leaf"} if name == "leaf" else set())
        assert nkeys.from_seed(seed("api")).public_key.decode() in path.read_text()
    text = (tmp_path / "rendered/cluster/nats.conf").read_text()
    assert '127.0.0.1:6222"\n' in text  # its own listener
    assert text.count("nats://route:") == 2


def test_a_public_key_stays_and_a_damaged_seed_is_refused_without_showing_it() -> None:
    good = seed("api").decode()
    public = filters.nats_public_key(good)
    assert filters.nats_public_key(public) == public
    for bad in ("", "wrong", good[:20] + ("A" if good[20] != "A" else "B") + good[21:], good.replace("SU", "SA", 1)):
        with pytest.raises(AnsibleFilterError, match=f"has {len(bad)} characters") as refused:
            filters.nats_public_key(bad)
        assert good[22:] not in str(refused.value)
