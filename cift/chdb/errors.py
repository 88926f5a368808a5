"""ClickHouse's errors: their codes, the HTTP status of each, and how to find them in what the engine says."""

from __future__ import annotations

import re

_CODE = re.compile(r"Code: (\d+)\. DB::Exception: ")
_NAMES = {
    48: "NOT_IMPLEMENTED",
    62: "SYNTAX_ERROR",
    117: "INCORRECT_DATA",
    164: "READONLY",
    194: "REQUIRED_PASSWORD",
    202: "TOO_MANY_SIMULTANEOUS_QUERIES",
    210: "NETWORK_ERROR",
    307: "TOO_MANY_BYTES",
    372: "SESSION_NOT_FOUND",
    373: "SESSION_IS_LOCKED",
    497: "ACCESS_DENIED",
    516: "AUTHENTICATION_FAILED",
    1001: "STD_EXCEPTION",
}
_STATUS = {
    401: {194},
    403: {192, 193, 497, 512, 516},
    # What the statement or its data got wrong: BAD_ARGUMENTS, CANNOT_PARSE_*, SYNTAX_ERROR, TYPE_MISMATCH, ...
    400: {6, 8, 15, 25, 26, 27, 36, 38, 41, 44, 53, 62, 69, 72, 117, 167, 168, 176, 213, 322, 376, 427, 441, 675, 676},
    # What does not exist: UNKNOWN_TABLE, _FUNCTION, _IDENTIFIER, _TYPE, _DATABASE, _SETTING, _FORMAT, ...
    404: {46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511},
    408: {159},
    413: {307},
    501: {48},
    503: {76, 202, 209, 439},
}
_STATUS_OF = {code: status for status, codes in _STATUS.items() for code in codes}


class EngineError(Exception):
    """An error with ClickHouse's `code`; `str()` is the whole sentence as ClickHouse writes it."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    @classmethod
    def of(cls, code: int, reason: str) -> EngineError:
        """Make an error of this service's own in ClickHouse's words."""
        return cls(code, f"Code: {code}. DB::Exception: {reason}. ({_NAMES[code]})")

    @classmethod
    def from_engine(cls, error: Exception) -> EngineError:
        """Take over what the engine said, without what the Python binding puts before it."""
        if isinstance(error, cls):
            return error
        text = str(error).strip()
        match = _CODE.search(text)
        if match is None:
            return cls.of(1001, f"{type(error).__name__}: {text}")
        return cls(int(match[1]), text[match.start() :])

    @property
    def status(self) -> int:
        """Return the HTTP status that ClickHouse maps the code to."""
        return _STATUS_OF.get(self.code, 500)

    def sentence(self, version: str) -> str:
        """Return the message with the engine's version at its end, as a server sends it."""
        text = str(self)
        return text if "(version " in text else f"{text} (version {version} (official build))"
