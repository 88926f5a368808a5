"""Just enough of ClickHouse's grammar to serve it over HTTP: a statement's kind, its format, where its data starts.

The engine parses the statement for real; this looks at its tokens alone, and refuses what a server refuses over HTTP
but an embedded engine would do: several statements at once, and reading or writing files of the host.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cift.chdb.errors import EngineError

READS = frozenset({"SELECT", "WITH", "SHOW", "DESC", "DESCRIBE", "EXPLAIN", "EXISTS", "CHECK"})

_TOKEN = re.compile(
    rb"""(?P<space>[\s\x00]+|--[^\n]*|\#[\ !][^\n]*|/\*.*?\*/)
      |(?P<string>'(?:[^'\\]|\\.|'')*')
      |(?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
      |(?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
      |(?P<word>\w[\w$]*)
      |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    `kind` is its first word in capitals (INSERT for `WITH ... INSERT`). `format` is the one it names, or None. For an
    INSERT that brings data, `data_at` is the offset of its first byte and `head` what comes before FORMAT or VALUES.
    """

    kind: str
    format: str | None
    head: bytes
    data_at: int | None


class IncompleteError(Exception):
    """The text so far doesn't tell yet; more of it is needed."""


def _tokens(text: bytes) -> Iterator[tuple[str, bytes, int, int]]:
    """Yield (kind, text, start, end) of every token outside of parentheses, and of names before one as `call`."""
    depth = 0
    name: bytes | None = None
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind == "tag":
            kind = "heredoc"
        if kind == "space":
            continue
        if match[0] == b"(":
            if name is not None and name.strip(b'`"').lower() == b"file":
                raise EngineError.of(497, "Not enough privileges: file() reads and writes files of the host")
            depth += 1
        elif match[0] == b")":
            depth -= 1
            if depth == 0:
                yield "group", b"", match.start(), match.end()
                name = None
                continue
        name = match[0] if kind in ("word", "quoted") else None
        if depth == 0:
            yield kind, match[0], match.start(), match.end()
        elif depth == 1 and match[0] == b"(":
            yield "open", b"(", match.start(), match.end()


def _data_start(text: bytes, at: int) -> int:
    """Skip blanks and one line end after a format's name, as ClickHouse does: the rest may be binary."""
    while text[at : at + 1] in (b" ", b"\t", b"\f"):
        at += 1
    if text[at : at + 2] == b"\r\n":
        return at + 2
    return at + 1 if text[at : at + 1] == b"\n" else at


def _insert(text: bytes, words: list[tuple[bytes, int, int]], complete: bool) -> Statement | None:
    """Recognize an INSERT that brings its data, from the words outside of parentheses seen so far."""
    upper = words[-1][0].upper()
    if upper == b"VALUES":
        return Statement("INSERT", "Values", text[: words[-1][1]], words[-1][2])
    if len(words) > 1 and words[-2][0].upper() == b"FORMAT":
        if words[-1][2] == len(text) and not complete:
            raise IncompleteError
        return Statement("INSERT", words[-1][0].decode(), text[: words[-2][1]], _data_start(text, words[-1][2]))
    return None


def parse(text: bytes, *, complete: bool = True) -> Statement:
    """Look at a statement, or at the beginning of one when `complete` is false.

    Raises:
        IncompleteError: it can't be told yet (only when `complete` is false).
        EngineError: it is empty, holds several statements, or touches files of the host.
    """
    words: list[tuple[bytes, int, int]] = []
    kind = ""
    selects = ended = False
    for sort, value, start, end in _tokens(text):
        if ended:
            raise EngineError.of(62, f"Multi-statements are not allowed: found more text at position {start}")
        if value == b";":
            ended = True
            continue
        if sort == "open" and not kind:
            kind = "SELECT"
        if sort != "word":
            words.append((b"", start, end))
            continue
        words.append((value, start, end))
        upper = value.upper()
        kind = kind or upper.decode()
        if kind == "WITH" and upper == b"INSERT":
            kind = "INSERT"
        before = words[-2][0].upper() if len(words) > 1 else b""
        if (before, upper) in ((b"INTO", b"OUTFILE"), (b"FROM", b"INFILE")):
            clause = (before + b" " + upper).decode()
            raise EngineError.of(497, f"Not enough privileges: {clause} reads or writes files of the host")
        if kind == "INSERT":
            selects = selects or upper in (b"SELECT", b"WITH")
            if not selects and (found := _insert(text, words, complete)) is not None:
                return found
    if not complete:
        raise IncompleteError
    if not kind:
        raise EngineError.of(62, "Syntax error: Empty query")
    if kind == "INSERT" and not selects:
        return Statement(kind, None, text, len(text))
    return Statement(kind, _trailing_format(words), text, None)


def _trailing_format(words: list[tuple[bytes, int, int]]) -> str | None:
    """Return the format that a statement names at its end, before or after its settings."""
    for position in range(len(words) - 2, 0, -1):
        if words[position][0].upper() == b"FORMAT" and words[position + 1][0]:
            after = words[position + 2][0].upper() if position + 2 < len(words) else b"SETTINGS"
            return words[position + 1][0].decode() if after == b"SETTINGS" else None
    return None
