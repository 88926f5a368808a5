"""Streams of unknown length in one tar: `NAME/000001`, `NAME/000002` and so on are the parts of NAME."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from typing import BinaryIO


class Writer:
    """Writes to what can't seek."""

    def __init__(self, out: BinaryIO) -> None:
        self._tar = tarfile.open(fileobj=out, mode="w|")  # noqa: SIM115

    def __enter__(self) -> Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.add(".end", b"")
            self._tar.close()

    def add(self, name: str, content: bytes) -> None:
        """Write a stream of one part."""
        self.stream(name, [content])

    def stream(self, name: str, parts: Iterable[bytes]) -> None:
        """Write a stream."""
        for number, part in enumerate(parts):
            info = tarfile.TarInfo(f"{name}/{number:09d}")
            info.size = len(part)
            self._tar.addfile(info, io.BytesIO(part))


class Reader:
    """Gives each stream's name and its parts, in order; the parts must be read before the next stream."""

    def __init__(self, source: BinaryIO) -> None:
        self._tar = tarfile.open(fileobj=source, mode="r|")  # noqa: SIM115
        self._next = self._tar.next()

    def __iter__(self) -> Iterator[tuple[str, Iterator[bytes]]]:
        return self

    def __next__(self) -> tuple[str, Iterator[bytes]]:
        if self._next is None:
            raise OSError("the archive ends too early")
        name = self._next.name.rpartition("/")[0]
        if name == ".end":
            raise StopIteration
        return name, self._parts(name)

    def _parts(self, name: str) -> Iterator[bytes]:
        while self._next is not None and self._next.name.rpartition("/")[0] == name:
            file = self._tar.extractfile(self._next)
            yield file.read() if file else b""
            self._next = self._tar.next()
