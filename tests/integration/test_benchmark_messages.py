"""The suite's messages on real servers: one, and three that keep copies of each other."""

from __future__ import annotations

import asyncio
import dataclasses

from cift.benchmarks import messaging
from cift.benchmarks.measure import Row
from cift.benchmarks.profile import QUICK
from cift.core.config import Settings
from tests.servers.nats import NatsServer
from tests.servers.nats_cluster import NatsCluster

SHORT = dataclasses.replace(QUICK, repetitions=2, messages=30, journal_messages=20)


async def rows(settings: Settings) -> dict[str, Row]:
    found, versions = await asyncio.to_thread(messaging.measure, settings, SHORT)
    assert set(versions) == {"nats-server"}
    assert [row.key for row in found] == list(messaging.KEYS)
    return {row.key: row for row in found}


async def test_on_one_server_three_copies_are_left_out_and_it_is_said_why(nats_server: NatsServer) -> None:
    found = await rows(nats_server.settings("benchmark"))
    assert {key: row.n for key, row in found.items()} == {
        "messages": 60,
        "request_reply": 60,
        "journal": 40,
        "journal_r3": 0,
    }
    copied = found["journal_r3"]
    assert copied.verdict == "skipped"
    assert copied.why.endswith("3 copies need a cluster of 3 servers")


async def test_the_benchmarks_own_user_measures_three_copies_in_a_cluster(nats_cluster: NatsCluster) -> None:
    """By the role's own permissions: the user has an account with limits, and nothing but its own subjects there."""
    found = await rows(nats_cluster.settings("benchmark"))
    assert {key: row.verdict for key, row in found.items()} == dict.fromkeys(messaging.KEYS, "passed")
    single, copied, asked = (found[key].p50 for key in ("journal", "journal_r3", "request_reply"))
    assert single is not None
    assert copied is not None
    assert asked is not None
    assert copied > 0
