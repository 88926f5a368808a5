"""Ten questions to a day of ticks, kept as SQL for ClickHouse: NN_name.sql, its first line a comment with the title.

`{table:Identifier}` and `{symbol:String}` are bound when one is asked. `table.sql` and `ticks.sql` make the ticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Query:
    """One question: `name` without the number that orders it, the title in words, and the statement."""

    name: str
    title: str
    sql: str


def load(folder: Path = _FOLDER) -> list[Query]:
    """Return the numbered queries of a folder in their order."""
    return [_query(path) for path in sorted(folder.glob("[0-9][0-9]_*.sql"))]


def statement(name: str) -> str:
    """Return one of the statements that are no question: `table` or `ticks`."""
    return (_FOLDER / f"{name}.sql").read_text()


def _query(path: Path) -> Query:
    sql = path.read_text()
    title = sql.partition("\n")[0].removeprefix("-- ")
    return Query(path.stem.partition("_")[2], title, sql)
