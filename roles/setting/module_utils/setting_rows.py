"""Rows of a verify report: what was wanted, what is there for good, what is live, and the verdict."""

from __future__ import annotations

from typing import Any

Check = dict[str, Any]
Row = dict[str, Any]

# What each kind of check needs and may have, beside `kind`, `setting`, `why` and `source`.
KINDS: dict[str, tuple[set[str], set[str]]] = {
    "file": ({"path"}, {"owner", "group", "mode", "sha256", "contains", "absent", "type", "target"}),
    "unit": ({"unit"}, {"active", "enabled", "properties"}),
    "listen": ({"port"}, {"address"}),
    "http": ({"url"}, {"status", "contains", "headers", "request_headers", "ca", "timeout"}),
    "process_limit": ({"unit", "limit", "value"}, set()),
    "package": ({"name"}, {"version"}),
    "filesystem": ({"path", "types"}, set()),
    "rows": ({"argv"}, {"skip_in_container"}),
    "clock": ({"limit_us"}, set()),
    "command": ({"argv"}, {"rc", "contains", "environment_file", "timeout"}),
}
COMMON = {"kind", "setting", "why", "source"}


class BadCheckError(ValueError):
    """A check that cannot be read; the message names the check and what was expected."""


def validate(checks: list[Check]) -> None:
    """Raise BadCheckError for the first check of an unknown kind, without a needed key or with an unknown one."""
    for number, check in enumerate(checks, start=1):
        name = f"check {number} ({check.get('setting') or check.get('kind')})"
        kind = check.get("kind")
        if kind not in KINDS:
            raise BadCheckError(f"{name}: kind is {kind!r}, expected one of {', '.join(sorted(KINDS))}")
        needed, optional = KINDS[kind]
        if missing := needed - check.keys():
            raise BadCheckError(f"{name}: a {kind} check needs {', '.join(sorted(missing))}")
        if unknown := check.keys() - needed - optional - COMMON:
            allowed = ", ".join(sorted(needed | optional | COMMON))
            raise BadCheckError(f"{name}: unknown key {', '.join(sorted(unknown))}, expected {allowed}")


def row(
    check: Check, setting: str, wanted: Any, *, persistent: Any = None, live: Any = None, verdict: str, why: str = ""
) -> Row:
    """Return one row; `why` explains a verdict other than pass, otherwise the check's own reason stands there."""
    return {
        "setting": str(check.get("setting") or setting),
        "wanted": wanted,
        "persistent": persistent,
        "live": live,
        "verdict": verdict,
        "why": why or str(check.get("why", "")),
        "source": str(check.get("source", "")),
    }


def missing_texts(contains: Any, text: str) -> list[str]:
    """Return the wanted texts (one or a list) that `text` lacks."""
    wanted = contains if isinstance(contains, list) else [contains]
    return [str(item) for item in wanted if str(item) not in text]


def shorten(text: str, limit: int = 200) -> str:
    """Return the text on one line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
