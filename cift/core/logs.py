"""Log lines of every program: one JSON object each where a machine reads them, words where a person does.

A line that is about a request has its `correlation_id`, and where they apply `symbol`, `seq` (the command's place in
the journal) and `order_ids`, by logging's `extra`. Each order has lines of its own at level debug alone: at ten
thousand a second they would cost more than the orders do.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from cift.core.correlation import current

FIELDS = ("seq", "symbol", "order_ids", "method", "path", "status", "milliseconds")
# Their errors reach us as exceptions and callbacks.
SILENCED = ("nats", "urllib3", "clickhouse_connect", "httpx", "httpcore", "websockets")

LogFormat = Literal["", "json", "text"]
LogLevel = Literal["debug", "info", "warning", "error"]


def about(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a line is about, by name."""
    found = {name: value for name in FIELDS if (value := getattr(record, name, None)) is not None}
    correlation = getattr(record, "correlation_id", "") or current().correlation
    return {"correlation_id": correlation, **found} if correlation else found


class JsonFormatter(logging.Formatter):
    """`{"time": RFC 3339, "level": ..., "service": ..., "logger": ..., "message": ...}`, and what the line is about."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception's traceback is its field `exception`."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
            **about(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line, enc_hook=str).decode()


class TextFormatter(logging.Formatter):
    """`LEVEL message`, and in brackets what it is about."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Return the line without a traceback."""
        told = " ".join(f"{name}={value}" for name, value in about(record).items())
        return super().formatMessage(record) + (f" [{told}]" if told else "")


def is_journal() -> bool:
    """Return whether systemd's journal reads standard error (see JOURNAL_STREAM in systemd.exec(5))."""
    with suppress(OSError, ValueError):
        device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
        status = os.fstat(2)
        return (status.st_dev, status.st_ino) == (int(device), int(inode))
    return False


def configure(service: str, *, form: LogFormat = "", level: LogLevel = "info") -> None:
    """Log to standard error as `form` says; empty means JSON into systemd's journal and words anywhere else."""
    form = form or ("json" if is_journal() else "text")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service) if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for library in SILENCED:
        logging.getLogger(library).setLevel(logging.CRITICAL)


def complain(service: str, problem: object) -> None:
    """Say in one line why a program ends: in words as every command does, or as a line of the log."""
    handlers = logging.getLogger().handlers
    if any(isinstance(handler.formatter, JsonFormatter) for handler in handlers):
        logging.getLogger(service).critical("%s", problem)
    else:
        print(f"{service}: {problem}", file=sys.stderr)
