"""The settings as a page: docs/settings.md is this text, and a test holds it current."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from cift.ops.tune.catalogue import Entry

_HEAD = """# Settings

Every setting that the tuning roles apply and read back, from the tables in `roles/<role>/vars/main.yml`, which are the
only place where they are written down. Made by `cift tune table`; a test holds it current.

A setting that a host can't have is skipped with the reason. An inventory's own value goes into `<role>_overrides`, by
the setting's name; null leaves one alone. `cift tune explain SETTING` shows one with its value now.
"""


def document(entries: Iterable[Entry]) -> str:
    """Return the page in Markdown, a table for each role."""
    parts = [_HEAD]
    for role, of_role in groupby(entries, key=lambda entry: entry.role):
        parts.append(f"\n## {role}\n\n| setting | wanted | live | for good | reboot | what, and why | source |\n")
        parts.append("|---|---|---|---|---|---|---|\n")
        parts += [_line(entry) for entry in of_role]
    return "".join(parts)


def _line(entry: Entry) -> str:
    why = str(entry.row["why"])
    reason = why if "{{" not in why else str(entry.row.get("unset", ""))
    cells = (
        f"`{entry.name}`",
        entry.wanted,
        f"`{entry.live}`" if entry.live else "",
        f"`{entry.for_good}`",
        "yes" if entry.reboot else "no",
        f"{entry.row['what']}; {reason}",
        str(entry.row["source"]),
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"
