"""A matcher's state: its hash, and its snapshot, MessagePack behind a mark and a checksum. Damage is told before it is
read.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from cift_core import FastOrderBook

from cift.core.known_orders import KnownOrders
from cift.core.limit_gate import digest_of
from cift.core.messages import KillSwitch, SetAccountLimits, SetLimits

_MARK = b"CIFT matcher 1\n"
_DIGEST_BYTES = 32


class SnapshotError(ValueError):
    """The bytes are no snapshot that this release can go on from; the message says why."""


class MarketState(msgspec.Struct, frozen=True, array_like=True):
    """One symbol; `book` is the core's own snapshot."""

    symbol: str
    tick_size: float
    lot_size: float
    special: bool
    book: bytes


class MatcherState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All of a matcher after command `sequence`; `hash` is its `state_hash`.

    What older snapshots don't have is left out where there is none, so that theirs and ours are the same bytes.
    """

    sequence: int
    hash: int
    limits: SetLimits | None
    markets: list[MarketState]
    positions: list[tuple[int, str, int]]
    names: list[tuple[int, str, int]]
    owners: list[tuple[int, int]]
    account_limits: list[SetAccountLimits] = []
    switches: list[KillSwitch] = []
    gate: bytes = b""


class HashedMarket(NamedTuple):
    """What `state_hash` covers of a symbol."""

    symbol: str
    tick_size: float
    lot_size: float
    book_hash: int


def state_hash(
    sequence: int, markets: Iterable[HashedMarket], positions: Mapping[tuple[int, str], int], risk: Iterable[bytes]
) -> int:
    """Return 64 bits that are equal exactly when all of it is equal."""
    digest = hashlib.blake2b(digest_size=8)
    digest.update(struct.pack("<Q", sequence))
    for symbol, tick_size, lot_size, book_hash in sorted(markets):
        digest.update(f"{symbol}:{tick_size!r}:{lot_size!r}:".encode())
        digest.update(struct.pack("<Q", book_hash))
    for (user_id, symbol), lots in sorted(positions.items()):
        digest.update(f"{user_id}:{symbol}:{lots};".encode())
    for part in risk:
        digest.update(part)
    return int.from_bytes(digest.digest(), "little")


@dataclass(frozen=True, slots=True)
class Frozen:
    """A matcher at one moment: what goes on to change is copied, and nothing is hashed or encoded yet."""

    sequence: int
    markets: list[MarketState]
    positions: dict[tuple[int, str], int]
    known: KnownOrders
    limits: SetLimits | None
    account_limits: list[SetAccountLimits]
    switches: list[KillSwitch]
    risk: list[bytes]
    gate: bytes

    def encode(self) -> bytes:
        """Return the snapshot for `Matcher.restore`. It may be made on a thread, while the matcher goes on."""
        markets = [
            HashedMarket(each.symbol, each.tick_size, each.lot_size, FastOrderBook.hash_of(each.book))
            for each in self.markets
        ]
        risk = [*self.risk, digest_of(self.gate)] if self.gate else self.risk
        return save(
            MatcherState(
                sequence=self.sequence,
                hash=state_hash(self.sequence, markets, self.positions, risk),
                limits=self.limits,
                markets=self.markets,
                positions=[(user_id, symbol, lots) for (user_id, symbol), lots in self.positions.items()],
                names=self.known.names,
                owners=self.known.owners,
                account_limits=self.account_limits,
                switches=self.switches,
                gate=self.gate,
            )
        )


def save(state: MatcherState) -> bytes:
    """Return the state as bytes."""
    body = msgspec.msgpack.encode(state)
    return _MARK + hashlib.sha256(body).digest() + body


def load(data: bytes) -> MatcherState:
    """Return the state in `data`.

    Raises:
        SnapshotError: not the bytes that `save` of this release returned.
    """
    if not data.startswith(_MARK):
        raise SnapshotError(f"begins with {data[: len(_MARK)]!r}, expected {_MARK!r}")
    digest, body = data[len(_MARK) : len(_MARK) + _DIGEST_BYTES], data[len(_MARK) + _DIGEST_BYTES :]
    if hashlib.sha256(body).digest() != digest:
        raise SnapshotError(f"{len(body)} bytes that do not match their checksum")
    try:
        return msgspec.msgpack.decode(body, type=MatcherState)
    except msgspec.MsgspecError as error:
        raise SnapshotError(str(error)) from None
