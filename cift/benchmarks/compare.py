"""Two results of one kind of machine, row by row: what changed, and whether noise alone could have done it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb
from statistics import median

import numpy as np

from cift.benchmarks.change import Change, Says
from cift.benchmarks.measure import Result, Row

#: A difference that chance makes more often than that is none.
SIGNIFICANT = 0.01
#: With four runs each even the clearest difference could be chance's in 1 of 35 cases.
LEAST_RUNS = 5
_MOST_EXACT = 200_000


def compare(before: Result, after: Result, tolerance: float) -> list[Change]:
    """Return the changes of every metric that both results have runs of; `tolerance` 0.1 is a tenth of the median."""
    known = {row.key: row for row in before.rows}
    return [
        _change(row, metric, known[row.key].runs[metric], runs, tolerance)
        for row in after.rows
        if row.key in known
        for metric, runs in row.runs.items()
        if runs and known[row.key].runs.get(metric)
    ]


def rank_test(before: Sequence[float], after: Sequence[float]) -> float:
    """Return the two-sided p value of the rank-sum test (Mann and Whitney, 1947), exact, ties by their mean rank.

    All ways to choose which runs were `before` are counted; of more than 200,000 as many are drawn, always the same.
    """
    values = np.asarray([*before, *after], dtype=float)
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    size, expected = len(before), len(before) * (len(values) + 1) / 2
    seen = abs(ranks[:size].sum() - expected)
    if comb(len(values), size) <= _MOST_EXACT:
        chosen = np.array(list(combinations(range(len(values)), size)))
        sums = ranks[chosen].sum(axis=1)
    else:
        random = np.random.default_rng(1)
        sums = random.permuted(np.tile(ranks, (_MOST_EXACT, 1)), axis=1)[:, :size].sum(axis=1)
    return float(np.mean(np.abs(sums - expected) >= seen - 1e-9))


def _change(row: Row, metric: str, before: Sequence[float], after: Sequence[float], tolerance: float) -> Change:
    old, new = median(before), median(after)
    p, ratio = rank_test(before, after), new / old
    return Change(
        key=row.key,
        section=row.section,
        name=row.name,
        unit=row.unit,
        metric=metric,
        before=old,
        after=new,
        ratio=ratio,
        p=p,
        says=_says(ratio if metric == "value" else 1 / ratio, p, min(len(before), len(after)), tolerance),
    )


def _says(gain: float, p: float, runs: int, tolerance: float) -> Says:
    """Return the verdict on a figure that is `gain` times as good as before."""
    if runs < LEAST_RUNS:
        return "too few runs"
    if p > SIGNIFICANT or 1 / (1 + tolerance) <= gain <= 1 + tolerance:
        return "no difference"
    return "better" if gain > 1 else "worse"
