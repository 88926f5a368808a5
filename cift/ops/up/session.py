"""One run of `cift up`, `verify` or `benchmark`: its steps one after the other, its folder, its report."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from cift.core.orderflow import OrderFlowError
from cift.ops.replay.target import ReplayError
from cift.ops.report.cost import cost_of
from cift.ops.report.model import Deploy, ReportError, Step
from cift.ops.report.reading import read_report, write_json
from cift.ops.report.signature import SignatureError
from cift.ops.report.terminal import print_report
from cift.ops.report.writing import write_report
from cift.ops.runner.display import Display, print_failure
from cift.ops.runner.inventory import Inventory
from cift.ops.runner.play import Outcome, run_playbook
from cift.ops.runner.project import ProjectError
from cift.ops.sandbox.errors import SandboxError

#: What a step may fail with: one sentence for a person. Anything else is a defect and shows its traceback.
FAILURES = (SandboxError, ReplayError, OrderFlowError, ProjectError, ReportError, httpx.HTTPError, OSError)
_INTERRUPTED = 130


class StepError(Exception):
    """A step that failed; the message is one sentence."""


class Session:
    """Runs steps until one that the next needs fails; then, in any case, writes and prints the report."""

    def __init__(self, root: Path, inventory: Inventory, command: str, console: Console) -> None:
        self.root = root
        self.inventory = inventory
        self.console = console
        self.folder = root / "reports" / inventory.name / datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        self._command = command
        self._steps: list[Step] = []
        self._playbooks: list[Outcome] = []
        self._interrupted = False

    def step(self, name: str, title: str, work: Callable[[], object]) -> bool:
        """Do a step and remember how it went; return whether the next ones make sense.

        Ctrl-C ends the step, and every later one is left out.
        """
        if self._interrupted:
            return False
        self.console.print(f"[bold]{title}[/]", highlight=False)
        started, message = time.time(), ""
        try:
            work()
        except KeyboardInterrupt:
            self._interrupted = True
            message = "stopped by Ctrl-C"
        except StepError as error:
            message = str(error)
        except FAILURES as error:
            message = str(error) or type(error).__name__
            self.console.print(f"  [red]✗[/] {name}: ", end="")
            self.console.print(message, markup=False, highlight=False, soft_wrap=True)
        self._steps.append(
            Step(name=name, started=started, finished=time.time(), ok=not message, message=message),
        )
        return not message

    def benchmark(self, *, quick: bool) -> None:
        """Run the benchmark playbook, see `playbook`; `quick` measures for seconds instead of minutes."""
        self.playbook("playbooks/benchmark.yml", variables={"benchmark_quick": quick})

    def playbook(
        self, name: str, *, skip_tags: str | None = None, variables: Mapping[str, Any] | None = None
    ) -> Outcome:
        """Run a playbook with progress.

        Raises:
            StepError: a task failed; everything about it has been printed.
            KeyboardInterrupt: it was stopped.
        """
        with Display(self.console) as display:
            outcome = run_playbook(
                self.root,
                name,
                [self.inventory.path],
                self.folder / f"{Path(name).stem}.log",
                on_event=display.update,
                extra_vars={"cift_report_dir": str(self.folder), **(variables or {})},
                skip_tags=skip_tags,
            )
        self._playbooks.append(outcome)
        if not outcome.ok:
            print_failure(self.console, outcome)
        if outcome.status == "canceled":
            raise KeyboardInterrupt
        if not outcome.ok:
            # Where a host cannot be reached, a later task says so in a sentence, with what to do.
            failures = outcome.record.failures
            first = next((failure for failure in failures if not failure.unreachable), failures[0])
            where = ", ".join(part for part in (first.host, first.role, first.task) if part)
            raise StepError(f"{where}: {first.message.splitlines()[0]}" if where else first.message.splitlines()[0])
        return outcome

    def finish(self) -> int:
        """Write deploy.json and the signed report, print the table, and return the exit status."""
        deploy = Deploy(
            inventory=self.inventory.name,
            command=self._command,
            steps=self._steps,
            playbooks=self._playbooks,
        )
        write_json(self.folder / "deploy.json", deploy)
        if cost := cost_of(self.inventory):
            write_json(self.folder / "cost.json", cost)
        report = read_report(self.folder, self.inventory.name)
        try:
            page = write_report(self.root, self.folder, report)
        except SignatureError as error:
            page = self.folder / "report.html"
            self.console.print(f"not signed: {error}", markup=False, highlight=False, soft_wrap=True)
        point_latest(self.folder)
        print_report(self.console, report, page)
        if self._interrupted:
            return _INTERRUPTED
        return 0 if report.verdict == "passed" else 1


def point_latest(folder: Path) -> None:
    """Make `latest` beside the folder a link to it, in one step."""
    draft = folder.with_name(f".latest-{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.symlink_to(folder.name)
    draft.replace(folder.with_name("latest"))
