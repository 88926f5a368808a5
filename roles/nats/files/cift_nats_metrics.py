"""The figures of a NATS server for Prometheus, in its text format; cift-nats, beside this file, brings its pages."""

from __future__ import annotations

from typing import Any

Page = dict[str, Any]


GAUGES = {
    "connections": "Clients that are connected.",
    "routes": "Connections to other servers.",
    "leafnodes": "Connections to leaf nodes.",
    "subscriptions": "Subscriptions.",
    "mem": "Resident memory in bytes.",
    "cpu": "CPU in percent of one.",
}
COUNTERS = {
    "in_msgs": "Messages that came.",
    "out_msgs": "Messages that went.",
    "in_bytes": "Bytes that came.",
    "out_bytes": "Bytes that went.",
    "slow_consumers": "Clients that were cut off because they read too slowly.",
    "total_connections": "Clients that ever connected.",
}
STATES = {
    "messages": "Messages that are kept.",
    "bytes": "Bytes that are kept.",
    "last_seq": "The newest message's number.",
    "consumer_count": "Consumers.",
}


def lines(name: str, kind: str, what: str, samples: list[tuple[str, float]]) -> list[str]:
    """Return a metric's lines; none without samples."""
    if not samples:
        return []
    head = [f"# HELP {name} {what}", f"# TYPE {name} {kind}"]
    values = [f"{name}{labels} {value:g}" if value < 1e6 else f"{name}{labels} {value:.0f}"
              for labels, value in samples]  # fmt: skip
    return head + values


def away() -> str:
    """Return what there is to say of a server that doesn't answer."""
    return "\n".join(lines("nats_server_up", "gauge", "Whether the server answers.", [("", 0)])) + "\n"


def text(server: Page, jetstream: Page, health: Page, found: list[Any]) -> str:
    """Return the server's figures: of its pages varz, jsz and healthz, and of its streams."""
    said: list[str] = []

    def put(name: str, kind: str, what: str, samples: list[tuple[str, float]]) -> None:
        said.extend(lines(name, kind, what, samples))

    put("nats_server_up", "gauge", "Whether the server answers.", [("", 1)])
    healthy = [("", float(health.get("status") == "ok"))]
    put("nats_server_healthy", "gauge", "Whether the server's copies are up to date by its own account.", healthy)
    for kind, table in (("gauge", GAUGES), ("counter", COUNTERS)):
        for key, what in table.items():
            name = f"nats_server_{key}" + ("_total" if kind == "counter" and not key.startswith("total") else "")
            put(name, kind, what, [("", float(server.get(key, 0)))])
    for key, what in (("memory", "Memory that streams take."), ("storage", "Disk that streams take.")):
        most = (jetstream.get("config") or {}).get(f"max_{key}", 0)
        put(f"nats_jetstream_{key}_bytes", "gauge", what, [("", float(jetstream.get(key, 0)))])
        put(f"nats_jetstream_{key}_limit_bytes", "gauge", "The most that they may take.", [("", float(most))])
    me = server["server_name"]

    def labels(stream: Any, **more: str) -> str:
        pairs = {"account": stream.account, "stream": stream.name} | more
        return "{" + ",".join(f'{key}="{value}"' for key, value in pairs.items()) + "}"

    for key, what in STATES.items():
        samples = [(labels(one), float(one.state.get(key, 0))) for one in found]
        put(f"nats_stream_{key}", "gauge", what, samples)
    leading = [(labels(one), float(one.leader in ("", me))) for one in found]
    put("nats_stream_leader", "gauge", "Whether this server leads the stream.", leading)
    copies = [(labels(one, server=copy["name"]), copy) for one in found if one.leader == me for copy in one.replicas]
    current = [(text, float(bool(copy.get("current")) and not copy.get("offline"))) for text, copy in copies]
    put("nats_stream_replica_current", "gauge", "Whether the copy on another server is up to date.", current)
    lag = [(text, float(copy.get("lag", 0))) for text, copy in copies]
    put("nats_stream_replica_lag", "gauge", "Messages that the copy on another server lacks.", lag)
    return "\n".join(said) + "\n"
