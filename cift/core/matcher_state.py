"""The form of a matcher's snapshot: MessagePack behind a mark and a checksum. Damage is told before it is read."""

from __future__ import annotations

import hashlib

import msgspec

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
