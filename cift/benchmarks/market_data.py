"""Market data measures over a million rows, the Rust core against numpy: `python -m cift.benchmarks.market_data`.

Both sides get the same arrays and take turns, so that whatever disturbs the machine disturbs both. Figures are medians
of the calling thread's own time: neither side uses another thread. Before a clock runs, both must have found the same
values.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time_ns
from typing import Annotated, Any

import msgspec
import numpy as np
import typer

from cift.benchmarks import environment

_WANTED = 2.0
"""How many times faster than numpy VWAP must be."""

Call = Callable[[], Any]


class Comparison(msgspec.Struct, frozen=True):
    """Median microseconds of both sides for all rows."""

    name: str
    core_us: float
    numpy_us: float

    @property
    def ratio(self) -> float:
        """How many times faster the core is."""
        return self.numpy_us / self.core_us


class Streaming(msgspec.Struct, frozen=True):
    """Median nanoseconds of one update, the call from Python included, after few and after many."""

    name: str
    early_ns: float
    late_ns: float


def compare(rows: int, rounds: int) -> Iterator[Comparison]:
    """Yield the comparison of each measure over `rows` rows; ValueError if the two sides don't agree."""
    for name, core, peer in _contests(rows):
        if not np.allclose(core(), peer(), rtol=1e-9, atol=1e-6, equal_nan=True):
            raise ValueError(f"{name}: the core and numpy find different values")
        times: tuple[list[int], list[int]] = ([], [])
        for _ in range(rounds):
            for call, found in zip((core, peer), times, strict=True):
                start = thread_time_ns()
                call()
                found.append(thread_time_ns() - start)
        yield Comparison(name, *(statistics.median(found) / 1_000 for found in times))


def stream(updates: int, rounds: int) -> Iterator[Streaming]:
    """Yield the cost of an update of each stream, at its start and after `rounds` times as many."""
    from cift_core import indicators, market_data

    prices = (100 + np.cumsum(np.random.default_rng(2).choice([-0.01, 0.0, 0.01], updates))).tolist()
    streams: list[tuple[str, Any, list[tuple[float, ...]]]] = [
        ("VWAP of 10,000", market_data.Vwap(10_000), [(price, 5.0) for price in prices]),
        ("OFI of 10,000", market_data.OrderFlowImbalance(10_000), [(p, 5.0, p + 0.01, 7.0) for p in prices]),
        ("VPIN of 50", market_data.Vpin(1_000.0, 50), [(7.0, 1) for _ in prices]),
        ("Kyle's lambda of 10,000", market_data.KyleLambda(10_000), [(p - 100, p * 3 - 300) for p in prices]),
        ("realized volatility of 10,000", market_data.RealizedVolatility(10_000), [(price,) for price in prices]),
        ("RSI of 14", indicators.Rsi(14), [(price,) for price in prices]),
        ("Bollinger of 10,000", indicators.Bollinger(10_000), [(price,) for price in prices]),
    ]
    for name, one, arguments in streams:
        update, found = one.update, []
        for _ in range(rounds):
            start = thread_time_ns()
            for values in arguments:
                update(*values)
            found.append((thread_time_ns() - start) / updates)
        part = max(1, rounds // 3)
        yield Streaming(name, statistics.median(found[:part]), statistics.median(found[-part:]))


def _contests(rows: int) -> Iterator[tuple[str, Call, Call]]:
    from cift_core import FastMarketData, indicators

    market, chance = FastMarketData(), np.random.default_rng(1)
    prices = (10_000 + np.cumsum(chance.integers(-1, 2, rows))) / 100
    volumes = chance.integers(1, 1_000, rows) / 1.0
    ticks = np.column_stack([prices, volumes])
    asks = prices + chance.integers(1, 3, rows) / 100
    ask_volumes = chance.integers(1, 1_000, rows) / 1.0

    def order_flow() -> Any:
        later, before = slice(1, None), slice(None, -1)
        steps = volumes[later] * (prices[later] >= prices[before]) - volumes[before] * (prices[later] <= prices[before])
        steps -= ask_volumes[later] * (asks[later] <= asks[before])
        steps += ask_volumes[before] * (asks[later] >= asks[before])
        return np.concatenate([[0.0], steps])

    def moving_average() -> Any:
        sums = np.cumsum(prices)
        sums[20:] -= sums[:-20].copy()
        sums[:19] = np.nan
        return sums / 20

    yield (
        "VWAP of two columns",
        lambda: market.vwap(prices, volumes),
        lambda: (prices * volumes).sum() / volumes.sum(),
    )
    yield (
        "VWAP of (n, 2) ticks",
        lambda: market.calculate_vwap(ticks),
        lambda: (ticks[:, 0] * ticks[:, 1]).sum() / ticks[:, 1].sum(),
    )
    yield (
        "size-weighted mid",
        lambda: market.size_weighted_mid(prices, asks, volumes, ask_volumes),
        lambda: (prices * ask_volumes + asks * volumes) / (volumes + ask_volumes),
    )
    yield (
        "queue imbalance",
        lambda: market.queue_imbalance(volumes, ask_volumes),
        lambda: (volumes - ask_volumes) / (volumes + ask_volumes),
    )
    yield "OFI", lambda: market.order_flow_imbalance(prices, volumes, asks, ask_volumes), order_flow
    yield (
        "realized volatility",
        lambda: market.realized_volatility(prices),
        lambda: np.sqrt((np.diff(np.log(prices)) ** 2).sum()),
    )
    yield "SMA of 20", lambda: indicators.sma(prices, 20), moving_average


def main(
    rows: Annotated[int, typer.Option(min=1_000, help="Rows of each column.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=3, help="Turns of each side.")] = 41,
    output: Annotated[Path | None, typer.Option(help="Write the figures to this JSON file too.")] = None,
) -> None:
    """Measure, print medians, and end with status 1 if VWAP isn't twice as fast as numpy."""
    found, streams = [], []
    typer.echo(f"{environment.hardware()['cpu']}, {rows:,} rows, medians of {rounds} turns, numpy {np.__version__}")
    typer.echo(f"{'':32}{'core us':>10}{'numpy us':>10}{'ratio':>8}")
    for one in compare(rows, rounds):
        found.append(one)
        typer.echo(f"{one.name:32}{one.core_us:>10.1f}{one.numpy_us:>10.1f}{one.ratio:>8.2f}")
    typer.echo(f"\n{'one update from Python':32}{'early ns':>10}{'late ns':>10}")
    for each in stream(20_000, rounds):
        streams.append(each)
        typer.echo(f"{each.name:32}{each.early_ns:>10.1f}{each.late_ns:>10.1f}")
    if output is not None:
        report = {
            "hardware": environment.hardware(),
            "versions": environment.versions() | {"numpy": np.__version__},
            "rows": rows,
            "rounds": rounds,
            "measures": found,
            "streams": streams,
        }
        output.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2))
    slow = [one for one in found if one.name.startswith("VWAP") and one.ratio < _WANTED]
    for one in slow:
        typer.echo(f"{one.name} is {one.ratio:.2f} times as fast as numpy, wanted {_WANTED:g} times", err=True)
    if slow:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
