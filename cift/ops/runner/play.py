"""One playbook through ansible-runner: events to a record, output to a log, Ctrl-C to a clean stop."""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from cift.ops.runner.project import environment
from cift.ops.runner.record import Failure, Record

Status = Literal["successful", "failed", "canceled"]
#: How long a stopped ansible-playbook may take to end its connections before it is killed.
_STOP_PATIENCE_S = 8.0
_SLICE_S = 0.2


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How a playbook ended. `log` is its whole output; `started` and `finished` are seconds since 1970."""

    playbook: str
    status: Status
    record: Record
    log: str
    started: float
    finished: float

    @property
    def ok(self) -> bool:
        """Return whether every task on every host succeeded."""
        return self.status == "successful"

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.finished - self.started


def run_playbook(
    root: Path,
    playbook: str,
    inventories: Sequence[Path],
    log: Path,
    *,
    on_event: Callable[[Record], None] = lambda record: None,
    extra_vars: Mapping[str, Any] | None = None,
    skip_tags: str | None = None,
    limit: str | None = None,
) -> Outcome:
    """Run a playbook of the checkout and wait for it; `on_event` gets the record after every event.

    Ctrl-C (KeyboardInterrupt) lets ansible end its tasks and connections; a second one kills it. The outcome is then
    `canceled` instead of an exception, so that what was done so far can be reported.
    """
    job = _Job(on_event)
    started = time.time()
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cift-runner-") as folder, log.open("w") as job.output:
        arguments = {
            "private_data_dir": folder,
            "project_dir": str(root),
            "playbook": playbook,
            "inventory": [str(path) for path in inventories],
            "extravars": dict(extra_vars or {}),
            "envvars": environment(root),
            "settings": {"pexpect_timeout": 1, "suppress_output_file": True},
            "skip_tags": skip_tags,
            "limit": limit,
            "quiet": True,
        }
        job.run(arguments)
    job.record.close()
    if job.status == "failed" and not job.record.failures:
        job.record.failures.append(Failure(host="", role="", task="", message=_last_words(log)))
    if job.status == "successful":
        job.record.failures.clear()  # what a rescue section repaired
    return Outcome(
        playbook=playbook,
        status=job.status,
        record=job.record,
        log=str(log),
        started=started,
        finished=time.time(),
    )


class _Job:
    """A playbook running in a thread, so that the main thread stays free for signals."""

    def __init__(self, on_event: Callable[[Record], None]) -> None:
        self.record = Record()
        self.status: Status = "failed"
        self.output: IO[str]
        self._on_event = on_event
        self._stopping = False
        self._kill_at = float("inf")
        self._error: Exception | None = None
        self._ended = threading.Event()

    def run(self, arguments: dict[str, Any]) -> None:
        thread = threading.Thread(target=self._work, args=(arguments,), name="playbook")
        thread.start()
        while not self._ended.is_set():  # not thread.join: Python 3.11 takes an interrupted join for a finished thread
            try:
                # In slices: polars, once imported, has the kernel resume a wait that a signal interrupts, and Python
                # would learn of Ctrl-C only at its end.
                self._ended.wait(_SLICE_S)
            except KeyboardInterrupt:
                self._stop()
        thread.join()
        if self._error is not None:
            raise self._error

    def _work(self, arguments: dict[str, Any]) -> None:
        try:
            import ansible_runner  # the host's own cift has the same commands but no ansible

            runner = ansible_runner.run(event_handler=self._event, cancel_callback=self._must_kill, **arguments)
            if self._stopping:
                self.status = "canceled"
            else:
                self.status = "successful" if runner.status == "successful" else "failed"
        except Exception as error:
            self._error = error
        finally:
            self._ended.set()

    def _event(self, event: dict[str, Any]) -> bool:
        """Take an event; False tells ansible-runner not to keep it on disk."""
        if text := event.get("stdout"):
            self.output.write(f"{text}\n")
            self.output.flush()
        self.record.feed(event)
        self._on_event(self.record)
        return False

    def _stop(self) -> None:
        """Ask ansible to end as its own Ctrl-C would; the second time, kill it."""
        self._kill_at = time.monotonic() if self._stopping else time.monotonic() + _STOP_PATIENCE_S
        if not self._stopping and self.record.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.record.pid, signal.SIGINT)
        self._stopping = True

    def _must_kill(self) -> bool:
        """Tell ansible-runner to kill ansible, after killing the workers that it would leave behind."""
        if time.monotonic() < self._kill_at:
            return False
        for worker in _children(self.record.pid):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(worker, signal.SIGKILL)  # each of ansible's workers leads a process group of its own
        return True


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _last_words(log: Path) -> str:
    """Return the end of what ansible said: it failed before or outside any task (a syntax error, no such host)."""
    lines = [line for line in log.read_text().splitlines() if line.strip()]
    return "\n".join(lines[-15:]) or "ansible ended without a word"
