"""Bodies in and out under the content encodings that ClickHouse's clients use: gzip, deflate, lz4 and zstd.

Clients send several frames one after another (a frame a block), so every decoder goes on where a frame ends.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any

import lz4.frame  # type: ignore[import-untyped]
import zstandard

from cift.chdb.errors import EngineError

_SLICE = 16 * 1024  # of compressed input at a time, so that a bomb is noticed before it has grown


class _Zstd:
    """zstandard's decompressor with the face of the other two."""

    def __init__(self) -> None:
        self._frame = zstandard.ZstdDecompressor().decompressobj()

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def unused_data(self) -> bytes:
        return self._frame.unused_data

    def decompress(self, data: bytes) -> bytes:
        return self._frame.decompress(data)


_DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.decompressobj(wbits=31),
    "deflate": zlib.decompressobj,
    "lz4": lz4.frame.LZ4FrameDecompressor,
    "zstd": _Zstd,
}
ENCODINGS = tuple(_DECODERS)


class Decoder:
    """Decompresses a body piece by piece."""

    def __init__(self, encoding: str) -> None:
        if encoding not in _DECODERS:
            raise EngineError.of(
                48, f"Content-Encoding {encoding!r} is not supported; use one of {', '.join(ENCODINGS)}"
            )
        self._encoding = encoding
        self._new = _DECODERS[encoding]
        self._frame: Any = None

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` adds to the plain body."""
        try:
            for at in range(0, len(data), _SLICE):
                rest = data[at : at + _SLICE]
                while rest:
                    self._frame = self._frame or self._new()
                    if plain := self._frame.decompress(rest):
                        yield plain
                    rest = b""
                    if self._frame.eof:
                        rest, self._frame = self._frame.unused_data or b"", None
        except (zlib.error, RuntimeError, zstandard.ZstdError) as error:
            raise EngineError.of(117, f"Incorrect data: the body is not valid {self._encoding}: {error}") from None

    def finish(self) -> None:
        """Check that the body didn't end in the middle of a frame."""
        if self._frame is not None:
            raise EngineError.of(117, f"Incorrect data: the body ends in the middle of a frame of {self._encoding}")


class _Lz4Encoder:
    """lz4's compressor with the face of the other two."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor()
        self._head: bytes = self._frame.begin()

    def compress(self, data: bytes) -> bytes:
        head, self._head = self._head, b""
        return head + bytes(self._frame.compress(data))

    def flush(self) -> bytes:
        return self._head + bytes(self._frame.flush())


class _Plain:
    """No compression."""

    def compress(self, data: bytes) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


_ENCODERS: dict[str, Callable[[], Any]] = {
    "gzip": lambda: zlib.compressobj(level=3, wbits=31),
    "deflate": lambda: zlib.compressobj(level=3),
    "lz4": _Lz4Encoder,
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "": _Plain,
}


def choose(accept_encoding: str) -> str:
    """Return the first encoding of an Accept-Encoding header that is known here, or "" for none."""
    offered = (item.partition(";")[0].strip().lower() for item in accept_encoding.split(","))
    return next((name for name in offered if name in ENCODINGS), "")


def encoder(encoding: str) -> Any:
    """Return an object with `compress(bytes) -> bytes` and `flush() -> bytes`; "" compresses nothing."""
    return _ENCODERS[encoding]()
