"""Recorded files: opened, packed or not, and told apart by what is in them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cift.core.feeds.source import FeedError

_END = 1 << 20
PIECE = 1 << 20


def fingerprint(path: Path) -> str:
    """Return what tells a file from others: a hash of its size, its first and its last megabyte.

    Raises:
        FeedError: there is no such file.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            digest = hashlib.sha256(str(size).encode() + file.read(_END))
            file.seek(max(_END, size - _END))
            digest.update(file.read(_END))
    except OSError as error:
        raise FeedError(f"{path}: {error.strerror}; expected a recorded file that this user may read") from None
    return digest.hexdigest()[:16]


def opened(path: Path) -> BinaryIO:
    """Open a file, unpacking what ends in .gz.

    Raises:
        FeedError: it can't be opened.
    """
    try:
        return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise FeedError(f"{path}: {error.strerror}") from None


def pieces(path: Path) -> Iterator[tuple[bytes, float]]:
    """Yield a file piece by piece, each with the part of the file that is read by then.

    Raises:
        FeedError: it can't be read, or unpacked, to its end.
    """
    try:
        with path.open("rb") as raw:
            size = max(1, path.stat().st_size)
            file = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
            while piece := file.read(PIECE):
                yield piece, raw.tell() / size
    except (OSError, EOFError, zlib.error) as error:
        raise FeedError(f"{path}: {error}; expected a whole file that this user may read") from None


def content(path: Path) -> bytes:
    """Return a whole file."""
    return b"".join(piece for piece, _ in pieces(path))


def midnight(day: str, zone: str) -> int:
    """Return the nanoseconds since 1970 at which `day` (2026-11-27) begins in `zone`; 0 for no day.

    Raises:
        FeedError: no such day, or no such zone on this machine.
    """
    if not day:
        return 0
    try:
        parsed = date.fromisoformat(day)
        return int(datetime(parsed.year, parsed.month, parsed.day, tzinfo=ZoneInfo(zone)).timestamp()) * 10**9
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise FeedError(f"date: found {day!r} in {zone}, expected a day such as 2026-11-27: {error}") from None
