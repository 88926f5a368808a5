"""Messages to bytes and back, in every format that could carry them: `python -m cift.benchmarks.serialization`.

The same order, event and 10,000 ticks go through Cap'n Proto (the Rust core's and pycapnp's), msgspec's JSON and
MessagePack, orjson, msgpack and, for ticks, Arrow's own format. Each library gets and gives what is natural for it:
structs, dicts, numpy columns. Figures are medians over repetitions of the calling thread's own time; the last lines say
what zero-copy buys and where it buys nothing. Libraries that are not installed (pip install cift[bench]) are left out.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import thread_time
from timeit import Timer
from typing import Any

import msgspec
import numpy as np

import cift.schema
from cift.benchmarks import environment
from cift.benchmarks.console import figure
from cift.benchmarks.measure import Row, rate_row
from cift.benchmarks.profile import FULL, QUICK, Profile
from cift.core.messages import AnyEvent, Fill, NewOrder

SECTION = "Serialization"
OURS = "Cap'n Proto (Rust core)"
TICKS = 10_000
MIDDLE = TICKS // 2

#: What is timed; in the suite, the key of our own row is its name after `wire_`.
OPERATIONS = {
    "ticks_field": f"bytes of {TICKS:,} ticks to one price",
    "events_field": f"bytes of {TICKS:,} fills to one price",
    "ticks_columns": f"bytes of {TICKS:,} ticks to the sum of every column",
    "ticks_encode": f"{TICKS:,} ticks to bytes",
    "ticks_objects": f"bytes of {TICKS:,} ticks to Python objects",
    "order_encode": "order to bytes",
    "order_decode": "bytes to order",
    "event_encode": "fill to bytes",
    "event_decode": "bytes to fill",
}
KEYS = tuple(f"wire_{operation}" for operation in OPERATIONS)
_NAMES = ("symbol", "ts", "price", "quantity", "side", "seq", "pos")
_LEAST_NS = 20_000_000

Call = Callable[[], Any]


class Measured(msgspec.Struct, frozen=True):
    """One library doing one operation: nanoseconds per operation in each repetition, bytes read or written."""

    operation: str
    library: str
    size: int
    runs: list[float]

    @property
    def median(self) -> float:
        """Return the median nanoseconds per operation."""
        return statistics.median(self.runs)


class Tick(msgspec.Struct, array_like=True):
    """A tick as msgspec writes it most compactly."""

    symbol: int
    ts: int
    price: float
    quantity: float
    side: int
    seq: int
    pos: int


def order() -> NewOrder:
    """Return the order that everybody carries."""
    return NewOrder(
        symbol="AAPL", ts=1_700_000_000_000_000_001, user_id=42, side="buy", order_type="limit", quantity=100.0,
        price=189.25, tif="IOC", client_order_id="a1b2c3d4",
    )  # fmt: skip


def fill() -> Fill:
    """Return the event that everybody carries."""
    return Fill(
        symbol="AAPL", ts=1_700_000_000_000_000_001, seq=1_234_567, pos=1, user_id=42, order_id=1_234_567, last=True,
        side="buy", price=189.25, quantity=100.0, maker_order_id=1_234_000, maker_user_id=7,
    )  # fmt: skip


def columns() -> dict[str, Any]:
    """Return the ticks that everybody carries, by column."""
    random = np.random.default_rng(7)
    return {
        "symbol": random.integers(0, 4, TICKS).astype(np.uint32),
        "ts": np.cumsum(random.integers(1, 10**6, TICKS)) + 1_700_000_000_000_000_000,
        "price": np.round(random.uniform(10, 500, TICKS), 2),
        "quantity": random.integers(1, 100, TICKS) * 100.0,
        "side": random.integers(-1, 2, TICKS).astype(np.int8),
        "seq": np.arange(TICKS, dtype=np.uint64),
        "pos": np.zeros(TICKS, np.uint32),
    }


def calls() -> Iterator[tuple[str, str, int, Call]]:
    """Yield (operation, library, bytes, call) for everything that is installed."""
    for library in (_core, _msgspec, _orjson, _msgpack, _arrow, _pycapnp):
        try:
            yield from library()
        except ModuleNotFoundError as error:
            print(f"{error.name} is not installed: left out", file=sys.stderr)


def compare(profile: Profile) -> list[Measured]:
    """Return every library's figures, operation by operation; libraries take turns in each repetition."""
    timers = [(operation, library, size, Timer(call, timer=thread_time)) for operation, library, size, call in calls()]
    runs: list[list[float]] = [[] for _ in timers]
    counts = [_count(timer) for *_, timer in timers]
    for _ in range(profile.repetitions):
        for index, (*_, timer) in enumerate(timers):
            runs[index].append(timer.timeit(counts[index]) / counts[index] * 1e9)
    found = [Measured(timer[0], timer[1], timer[2], run) for timer, run in zip(timers, runs, strict=True)]
    return sorted(found, key=lambda one: (list(OPERATIONS).index(one.operation), one.median))


def measure(profile: Profile) -> list[Row]:
    """Return operations per second, each operation in each format; ours have the keys that can carry a target."""
    return [
        rate_row(
            f"wire_{one.operation}" if one.library == OURS else f"wire_{one.operation}.{one.library}",
            SECTION,
            f"{OPERATIONS[one.operation]}, {one.library}",
            [(1, round(run)) for run in one.runs],
        )
        for one in compare(profile)
    ]


def _count(timer: Timer) -> int:
    """Return how many calls take long enough to be timed well."""
    timer.timeit(1)
    once = max(timer.timeit(1) * 1e9, 1)
    tries = max(1, int(_LEAST_NS / 20 / once))
    return max(1, int(_LEAST_NS / max(timer.timeit(tries) / tries * 1e9, 1)))


def _rows() -> list[dict[str, Any]]:
    by_name = {name: values.tolist() for name, values in columns().items()}
    return [dict(zip(_NAMES, row, strict=True)) for row in zip(*(by_name[name] for name in _NAMES), strict=True)]


def _core() -> Iterator[tuple[str, str, int, Call]]:
    from cift.core import wire
    from cift.core.wire import TickBatch

    one, event, ticks = order(), fill(), columns()
    symbols = ["A", "B", "C", "D"]
    one_bytes, event_bytes, tick_bytes = wire.encode(one), wire.encode(event), TickBatch.encode(symbols, ticks)
    events = [event] * TICKS
    events_bytes = wire.encode_events(events)

    def sums() -> list[Any]:
        batch = TickBatch(tick_bytes)
        return [batch.column(name).sum() for name in _NAMES]

    yield "order_encode", OURS, len(one_bytes), lambda: wire.encode(one)
    yield "order_decode", OURS, len(one_bytes), lambda: wire.decode_command(one_bytes)
    yield "event_encode", OURS, len(event_bytes), lambda: wire.encode(event)
    yield "event_decode", OURS, len(event_bytes), lambda: wire.decode_event(event_bytes)
    yield "events_field", OURS, len(events_bytes), lambda: wire.open_events(events_bytes).field(MIDDLE, "price")
    yield "ticks_encode", OURS, len(tick_bytes), lambda: TickBatch.encode(symbols, ticks)
    yield "ticks_columns", OURS, len(tick_bytes), sums
    yield "ticks_objects", OURS, len(tick_bytes), lambda: TickBatch(tick_bytes).to_array().tolist()
    yield "ticks_field", OURS, len(tick_bytes), lambda: TickBatch(tick_bytes).field(MIDDLE, "price")


def _msgspec() -> Iterator[tuple[str, str, int, Call]]:
    ticks = [Tick(**row) for row in _rows()]
    events = [fill()] * TICKS
    for name, module in (("msgspec JSON", msgspec.json), ("msgspec MessagePack", msgspec.msgpack)):
        encode = module.Encoder().encode
        yield from _objects(
            name,
            encode,
            encode,
            module.Decoder(NewOrder).decode,
            module.Decoder(Fill).decode,
            module.Decoder(list[Tick]).decode,
            ticks,
            lambda rows: rows[MIDDLE].price,
            lambda rows: [sum(getattr(row, field) for row in rows) for field in _NAMES],
        )
        yield _price_of_events(name, encode(events), module.Decoder(list[AnyEvent]).decode)


def _price_of_events(name: str, data: bytes, decode: Callable[[bytes], Any]) -> tuple[str, str, int, Call]:
    return "events_field", name, len(data), lambda: decode(data)[MIDDLE].price


def _orjson() -> Iterator[tuple[str, str, int, Call]]:
    import orjson

    yield from _dicts("orjson", orjson.dumps, orjson.loads)


def _msgpack() -> Iterator[tuple[str, str, int, Call]]:
    import msgpack

    yield from _dicts("msgpack", msgpack.packb, msgpack.unpackb)


def _dicts(name: str, encode: Callable[[Any], bytes], decode: Callable[[bytes], Any]) -> Iterator[Any]:
    yield from _objects(
        name,
        lambda message: encode(msgspec.structs.asdict(message)),
        encode,
        decode,
        decode,
        decode,
        _rows(),
        lambda rows: rows[MIDDLE]["price"],
        lambda rows: [sum(row[field] for row in rows) for field in _NAMES],
    )
    data = encode([msgspec.structs.asdict(fill())] * TICKS)
    yield "events_field", name, len(data), lambda: decode(data)[MIDDLE]["price"]


def _objects(
    name: str,
    encode: Callable[[Any], bytes],
    encode_many: Callable[[Any], bytes],
    decode_order: Callable[[bytes], Any],
    decode_event: Callable[[bytes], Any],
    decode_ticks: Callable[[bytes], Any],
    ticks: list[Any],
    price: Callable[[Any], Any],
    sums: Callable[[Any], Any],
) -> Iterator[tuple[str, str, int, Call]]:
    """Yield the calls of a library that turns bytes into objects and objects into bytes, and knows no third way."""
    one, event = order(), fill()
    one_bytes, event_bytes, tick_bytes = encode(one), encode(event), encode_many(ticks)
    yield "order_encode", name, len(one_bytes), lambda: encode(one)
    yield "order_decode", name, len(one_bytes), lambda: decode_order(one_bytes)
    yield "event_encode", name, len(event_bytes), lambda: encode(event)
    yield "event_decode", name, len(event_bytes), lambda: decode_event(event_bytes)
    yield "ticks_encode", name, len(tick_bytes), lambda: encode_many(ticks)
    yield "ticks_columns", name, len(tick_bytes), lambda: sums(decode_ticks(tick_bytes))
    yield "ticks_objects", name, len(tick_bytes), lambda: decode_ticks(tick_bytes)
    yield "ticks_field", name, len(tick_bytes), lambda: price(decode_ticks(tick_bytes))


def _arrow() -> Iterator[tuple[str, str, int, Call]]:
    import pyarrow as pa

    name, ticks = "Arrow IPC", columns()

    def encode() -> Any:
        batch = pa.RecordBatch.from_pydict(ticks)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return sink.getvalue()

    data = encode().to_pybytes()

    def batch() -> Any:
        return pa.ipc.open_stream(data).read_next_batch()

    yield "ticks_encode", name, len(data), encode
    yield "ticks_columns", name, len(data), lambda: [column.to_numpy().sum() for column in batch().columns]
    yield "ticks_objects", name, len(data), lambda: batch().to_pylist()
    yield "ticks_field", name, len(data), lambda: batch().column("price")[MIDDLE].as_py()


def _pycapnp() -> Iterator[tuple[str, str, int, Call]]:
    import capnp

    name, folder = "pycapnp", Path(cift.schema.__file__).parent
    messages, schema = capnp.load(str(folder / "messages.capnp")), capnp.load(str(folder / "ticks.capnp"))
    limit = 1 << 30
    one, event = order(), fill()
    ticks = {key: values.tolist() for key, values in columns().items()}

    def order_bytes() -> Any:
        group = {
            "side": one.side, "orderType": one.order_type, "tif": one.tif.lower(), "postOnly": one.post_only,
            "quantity": one.quantity, "price": {"some": one.price}, "clientOrderId": one.client_order_id,
        }  # fmt: skip
        message = messages.Command.new_message(
            version=one.v, symbol=one.symbol, ts=one.ts, userId=one.user_id, newOrder=group
        )
        return message.to_bytes()

    def fields(event: Fill) -> dict[str, Any]:
        group = {
            "side": event.side, "price": event.price, "quantity": event.quantity,
            "makerOrderId": event.maker_order_id, "makerUserId": event.maker_user_id,
        }  # fmt: skip
        return {
            "version": event.v, "symbol": event.symbol, "ts": event.ts, "seq": event.seq, "pos": event.pos,
            "userId": event.user_id, "orderId": event.order_id, "last": event.last, "fill": group,
        }  # fmt: skip

    def tick_bytes() -> Any:
        return schema.TickBatch.new_message(version=1, symbols=["A", "B", "C", "D"], **ticks).to_bytes()

    def reading(kind: Any, data: bytes, read: Callable[[Any], Any]) -> Call:
        def call() -> Any:
            with kind.from_bytes(data, traversal_limit_in_words=limit) as message:
                return read(message)

        return call

    order_data, event_data = order_bytes(), messages.Event.new_message(**fields(event)).to_bytes()
    events_data = messages.EventBatch.new_message(version=1, events=[fields(event)] * TICKS).to_bytes()
    tick_data = tick_bytes()
    yield "order_encode", name, len(order_data), order_bytes
    yield "order_decode", name, len(order_data), reading(messages.Command, order_data, lambda one: one.to_dict())
    yield "event_encode", name, len(event_data), lambda: messages.Event.new_message(**fields(event)).to_bytes()
    yield "event_decode", name, len(event_data), reading(messages.Event, event_data, lambda one: one.to_dict())
    yield (
        "events_field",
        name,
        len(events_data),
        reading(messages.EventBatch, events_data, lambda batch: batch.events[MIDDLE].fill.price),
    )
    yield "ticks_encode", name, len(tick_data), tick_bytes
    yield "ticks_field", name, len(tick_data), reading(schema.TickBatch, tick_data, lambda batch: batch.price[MIDDLE])
    yield "ticks_objects", name, len(tick_data), reading(schema.TickBatch, tick_data, lambda batch: batch.to_dict())
    yield (
        "ticks_columns",
        name,
        len(tick_data),
        reading(schema.TickBatch, tick_data, lambda batch: [sum(getattr(batch, column)) for column in _NAMES]),
    )


def lines(found: list[Measured]) -> Iterator[str]:
    """Yield the table, and what follows from it."""
    hardware, versions = environment.hardware(), environment.versions()
    yield f"{hardware['cpu']}, Linux {hardware['kernel']}, Python {versions['python']}"
    ours = {one.operation: one.median for one in found if one.library == OURS}
    for operation, title in OPERATIONS.items():
        yield from ("", f"{title}:")
        for one in (one for one in found if one.operation == operation):
            ratio = one.median / ours[operation]
            yield f"  {one.library:<24} {figure(one.median / 1_000, 'us'):>10} {one.size:>10,} bytes {ratio:>9.3g} x"
    yield ""
    yield from conclusions(found)


def conclusions(found: list[Measured]) -> Iterator[str]:
    """Yield, in words, what zero-copy buys by these figures and where it buys nothing."""
    by = {(one.operation, one.library): one.median for one in found}
    for operation in ("ticks_field", "events_field", "ticks_columns"):
        yield f"{OPERATIONS[operation]}: " + _against(by, operation)
    yield "That is what zero-copy buys; the first two grow with the batch, so that any ratio can be had."
    for operation in ("ticks_objects", "order_encode", "order_decode", "event_encode", "event_decode"):
        yield f"{OPERATIONS[operation]}: " + _against(by, operation)
    yield "There it buys nothing: whoever wants all of a message in Python pays for Python's objects in any format."


def _against(by: dict[tuple[str, str], float], operation: str) -> str:
    """Return our figure and how many times slower or faster each other library is."""
    ours = by[operation, OURS]
    parts = []
    for (other, library), value in by.items():
        if other == operation and library != OURS:
            parts.append(
                f"{library} {value / ours:.3g} x slower" if value > ours else f"{library} {ours / value:.3g} x faster"
            )
    return f"{figure(ours / 1_000, 'us')}; " + ", ".join(parts)


def main(arguments: list[str]) -> int:
    """Measure and print; return 2 on an unknown argument."""
    unknown = [argument for argument in arguments if argument != "--quick"]
    if unknown:
        print(f"{unknown[0]}: no such argument; --quick is the only one", file=sys.stderr)
        return 2
    print(f"measuring {SECTION.lower()} ...", file=sys.stderr, flush=True)
    print("\n".join(lines(compare(QUICK if arguments else FULL))))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
