"""Python and Numba against the Rust core: matching, the risk check, VWAP."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from cift.benchmarks.core import contestant, environments, flow
from cift.benchmarks.core.contestant import Contest
from cift.benchmarks.core.setting import ROOT
from cift.benchmarks.core.setting import Setting as CoreSetting
from cift.benchmarks.stacks import words
from cift.benchmarks.stacks.rows import Found, Row, Stack, case, in_turns
from cift.benchmarks.stacks.setting import Setting

TITLE = "Matching, risk and market data: Python and Numba against Rust"
ABOUT = (
    "The old engine written plainly: a book in NumPy arrays sorted by price and time, its functions compiled by Numba "
    "(cift/benchmarks/stacks/old), in an environment of its own. Both carry out one flow, 60 % passive orders, 30 % "
    "cancels, 10 % orders that take, on a book of a thousand orders, and fill the same. One call from Python is what "
    "such an engine lives by; the whole flow in one call leaves Python out of it. The same code without Numba is what "
    "a millisecond an order looks like. Times are the thread's own on one processor."
)
_RESTING = 1_000
_PEERS = ROOT / "cift" / "benchmarks" / "core" / "peers"
_OLD = Path(__file__).parents[1] / "old"
_PATIENCE_S = 300
_OURS, _NUMBA, _PLAIN = "cift_core (Rust)", "Python + Numba", "the same without Numba"
_CALLS = {
    "flow": ("matching", "one operation, the whole flow in one call"),
    "risk": ("risk", "one risk check, a call from Python"),
    "vwap_1000": ("vwap", "VWAP of 1,000 ticks in arrays"),
    "vwap_1000000": ("vwap", "VWAP of 1,000,000 ticks in arrays"),
}
_STACKS: dict[str, Stack] = {_NUMBA: "old", _OURS: "new", _PLAIN: "beside"}
Answers = dict[str, tuple[float, float]]


def measure(setting: Setting) -> Iterator[Found]:
    """Yield an operation at a time, then what one call does."""
    interpreter = environments.python(setting, "numba")
    made = flow.make(setting.folder / "flows", resting=_RESTING, operations=setting.operations, seed=3)
    try:
        yield from _single(setting, interpreter, flow.path(made))
        yield from _calls(setting, interpreter, flow.path(made))
    finally:
        flow.remove(made)


def _single(setting: Setting, interpreter: Path, path: Path) -> Iterator[Found]:
    core = CoreSetting(
        folder=setting.folder, flow=path, passes=1, rounds=1, seconds=1.0, processor=max(os.sched_getaffinity(0)),
        quick=setting.quick, say=setting.say,
    )  # fmt: skip
    contests = {
        _NUMBA: _contest(_NUMBA, interpreter, "numba_engine"),
        _OURS: _contest(_OURS, Path(sys.executable), "cift_call", ours=True),
        _PLAIN: _contest(_PLAIN, interpreter, "numba_engine", "NUMBA_DISABLE_JIT=1"),
    }
    what = "one operation, a call from Python"
    for number in range(setting.rounds):
        for name, one in contests.items():
            setting.say(f"{what}: {name}, {number + 1} of {setting.rounds}")
            one.run(core, path)
    rows = {name: _row(what, name, _STACKS[name], one) for name, one in contests.items()}
    yield from rows.values()
    yield from case("matching", what, rows[_NUMBA], rows[_OURS])
    yield from case("matching", f"{what}, {_PLAIN}", rows[_PLAIN], rows[_OURS])
    versions = {name: one.row().version for name, one in contests.items()}
    setting.versions.update({"numba": versions[_NUMBA], "cift_core": versions[_OURS]})


def _contest(name: str, interpreter: Path, adapter: str, *variables: str, ours: bool = False) -> Contest:
    command = ["env", f"PYTHONPATH={_OLD}", *variables] if not ours else []
    command += [str(interpreter), str(_PEERS / "runner.py"), adapter, "{flow}", "{samples}"]
    return Contest(TITLE, name, [*command, "--rounds", "{rounds}", "--seconds", "{seconds}"], note="", ours=ours)


def _row(what: str, name: str, stack: Stack, contest: Contest) -> Row:
    found = contest.row()
    if not contest.runs:
        return Row(what=what, system=name, stack=stack, unit="ns", why=found.why)
    tail = f"p50 {words.figure(found.p50, 'ns')}, p99 {words.figure(found.p99, 'ns')}"
    return Row(
        what=what, system=name, stack=stack, unit="ns", runs=contest.runs, tail=tail, note=found.note.lstrip("; ")
    )


def _calls(setting: Setting, interpreter: Path, path: Path) -> Iterator[Found]:
    def worker(side: str, python: Path, *variables: str) -> Callable[[], Answers]:
        program = "cift_core" if side == _OURS else "numba"

        def call() -> Answers:
            setting.say(f"one call for many: {side}")
            return _ask(["env", *variables, str(python), str(_OLD / "calls.py"), program, str(path)])

        return call

    found = in_turns(
        {
            _NUMBA: worker(_NUMBA, interpreter),
            _OURS: worker(_OURS, Path(sys.executable)),
            _PLAIN: worker(_PLAIN, interpreter, "NUMBA_DISABLE_JIT=1"),
        },
        setting.rounds,
    )
    for key, (claim, what) in _CALLS.items():
        sides = {side: answers for side, answers in found.items() if key in answers[0]}
        _agree(what, {side: answers[0][key][1] for side, answers in sides.items()})
        rows = {
            side: Row(what=what, system=side, stack=_STACKS[side], unit="ns", runs=[one[key][0] for one in answers])
            for side, answers in sides.items()
        }
        yield from rows.values()
        yield from case(claim, what, rows[_NUMBA], rows[_OURS])
        if _PLAIN in rows:
            yield from case(claim, f"{what}, {_PLAIN}", rows[_PLAIN], rows[_OURS])


def _ask(command: list[str]) -> Answers:
    argv = ["taskset", "-c", str(max(os.sched_getaffinity(0))), *command]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    if ended.returncode:
        raise contestant.ContestError((ended.stderr.strip().splitlines() or ["no message"])[-1])
    return msgspec.json.decode(ended.stdout, type=Answers)


def _agree(what: str, answers: dict[str, float]) -> None:
    low, high = min(answers.values()), max(answers.values())
    if high - low > 1e-9 * max(abs(low), abs(high)):
        raise ValueError(f"{what}: {answers}; expected the same of all, for they must do the same work")
