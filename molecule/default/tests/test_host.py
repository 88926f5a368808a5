"""The host after its reboot, seen by ssh and through its API: all is up by itself, and secrets stay secret."""

from __future__ import annotations

import json
import socket
from typing import Any

import httpx
import pytest

OURS = ("cift-engine", "cift-engine-standby", "cift-recorder", "cift-api@1", "cift-api@2")


def test_every_service_is_up_and_will_be_again(host: Any, cache_unit: str, database_unit: str) -> None:
    wanted = ("nats", "cift-chdb", cache_unit, "postgresql", "questdb", *OURS)
    assert [name for name in wanted if not (host.service(name).is_running and host.service(name).is_enabled)] == []
    assert host.service(database_unit).is_running


def test_systemd_is_content(host: Any) -> None:
    assert host.run("systemctl --failed --no-legend --plain").stdout == ""
    assert host.run("systemctl is-system-running --wait").stdout.strip() == "running"


def test_the_message_server_tells_prometheus_and_speaks_tls_alone(host: Any) -> None:
    assert host.service("cift-nats-metrics.timer").is_running
    figures = host.file("/var/lib/prometheus/node-exporter/nats.prom").content_string
    assert "nats_server_up 1" in figures.splitlines()
    hello = "import socket; print(socket.create_connection(('127.0.0.1', 4222)).recv(4096).decode())"
    assert '"tls_required":true' in host.check_output(f'python3 -c "{hello}"')


def test_a_port_that_no_group_opens_is_shut(host: Any, api: httpx.Client) -> None:
    listen = "import socket, time; s = socket.create_server(('0.0.0.0', 8099))"
    serve = f"{listen}; open('/run/shut-test', 'w'); time.sleep(60)"
    assert host.run(f'systemd-run --unit=shut-test --collect python3 -c "{serve}"').rc == 0
    try:
        host.check_output("timeout 10 sh -c 'until test -e /run/shut-test; do sleep 0.1; done'")
        # Dropped, not refused: nothing comes back at all.
        with pytest.raises(TimeoutError):
            socket.create_connection((api.base_url.host, 8099), timeout=2)
        host.check_output("python3 -c \"import socket; socket.create_connection(('127.0.0.1', 8099), 5)\"")
    finally:
        host.run("systemctl stop shut-test; rm -f /run/shut-test")


def test_health_is_green_from_outside(api: httpx.Client) -> None:
    answer = api.get("/health")
    assert answer.status_code == 200, json.dumps(answer.json(), indent=2)


def test_an_order_needs_a_key_and_gets_an_answer_with_one(api: httpx.Client, key: dict[str, str]) -> None:
    order = {"symbol": "AAPL", "side": "buy", "order_type": "limit", "price": 1.0, "quantity": 1}
    assert api.post("/api/v1/orders", json=order).status_code == 401
    placed = api.post("/api/v1/orders", json=order, headers=key)
    assert placed.is_success, placed.text
    book = api.get("/api/v1/book/AAPL", headers=key)
    assert book.is_success, book.text


@pytest.mark.parametrize(
    ("field", "value"),
    [("price", "NaN"), ("price", "1e999"), ("side", '"hold"'), ("quantity", "-1"), ("symbol", f'"{"A" * 10_000_000}"')],
)
def test_a_bad_order_is_refused_with_the_field_named(
    api: httpx.Client, key: dict[str, str], field: str, value: str
) -> None:
    order = {"symbol": '"AAPL"', "side": '"buy"', "order_type": '"limit"', "price": "1", "quantity": "1"} | {
        field: value
    }
    body = "{" + ", ".join(f'"{name}": {text}' for name, text in order.items()) + "}"
    refused = api.post("/api/v1/orders", content=body, headers=key | {"Content-Type": "application/json"})
    assert refused.status_code == 422
    assert [problem["field"] for problem in refused.json()["errors"]] == ["body" if len(body) > 1_000_000 else field]


@pytest.mark.parametrize(
    ("path", "owner", "group", "mode"),
    [
        ("/etc/cift/cift.env", "root", "root", 0o644),
        *((f"/etc/cift/secrets/{name}.env", "root", "root", 0o600) for name in ("api", "engine", "recorder", "admin")),
        ("/etc/cift/tls/api.key", "root", "cift", 0o640),
        ("/etc/nats/nats.conf", "root", "nats", 0o640),
        ("/var/lib/questdb/conf/server.conf", "root", "questdb", 0o640),
        ("/var/lib/cift", "cift", "cift", 0o750),
    ],
)
def test_files_belong_to_whom_they_should(host: Any, path: str, owner: str, group: str, mode: int) -> None:
    file = host.file(path)
    assert (file.user, file.group, file.mode) == (owner, group, mode)


@pytest.mark.parametrize("port", [4222, 8222, 8123, 6379, 5432, 9000, 8812, 9003])
def test_data_services_listen_on_this_host_alone(host: Any, port: int) -> None:
    listening = {line.rsplit(":", 1)[0] for line in _listeners(host) if line.endswith(f":{port}")}
    assert listening == {"127.0.0.1"}


def test_our_services_have_no_shell_and_no_root(host: Any) -> None:
    assert host.user("cift").shell == "/usr/sbin/nologin"
    for name in OURS:
        assert host.service(name).systemd_properties["User"] == "cift"


def _listeners(host: Any) -> list[str]:
    return [line.split()[3] for line in host.check_output("ss --listening --tcp --numeric --no-header").splitlines()]


@pytest.mark.parametrize("service", ["engine", "api", "recorder", "nats"])
def test_a_service_runs_where_the_plan_says(host: Any, service: str) -> None:
    plan = json.loads(host.file("/etc/cift/plan.json").content_string)
    unit = {"nats": "nats", "api": "cift-api@1"}.get(service, f"cift-{service}")
    pid = host.run(f"systemctl show {unit} --property=MainPID --value").stdout.strip()
    allowed = host.run(f"taskset --cpu-list --pid {pid}").stdout.split(":")[1].strip()
    assert sorted(_cpus(allowed)) == plan["services"][service]["cpus"]


def test_everything_else_keeps_to_housekeeping(host: Any) -> None:
    plan = json.loads(host.file("/etc/cift/plan.json").content_string)
    allowed = host.run("taskset --cpu-list --pid 1").stdout.split(":")[1].strip()
    assert sorted(_cpus(allowed)) == plan["classes"]["housekeeping"]


def _cpus(text: str) -> set[int]:
    runs = [run.partition("-") for run in text.split(",")]
    return {cpu for first, _, last in runs for cpu in range(int(first), int(last or first) + 1)}
