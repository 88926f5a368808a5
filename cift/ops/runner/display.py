"""Progress of a playbook: a live line on a terminal, one plain line per finished role everywhere else."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cift.ops.runner.play import Outcome
from cift.ops.runner.record import Record, Span


class Display:
    """Shows one playbook while it runs: a context manager whose `update` is `run_playbook`'s `on_event`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._record = Record()
        self._printed = 0
        self._started = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")
        self._live = Live(console=console, transient=True, refresh_per_second=8, get_renderable=self._line)

    def __enter__(self) -> Display:
        self._started = time.monotonic()
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._print_finished()
        if self._live.is_started:
            self._live.stop()

    def update(self, record: Record) -> None:
        """Take the record's state after an event; prints the roles that ended since the last call."""
        self._record = record
        self._print_finished()

    def _print_finished(self) -> None:
        while self._printed < len(self._record.spans) and self._record.spans[self._printed].end is not None:
            self._console.print(_finished(self._record.spans[self._printed]))
            self._printed += 1

    def _line(self) -> Table:
        """Return the live line: elapsed, host, role, task, changed and failed."""
        record, elapsed = self._record, time.monotonic() - self._started
        role = record.span.role if record.span else ""
        line = Table.grid(padding=(0, 1))
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True)
        line.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        line.add_column(no_wrap=True)
        now = Text.assemble((record.host, "bold"), " ", (role, "cyan"), " ", record.task or "starting")
        counts = Text.assemble(
            f"changed {record.changed}  ", (f"failed {record.failed}", "red" if record.failed else "")
        )
        line.add_row(self._spinner, f"{int(elapsed) // 60:02d}:{int(elapsed) % 60:02d}", now, counts)
        line.expand = True
        return line


def _finished(span: Span) -> Text:
    mark, style = ("✗", "red") if span.failed else ("✓", "green")
    counts = f"{span.tasks} task{'' if span.tasks == 1 else 's'}" + (
        f", {span.changed} changed" if span.changed else ""
    )
    counts += f", {span.failed} failed" if span.failed else ""
    return Text.assemble("  ", (mark, style), f" {span.role:<18}{span.seconds:>7.1f} s   ", (counts, "dim"))


def print_failure(console: Console, outcome: Outcome) -> None:
    """Print what stopped a playbook in one readable block: host, role, task, message, and where everything else is."""
    console.print()
    if outcome.status == "canceled":
        console.print(f"[bold yellow]{outcome.playbook} was stopped[/]; what was done stays, run it again to go on")
    else:
        console.print(f"[bold red]{outcome.playbook} failed[/]")
        for failure in outcome.record.failures:
            where = " › ".join(part for part in (failure.host, failure.role, failure.task) if part)
            if where:
                console.print(f"  [bold]{escape(where)}[/]", soft_wrap=True)
            for line in failure.message.splitlines()[:20]:
                console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
    console.print(f"  full output: {outcome.log}", highlight=False, soft_wrap=True)
