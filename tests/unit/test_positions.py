"""Positions and accounts from fills."""

from __future__ import annotations

import random
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl
import pytest

from cift.core.messages import Fill, Side
from cift.core.recording.accounts import Accounts
from tests.property.recording import of_events, stored

PERIOD_NS = 60 * 10**9


class Book(Accounts):
    """Accounts that are told of one fill at a time."""

    def apply(self, fill: Fill, seq: int) -> list[dict[str, Any]]:
        rows, told, left_out = of_events(stored([fill], seq), self.positions, self.last)
        assert (told, left_out) == ([], [])
        return rows["positions"]


def accounts() -> Book:
    return Book(value=1000.0, max_leverage=4.0, currency="USD")


def fill(seq: int, side: Side, price: float, quantity: float, *, taker: int = 1, maker: int = 2, **more: Any) -> Fill:
    fields = {"symbol": "AAPL", "ts": seq, "seq": seq, "pos": 1, "user_id": taker, "maker_user_id": maker, **more}
    return Fill(side=side, price=price, quantity=quantity, order_id=seq, maker_order_id=1, **fields)


def test_opening_closing_and_turning() -> None:
    book = accounts()
    for seq, (quantity, price, wanted) in enumerate(
        (
            (10, 100.0, (10.0, 100.0, 0.0)),
            (10, 120.0, (20.0, 110.0, 0.0)),
            (-5, 130.0, (15.0, 110.0, 100.0)),
            (-20, 100.0, (-5.0, 100.0, -50.0)),
            (-5, 90.0, (-10.0, 95.0, -50.0)),
            (10, 80.0, (0.0, 0.0, 100.0)),
        ),
        1,
    ):
        row, _ = book.apply(fill(seq, "buy" if quantity > 0 else "sell", price, float(abs(quantity))), seq)
        assert (row["quantity"], row["average_price"], row["realized_pnl"]) == wanted


def test_what_is_closed_is_nothing() -> None:
    book = accounts()
    for seq, (side, quantity) in enumerate((("buy", 0.1), ("buy", 0.2), ("sell", 0.3)), 1):
        taker, maker = book.apply(fill(seq, side, 10.0, quantity), seq)  # type: ignore[arg-type]
    assert (taker["quantity"], maker["quantity"]) == (0.0, 0.0)


def test_money_is_neither_made_nor_lost() -> None:
    """Whatever is traded, what an account has at the last price is what it got less what it paid."""
    chance = random.Random(3)
    book = accounts()
    cash: dict[int, Fraction] = dict.fromkeys((1, 2, 3), Fraction(0))
    held: dict[int, Fraction] = dict.fromkeys((1, 2, 3), Fraction(0))
    last: dict[int, dict[str, Any]] = {}
    price = 100.0
    for seq in range(1, 3000):
        taker, maker = chance.sample((1, 2, 3), 2)
        price, quantity = chance.randint(9000, 11000) / 100, float(chance.randint(1, 9))
        side: Side = "buy" if chance.random() < 0.5 else "sell"
        for row in book.apply(fill(seq, side, price, quantity, taker=taker, maker=maker), seq):
            last[row["account_id"]] = row
        for account, sign in ((taker, 1), (maker, -1)):
            signed = sign * (1 if side == "buy" else -1) * Fraction(quantity)
            cash[account] -= signed * Fraction(price)
            held[account] += signed
    for account, row in last.items():
        assert row["quantity"] == float(held[account])
        unrealized = row["quantity"] * (price - row["average_price"])
        assert row["realized_pnl"] + unrealized == pytest.approx(float(cash[account] + held[account] * Fraction(price)))


def test_who_trades_with_himself_has_one_row() -> None:
    rows = accounts().apply(fill(5, "buy", 10.0, 3.0, taker=1, maker=1), 77)
    assert [(row["account_id"], row["quantity"], row["stream_seq"]) for row in rows] == [(1, 0.0, 77)]


def test_accounts_are_noted_at_the_end_of_a_minute_in_which_they_traded() -> None:
    book = accounts()
    book.apply(fill(1, "buy", 100.0, 4.0), 1)
    assert book.ended(PERIOD_NS - 1) == []
    (first, second) = book.ended(PERIOD_NS)
    assert (first["ts"], first["account_id"], second["account_id"]) == (PERIOD_NS, 1, 2)
    assert first | {"ts": 0} == {
        "ts": 0, "account_id": 1, "currency": "USD", "cash": Decimal(600), "equity": Decimal(1000),
        "margin_used": Decimal(100), "realized_pnl": Decimal(0), "unrealized_pnl": Decimal(0), "leverage": 0.4,
    }  # fmt: skip
    assert second["cash"] == Decimal(1400)
    assert book.ended(2 * PERIOD_NS) == []
    book.apply(fill(3 * PERIOD_NS, "sell", 110.0, 1.0, taker=3), 2)
    (second, third) = book.ended(4 * PERIOD_NS)
    assert (second["account_id"], third["account_id"]) == (2, 3)
    assert (second["unrealized_pnl"], second["equity"]) == (Decimal(-30), Decimal(960))
    # One that comes late changes what was told of that minute.
    book.apply(fill(3 * PERIOD_NS + 1, "sell", 110.0, 1.0, taker=3), 3)
    assert [row["ts"] for row in book.ended(5 * PERIOD_NS)] == [4 * PERIOD_NS] * 2


def test_a_restart_goes_on_as_if_there_had_been_none() -> None:
    chance = random.Random(1)
    fills = [
        fill(
            seq * PERIOD_NS // 20, "buy" if chance.random() < 0.5 else "sell", chance.randint(900, 1100) / 10,
            chance.randint(1, 5) / 10, taker=chance.randint(1, 3), maker=chance.randint(1, 3),
            symbol=chance.choice(("A", "B")),
        )
        for seq in range(1, 200)
    ]  # fmt: skip
    whole, rows, snapshots = accounts(), list[Any](), list[Any]()
    for seq, each in enumerate(fills, 1):
        snapshots += whole.ended(each.ts)
        rows += whole.apply(each, seq)
    for cut in (0, 1, 37, 120, 198):
        again = accounts()
        latest = {(row["account_id"], row["symbol"]): row for row in rows if row["stream_seq"] <= cut}
        if latest:
            again.load(pl.DataFrame(sorted(latest.values(), key=lambda row: row["stream_seq"])))
        assert again.last == cut
        more, told = list[Any](), list[Any]()
        for seq, each in enumerate(fills[cut:], cut + 1):
            told += again.ended(each.ts)
            more += again.apply(each, seq)
        assert more == [row for row in rows if row["stream_seq"] > cut]
        assert told == snapshots[len(snapshots) - len(told) :]
