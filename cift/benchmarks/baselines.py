"""Earlier results on the same kind of machine, and the golden one that a new result is held against.

<folder>/<class of hardware>/<profile>/golden.json
<folder>/<class of hardware>/<profile>/<when>.json      the last fifty
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from cift.benchmarks.compare import compare
from cift.benchmarks.measure import Result

_KEPT = 50


class BaselineError(ValueError):
    """A baseline that can't be read or written; the message names the file and what to do."""


def held_against(folder: Path, result: Result, tolerance: float) -> Result:
    """Return the result with its changes since the golden one of its kind; the same where there is none.

    Only rows with a target count: the others are there to be looked at.

    Raises:
        BaselineError: the golden result can't be read.
    """
    golden = _golden(folder, result)
    if not golden.exists():
        return result
    before = read_result(golden)
    judged = {row.key for row in result.rows if row.target is not None}
    changes = [change for change in compare(before, result, tolerance) if change.key in judged]
    return msgspec.structs.replace(result, golden=before.when, changes=changes)


def keep(folder: Path, result: Result, *, accept: bool) -> bool:
    """Keep a result; the first of its class that misses nothing is golden, and any that is accepted. Return if it is.

    Raises:
        BaselineError: the folder can't be written to.
    """
    golden = _golden(folder, result)
    try:
        golden.parent.mkdir(parents=True, exist_ok=True)
        _write(golden.with_name(f"{result.when.replace(':', '')}.json"), result)
        for old in sorted(golden.parent.glob("2*.json"))[:-_KEPT]:
            old.unlink()
        if accept or not (golden.exists() or result.failed):
            _write(golden, result)
            return True
    except OSError as error:
        raise BaselineError(f"{golden.parent}: {error.strerror}; give --baselines a folder to write to") from error
    return False


def read_result(path: Path) -> Result:
    """Return the result in a file.

    Raises:
        BaselineError: it is missing or no result.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Result)
    except OSError as error:
        raise BaselineError(f"{path}: {error.strerror}; expected a benchmark's JSON file") from error
    except msgspec.DecodeError as error:
        raise BaselineError(
            f"{path}: {error}; expected what a benchmark of this version writes; measure, and --accept it"
        ) from error


def _golden(folder: Path, result: Result) -> Path:
    return folder / result.kind / "golden.json"


def _write(path: Path, result: Result) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    partial.replace(path)
