"""A replay from beginning to end, with a progress bar."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cift.core.orderflow import BookRow, FlowEvent, generate, read_lobster_book, read_lobster_messages
from cift.ops.replay.comparison import Comparison
from cift.ops.replay.player import Player
from cift.ops.replay.result import ReplayResult, Tally
from cift.ops.replay.target import Book, RefusedError, ReplayError, Target

_SHOW_EVERY = 128


def replay_file(
    path: Path,
    target: Target,
    *,
    compare: Path | None = None,
    rate: float | None = None,
    console: Console | None = None,
) -> ReplayResult:
    """Play a LOBSTER message file; with `compare`, its orderbook file seeds the book and judges every row.

    `rate` is the most events per second. OrderFlowError names file, line and field of a bad file; ReplayError says why
    the target can't be played to.
    """
    total = _count_lines(path)
    # Both files are read through before the first order is sent, so that a bad line can't leave half of them played.
    for _ in read_lobster_messages(path):
        pass
    rows = None
    if compare is not None:
        if sum(1 for _ in read_lobster_book(compare)) != total:
            raise ReplayError(f"{compare}: {_count_lines(compare)} rows, expected one for each of {total} in {path}")
        rows = read_lobster_book(compare)
    return _replay(read_lobster_messages(path), total, path.name, target, rows, rate, console)


def replay_generated(
    count: int, seed: int, target: Target, *, rate: float | None = None, console: Console | None = None
) -> ReplayResult:
    """Play `count` generated events; the same seed plays the same events."""
    return _replay(generate(count, seed), count, f"generated {count:,} (seed {seed})", target, None, rate, console)


def _replay(
    events: Iterable[FlowEvent],
    total: int,
    source: str,
    target: Target,
    rows: Iterator[BookRow] | None,
    rate: float | None,
    console: Console | None,
) -> ReplayResult:
    _need_empty(target)
    tally = Tally()
    player = Player(target, tally)
    comparison = None
    events = iter(events)
    done = 0
    try:
        with _progress(console) as progress:
            task = progress.add_task(source, total=total)
            pace = _pace(rate)
            if rows is not None:
                # The first row is the state after the first message: it seeds the book, and the message is in it.
                first = next(rows, None)
                if first is not None:
                    player.seed("buy", first.bids)
                    player.seed("sell", first.asks)
                    comparison = Comparison(target, player, first)
                    comparison.check(first)
                    next(events)
                    done = 1
            tally.start()
            for event in events:
                pace(done)
                player.play(event)
                if comparison is not None and rows is not None:
                    comparison.check(next(rows))
                done += 1
                if done % _SHOW_EVERY == 0:
                    progress.update(task, completed=done)
            seconds = tally.seconds()
            progress.update(task, completed=done)
    except RefusedError as error:
        raise ReplayError(f"event {done + 1}: {error}") from error
    finally:
        player.clean_up()
    return ReplayResult(
        source=source,
        target=target.name,
        symbol=target.symbol,
        first_order_id=tally.first_order_id,
        last_order_id=tally.last_order_id,
        events=done,
        orders=tally.orders,
        commands=tally.commands,
        fills=tally.fills,
        skipped=tally.skipped,
        out_of_turn=tally.out_of_turn,
        seconds=round(seconds, 6),
        rate=round(tally.commands / seconds, 1) if seconds else 0.0,
        latency_us=tally.latency_us(),
        rows=comparison.rows if comparison else 0,
        told=comparison.told if comparison else 0,
        differing=comparison.differing if comparison else 0,
        errors=tally.errors,
        messages=tally.messages,
    )


def _need_empty(target: Target) -> None:
    def empty(book: Book) -> bool:
        return not book[0] and not book[1]

    bids, asks = target.book(1, empty)
    if bids or asks:
        best = ", ".join(
            f"{name} {side[0][1]:g} at {side[0][0]:g}" for name, side in (("bid", bids), ("ask", asks)) if side
        )
        raise ReplayError(
            f"the book is not empty ({best}): a replay needs a book of its own; name another --symbol, or clear this "
            "one with --clear"
        )


def _pace(rate: float | None) -> Callable[[int], None]:
    """Return a function that waits until event number `done` is due."""
    if rate is None:
        return lambda done: None
    started = time.monotonic()

    def wait(done: int) -> None:
        ahead = started + done / rate - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)

    return wait


def _progress(console: Console | None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(show_speed=True),
        TimeRemainingColumn(),
        console=console or Console(stderr=True),
    )


def _count_lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(1 for _ in file)
    except OSError as error:
        raise ReplayError(f"{path}: {error.strerror}: name a message file") from error
