"""The course of an instrument's day: phases, auctions and the day's end, carried out in its book."""

from __future__ import annotations

from cift_core import FastOrderBook, Fill

from cift.core.entering import Refused
from cift.core.messages import (
    DayEnded,
    EndOfDay,
    Phase,
    PhaseSet,
    SessionCommand,
    SessionEvent,
    SetPhase,
    Uncross,
    Uncrossed,
)

SESSION = "_session"


def is_auction(phase: Phase) -> bool:
    """Return whether orders gather for an auction."""
    return phase.endswith("_auction")


def of_session(symbol: str) -> str:
    """Return where the course of an instrument's day is told."""
    return f"{SESSION}.{symbol}"


def carry_out(seq: int, command: SessionCommand, book: FastOrderBook) -> tuple[list[Fill], SessionEvent]:
    """Do what a command says; returns what traded, and what is said last of it.

    Raises:
        Refused: it makes no sense in the book's phase.
        OrderError: the book crosses, or a reference is off its grid. Nothing changed in either case.
    """
    if command.symbol != of_session(command.instrument):
        raise Refused("bad_scope", f"{command.symbol} is not where the day of {command.instrument} is told")
    match command:
        case SetPhase():
            return _set_phase(seq, command, book)
        case Uncross():
            return _uncross(seq, command, book)
        case EndOfDay():
            gone = [each for each in book.end_of_day() if each[2] == "expired"]
            ended = DayEnded(
                symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=seq, last=True,
                instrument=command.instrument, phase=book.phase, count=len(gone),
            )  # fmt: skip
            return book.fills(), ended


def settle(command: SessionCommand, book: FastOrderBook) -> None:
    """Do what is left to do once it is told what a command caused: nothing trades by it."""
    if isinstance(command, Uncross) and command.then != "continuous":
        book.set_phase(command.then)


def _set_phase(seq: int, command: SetPhase, book: FastOrderBook) -> tuple[list[Fill], PhaseSet]:
    before, after = book.phase, command.phase
    if is_auction(before) and is_auction(after) and before != after:
        raise Refused(
            "auction_open", f"the {before.replace('_', ' ')} has not ended: uncross it, or halt before another"
        )
    fills: list[Fill] = []
    if before == after:
        book.advance_time(0)  # nothing happened, not what the command before did
    elif after == "continuous" and book.indication() is None:
        # Nothing crosses: it only lets go of orders that are for an auction alone, which none is on for any more.
        fills = book.uncross()[1]
    else:
        book.set_phase(after)
        fills = book.fills()
    said = PhaseSet(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=seq, last=True,
        instrument=command.instrument, phase=after,
    )  # fmt: skip
    return fills, said


def _uncross(seq: int, command: Uncross, book: FastOrderBook) -> tuple[list[Fill], Uncrossed]:
    if not is_auction(book.phase):
        raise Refused("no_auction", f"{command.instrument} has no auction to end: its phase is {book.phase}")
    result, fills = book.uncross(command.reference)
    price, volume, imbalance = result or (None, 0.0, 0.0)
    said = Uncrossed(
        symbol=command.symbol, ts=command.ts, seq=seq, pos=0, user_id=command.user_id, order_id=seq, last=True,
        instrument=command.instrument, phase=command.then, price=price, volume=volume, imbalance=imbalance,
    )  # fmt: skip
    return fills, said
