"""What happened in a playbook, collected from ansible-runner's events: roles with durations, changes, failures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

#: Rooms that other roles include: their time belongs to the role that called them.
SHARED_ROLES = frozenset({"artifact", "setting"})


class Span(msgspec.Struct, kw_only=True):
    """One role's uninterrupted stretch in a play; times are seconds since 1970, `end` is None while it runs."""

    role: str
    play: str
    start: float
    end: float | None = None
    tasks: int = 0
    changed: int = 0
    failed: int = 0

    @property
    def seconds(self) -> float:
        """Return how long it took, 0 while it runs."""
        return 0.0 if self.end is None else self.end - self.start


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One task that failed on one host, or a host that could not be reached; without a host it is ansible's own."""

    host: str
    role: str
    task: str
    message: str
    unreachable: bool = False


class HostCounts(msgspec.Struct, kw_only=True):
    """A host's task counts, as the play recap gives them."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0


class Record(msgspec.Struct, kw_only=True):
    """A playbook's run so far. Feed it every event in order; its attributes are always current.

    `stats` is what the playbook set with `set_stats`: its way to hand values back.
    """

    spans: list[Span] = []
    failures: list[Failure] = []
    hosts: dict[str, HostCounts] = {}
    stats: dict[str, Any] = {}
    play: str = ""
    task: str = ""
    host: str = ""
    changed: int = 0
    failed: int = 0
    pid: int = 0

    def feed(self, event: Mapping[str, Any]) -> None:
        """Take one event of ansible-runner into account."""
        self.pid = int(event.get("pid") or self.pid)
        data: Mapping[str, Any] = event.get("event_data") or {}
        match event.get("event"):
            case "playbook_on_play_start":
                self._close(_time(event))
                self.play = str(data.get("name") or data.get("play") or "")
            case "playbook_on_task_start" | "playbook_on_handler_task_start" if not _includes(data):
                self._start_task(data, _time(event))
            case "runner_on_start":
                self.host = str(data.get("host", ""))
            case "runner_on_ok":
                self.host = str(data.get("host", ""))
                if (data.get("res") or {}).get("changed"):
                    self._count_change()
            case "runner_on_failed" if not data.get("ignore_errors"):
                self._fail(data, unreachable=False)
            case "runner_on_unreachable":
                self._fail(data, unreachable=True)
            case "playbook_on_stats":
                self._close(_time(event))
                self.stats = dict(data.get("artifact_data") or {})
                self._finish(data)

    @property
    def span(self) -> Span | None:
        """Return the running span."""
        return self.spans[-1] if self.spans and self.spans[-1].end is None else None

    def roles(self) -> dict[str, float]:
        """Return seconds per role, slowest first."""
        totals: dict[str, float] = {}
        for span in self.spans:
            totals[span.role] = totals.get(span.role, 0.0) + span.seconds
        return dict(sorted(totals.items(), key=lambda item: -item[1]))

    def close(self) -> None:
        """End the running span now: a run that was stopped sends no last event."""
        self._close(datetime.now(UTC).timestamp())

    def _start_task(self, data: Mapping[str, Any], when: float) -> None:
        self.task = str(data.get("task", ""))
        role = str(data.get("role") or self.play or "tasks")
        span = self.span
        if role in SHARED_ROLES and span is not None:
            role = span.role
        if span is None or span.role != role:
            self._close(when)
            span = Span(role=role, play=self.play, start=when)
            self.spans.append(span)
        span.tasks += 1

    def _close(self, when: float) -> None:
        if self.span is not None:
            self.span.end = max(when, self.span.start)

    def _count_change(self) -> None:
        self.changed += 1
        if self.span is not None:
            self.span.changed += 1

    def _fail(self, data: Mapping[str, Any], *, unreachable: bool) -> None:
        self.failed += 1
        if self.span is not None:
            self.span.failed += 1
        self.failures.append(
            Failure(
                host=str(data.get("host", "")),
                role=str(data.get("role") or ""),
                task=str(data.get("task", "")),
                message=message(data.get("res") or {}),
                unreachable=unreachable,
            )
        )

    def _finish(self, data: Mapping[str, Any]) -> None:
        names = {"ok": "ok", "changed": "changed", "failures": "failed", "dark": "unreachable", "skipped": "skipped"}
        for theirs, ours in names.items():
            for host, count in (data.get(theirs) or {}).items():
                setattr(self.hosts.setdefault(host, HostCounts()), ours, int(count))


def message(result: Mapping[str, Any]) -> str:
    """Return what a failed task said, without repetition: its message, its items' messages, its stderr."""
    parts = [
        f"{item.get('_ansible_item_label') or item.get(item.get('ansible_loop_var', 'item'))}: {item.get('msg', '')}"
        for item in result.get("results") or []
        if isinstance(item, Mapping) and item.get("failed")
    ] or [str(result.get("msg") or "")]
    for field in ("stderr", "module_stderr", "reason"):
        parts.append(str(result.get(field) or ""))
    if not any(part.strip() for part in parts[1:]):
        parts.append(str(result.get("stdout") or result.get("module_stdout") or ""))
    unique = dict.fromkeys(part.strip() for part in parts if part.strip())
    return "\n".join(unique) or "the task failed without saying why"


def _includes(data: Mapping[str, Any]) -> bool:
    """Return whether a task only brings others: those have roles, and it would stand between them."""
    return not data.get("role") and str(data.get("task_action", "")).endswith(("include_role", "include_tasks"))


def _time(event: Mapping[str, Any]) -> float:
    created = datetime.fromisoformat(str(event["created"]))
    return (created if created.tzinfo else created.replace(tzinfo=UTC)).timestamp()
