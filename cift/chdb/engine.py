"""The engine in this process: one data folder, any number of handles on it.

Measured with chDB 4.4: handles run in parallel (two threads on two handles take half the time of one), a handle serves
one statement at a time, and opening one costs 0.07 ms. So every request gets a handle of its own, which is ClickHouse's
rule too: settings and temporary tables end with the request, unless it belongs to a session.

Everything here blocks: it is called on worker threads.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from cift.chdb.errors import EngineError

# A stream of these formats is the chunks one after another; others have a head and a tail and come in one piece.
STREAMED = frozenset(
    ("Native", "RowBinary", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "JSONEachRow", "JSONLines")
)


Stream: TypeAlias = Generator[bytes, None, None]
"""The output of a statement under way; it has to be closed before its handle is."""


class FolderError(Exception):
    """The data folder can't be used; the message is a sentence for the operator."""


@dataclass(slots=True)
class Counts:
    """What a statement read and wrote, in rows and bytes."""

    read_rows: int = 0
    read_bytes: int = 0
    result_rows: int = 0
    result_bytes: int = 0
    written_rows: int = 0
    written_bytes: int = 0

    def add(self, result: Any) -> None:
        """Add what a result, or a chunk of one, reports."""
        self.read_rows += result.storage_rows_read()
        self.read_bytes += result.storage_bytes_read()
        self.result_rows += result.rows_read()
        self.result_bytes += result.bytes_read()
        self.written_rows += result.rows_written()
        self.written_bytes += result.bytes_written()


def quote(value: str) -> str:
    """Write a string literal of ClickHouse."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def identifier(name: str) -> str:
    """Write a quoted identifier of ClickHouse."""
    return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"


def _name(name: str) -> str:
    if not name.replace("_", "a").isalnum() or name[0].isdigit() or not name.isascii():
        raise EngineError.of(62, f"Syntax error: {name!r} is no name of a setting")
    return name


class Handle:
    """A place where statements run one at a time, with its own settings, database and temporary tables."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def use(self, database: str) -> None:
        """Make `database` the one that names without a database mean."""
        self.query(f"USE {identifier(database)}")

    def set(self, settings: Mapping[str, str]) -> None:
        """Set settings, for as long as the handle lives."""
        if settings:
            self.query("SET " + ", ".join(f"{_name(name)} = {quote(value)}" for name, value in settings.items()))

    def values_of(self, names: Mapping[str, str]) -> dict[str, tuple[str, bool]]:
        """Return (value, whether it was changed) of settings."""
        wanted = ", ".join(quote(name) for name in names)
        sql = f"SELECT name, value, changed FROM system.settings WHERE name IN ({wanted})"  # noqa: S608 - quoted
        rows = self.query(sql, "TabSeparatedRaw")[0].decode().splitlines()
        return {name: (value, changed == "1") for name, value, changed in (row.split("\t") for row in rows)}

    def query(
        self, sql: str, output: str = "TabSeparated", params: Mapping[str, str] | None = None
    ) -> tuple[bytes, Counts]:
        """Run a statement to its end and return the output and the counts."""
        counts = Counts()
        try:
            result = self._connection.query(sql, output, params=dict(params or {}))
            counts.add(result)
            return result.bytes() or b"", counts
        except Exception as error:
            raise EngineError.from_engine(error) from None

    def stream(self, sql: str, output: str, params: Mapping[str, str], counts: Counts) -> Stream:
        """Run a statement and yield its output piece by piece, adding up `counts`; closing it ends the statement."""
        try:
            result = self._connection.send_query(sql, output, params=dict(params))
        except Exception as error:
            raise EngineError.from_engine(error) from None
        try:
            for chunk in result:
                counts.add(chunk)
                if piece := chunk.bytes():
                    yield piece
        except Exception as error:
            raise EngineError.from_engine(error) from None
        finally:
            with contextlib.suppress(Exception):
                result.close()

    def insert(self, head: str, source: str, params: Mapping[str, str]) -> Insert:
        """Start an INSERT whose data comes in pieces in the format `source`; `head` has no FORMAT or VALUES."""
        # The engine takes no parameters here, but a parameter is a setting like any other.
        self.set({f"param_{name}": value for name, value in params.items()})
        try:
            return Insert(self._connection.send_insert(head, source))
        except Exception as error:
            raise EngineError.from_engine(error) from None

    def close(self) -> None:
        """End what runs here and free the handle."""
        self._connection.close()


class Insert:
    """An INSERT under way: give it pieces, then finish it; cancelled, nothing of an unfinished block is stored."""

    def __init__(self, inserter: Any) -> None:
        self._inserter = inserter

    def append(self, piece: bytes) -> None:
        """Hand over the next bytes."""
        try:
            self._inserter.append(piece)
        except Exception as error:
            # What is wrong with the data is said by finish(), while append() only knows that the pipe is closed.
            self.finish()
            raise EngineError.from_engine(error) from None

    def finish(self) -> Counts:
        """Store everything and return the counts."""
        try:
            result = self._inserter.finish()
        except Exception as error:
            raise EngineError.from_engine(error) from None
        return Counts(written_rows=result.rows_written, written_bytes=result.bytes_written)

    def cancel(self) -> None:
        """Stop without storing what isn't stored yet; does nothing after finish()."""
        with contextlib.suppress(Exception):
            self._inserter.cancel()


class Engine:
    """The one engine of the process, opened on `path` with ClickHouse's own configuration file, both absolute."""

    def __init__(self, path: Path, config_file: Path) -> None:
        _check_folder(path)
        os.environ.setdefault("TZ", "UTC")  # The engine takes its time zone from here alone.
        from chdb.state.sqlitelike import Connection

        # The engine looks for files that its configuration names from where it runs. (Importing it already starts one
        # in memory, with any config.xml that is there: so this comes after.)
        os.chdir(config_file.parent)
        self._connect = Connection
        self._address = f"{path}?config-file={config_file}"
        with _Overheard() as said:
            try:
                self._first = Connection(self._address)
            except Exception as error:
                raise FolderError(_explain(path, config_file, said.reason() or str(error))) from None
        first = Handle(self._first)
        try:
            self.version, self.timezone = first.query("SELECT version(), timezone()")[0].decode().split()
        except EngineError as error:
            raise FolderError(f"{config_file}: the engine starts with it but can't answer: {error}") from None

    def handle(self) -> Handle:
        """Open a handle; the caller closes it."""
        try:
            return Handle(self._connect(self._address))
        except Exception as error:
            raise EngineError.from_engine(error) from None

    def close(self) -> None:
        """Write out what is in memory and give the folder free."""
        self._first.close()


def _check_folder(path: Path) -> None:
    """Refuse a folder that can't be written before the engine tries and half succeeds."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
        for name in ("data", "metadata", "store"):
            # Where these are no folders the engine would start all the same, with nothing in it.
            if (path / name).exists() and not (path / name).is_dir():
                raise FolderError(f"{path}: found {name} to be no folder, expected the engine's; restore the folder")
    except OSError as error:
        raise FolderError(
            f"{path}: found {os.strerror(error.errno or 0).lower()}, expected a folder that user {os.getuid()} can "
            "write; check its owner, its mode and the free space"
        ) from None


class _Overheard:
    """Listens to stderr, where the engine says why it doesn't start, while its exception says only that it doesn't."""

    def __enter__(self) -> _Overheard:
        self._file = tempfile.TemporaryFile()
        self._stderr = os.dup(2)
        os.dup2(self._file.fileno(), 2)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
        self._file.close()

    def reason(self) -> str:
        """Return what was said so far, on one line."""
        self._file.seek(0)
        return " ".join(self._file.read().decode(errors="replace").split())


def _explain(path: Path, config_file: Path, reason: str) -> str:
    """Turn the engine's reason for not starting into one sentence."""
    if "Cannot lock file" in reason:
        return f"{path}: another process has it open, expected to be the only one; stop that one or name another --path"
    return (
        f"{path}: the engine can't start with {config_file}: {reason}; restore the folder or correct the configuration"
    )
