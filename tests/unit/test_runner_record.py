"""A record out of ansible-runner's events, without running ansible."""

from __future__ import annotations

from typing import Any

import pytest

from cift.ops.runner.record import Record, message


def at(seconds: float) -> str:
    return f"2026-01-01T00:00:{seconds:09.6f}+00:00"


def event(kind: str, seconds: float, /, **data: Any) -> dict[str, Any]:
    return {"event": kind, "created": at(seconds), "event_data": data, "pid": 42}


def test_a_shared_room_counts_for_the_role_that_called_it() -> None:
    record = Record()
    record.feed(event("playbook_on_play_start", 0, name="Host"))
    record.feed(event("playbook_on_task_start", 1, role="nats", task="Package"))
    record.feed(event("playbook_on_task_start", 2, role="artifact", task="Fetch"))
    record.feed(event("playbook_on_task_start", 4, role="nats", task="Start"))
    record.feed(event("playbook_on_task_start", 5, role="valkey", task="Package"))
    record.feed(event("playbook_on_stats", 7, ok={"a": 4}, changed={"a": 1}, failures={}, dark={"b": 1}))
    assert [(span.role, span.seconds, span.tasks) for span in record.spans] == [("nats", 4.0, 3), ("valkey", 2.0, 1)]
    assert record.hosts["a"].ok == 4
    assert record.hosts["b"].unreachable == 1
    assert record.pid == 42


def test_roles_are_summed_over_plays_slowest_first() -> None:
    record = Record()
    for start, role in ((0, "base"), (1, "nats"), (5, "base")):
        record.feed(event("playbook_on_play_start", start, name=role))
        record.feed(event("playbook_on_task_start", start, role=role, task="t"))
    record.feed(event("playbook_on_stats", 6))
    assert record.roles() == {"nats": 4.0, "base": 2.0}


def test_changes_and_failures_are_counted_where_they_happen() -> None:
    record = Record()
    record.feed(event("playbook_on_play_start", 0, name="Host"))
    record.feed(event("playbook_on_task_start", 0, role="nats", task="Configure"))
    record.feed(event("runner_on_ok", 1, host="a", res={"changed": True}))
    record.feed(event("runner_on_failed", 1, host="b", res={"msg": "ignored"}, ignore_errors=True))
    record.feed(event("runner_on_failed", 1, host="c", role="nats", task="Configure", res={"msg": "no space"}))
    record.feed(event("runner_on_unreachable", 1, host="d", task="Configure", res={"msg": "timed out"}))
    assert (record.changed, record.failed) == (1, 2)
    assert [(failure.host, failure.message) for failure in record.failures] == [("c", "no space"), ("d", "timed out")]
    assert record.failures[1].unreachable
    assert record.spans[0].changed == 1


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"msg": "All items completed", "results": [{"failed": True, "item": "x", "msg": "no such user"}]},
         "x: no such user"),
        ({"msg": "non-zero return code", "stderr": "E: broken", "stdout": "noise"}, "non-zero return code\nE: broken"),
        ({"msg": "non-zero return code", "stdout": "the reason"}, "non-zero return code\nthe reason"),
        ({"msg": "same", "stderr": "same"}, "same"),
        ({}, "the task failed without saying why"),
    ],
)  # fmt: skip
def test_a_failure_says_what_the_task_said(result: dict[str, Any], text: str) -> None:
    assert message(result) == text
