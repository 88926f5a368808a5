"""Files and generated flow as changes: what is read, and what is refused before anything is published."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cift_core.feeds import ItchBook, LobsterReader, generate_itch, parse_itch

from cift.core.config import Settings
from cift.core.feeds import Change, FeedError, FileSource, Traded
from cift.core.feeds.opening import open_source
from tests.unit.test_feeds_text import SNAPSHOT, update

DAY_NS = 86_400 * 10**9


def opened(source: str, path: Path | None = None, **more: str) -> FileSource:
    fields = {f"CIFT_FEED_{name.upper()}": value for name, value in more.items()}
    found = open_source(
        Settings.model_validate({"CIFT_FEED_SOURCE": source, "CIFT_FEED_PATH": str(path or ""), **fields})
    )
    assert isinstance(found, FileSource)
    return found


def read(source: FileSource) -> list[Change]:
    source.prepare(lambda part: None)
    return list(source.changes())


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


LOBSTER = b"""34200.000000001,1,1,100,1000000,1
34200.5,1,2,50,1010000,-1
34201,4,2,20,1010000,-1
34201,5,0,7,1005000,1
34202,3,1,100,1000000,1
34203,7,0,0,-1,-1
"""


def test_lobster_without_a_book_file(tmp_path: Path) -> None:
    path = write(tmp_path / "AAPL_2012-06-21_34200000_57600000_message_1.csv", LOBSTER)
    source = opened("lobster", path, symbols="AAPL", clock="source")
    changes, depths = [], []
    source.prepare(lambda part: None)
    for change in source.changes():
        changes.append(change)
        depths.append(source.depth("AAPL", 5))
    # Nine thirty in New York on that day.
    assert changes[0] == Change(1_340_285_400 * 10**9 + 1, 1, "AAPL")
    assert [change.trades for change in changes] == [
        (), (), (Traded("buy", 101.0, 20.0),), (Traded("sell", 100.5, 7.0),), (), (),
    ]  # fmt: skip
    assert [change.touched for change in changes] == [True, True, True, False, True, False]
    assert depths[2] == (((100.0, 100.0),), ((101.0, 30.0),))
    assert depths[-1] == ((), ((101.0, 30.0),))


def test_lobster_with_its_book_file(tmp_path: Path) -> None:
    rows = b"9999999999,0,1000000,100\n" + b"1010000,50,1000000,100\n" * 5
    write(tmp_path / "x_orderbook_1.csv", rows)
    source = opened("lobster", write(tmp_path / "x_message_1.csv", LOBSTER), symbols="X")
    source.prepare(lambda part: None)
    changes = source.changes()
    next(changes)
    assert source.depth("X", 5) == (((100.0, 100.0),), ())
    next(changes)
    assert source.depth("X", 5) == (((100.0, 100.0),), ((101.0, 50.0),))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (LOBSTER + b"34204,1,3\n", r"message.csv: line 7, byte \d+: 3 fields, expected 6"),
        (b"1,1,1,0,5,1\n", "message.csv: line 1, byte 6: size .* is not greater than zero"),
        (b"2,1,1,1,5,1\n1,1,1,1,5,1\n", "message.csv: line 2: found a time before"),
    ],
)
def test_bad_lobster_files(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(FeedError, match=says):
        read(opened("lobster", write(tmp_path / "message.csv", data), symbols="X"))


def test_itch_is_read_as_its_arrays_say(tmp_path: Path) -> None:
    data = generate_itch(3000, stocks=3, resting=200, seed=4)
    source = opened("itch", write(tmp_path / "day.itch.gz", data), date="2020-01-30")
    changes = read(source)
    arrays, book = parse_itch(data), ItchBook()
    book.apply(data)
    assert len([change for change in changes if change.touched]) == sum(
        len(rows) for kind, rows in arrays.items() if kind in "AFECXDU"
    )
    traded = sum(trade.quantity for change in changes for trade in change.trades)
    printed = arrays["C"][arrays["C"]["printable"] == b"Y"]
    assert traded == sum(
        float(total)
        for total in (
            arrays["E"]["executed_shares"].sum(),
            printed["executed_shares"].sum(),
            arrays["P"]["shares"].sum(),
        )
    )
    assert [change.seq for change in changes] == sorted({change.seq for change in changes})
    for symbol in book.symbols():
        bids, asks = book.depth(symbol, 5)
        assert source.depth(symbol, 5) == (tuple(bids), tuple(asks))
    first = next(source.changes())
    assert first.ts == 1_580_360_400 * 10**9 + int(arrays["A"]["timestamp"][0])
    some = opened("itch", tmp_path / "day.itch.gz", symbols="S0002")
    assert {change.symbol for change in read(some)} == {"S0002"}
    assert [c._replace(ts=0) for c in read(some)] == [c._replace(ts=0) for c in changes if c.symbol == "S0002"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: data[:-3], r"day: byte \d+: found \d+ bytes of a message, expected all of it"),
        (lambda data: data[:985] + b"\0\5Z\0\0\0\0", "day: byte 985: .*message"),
        (lambda data: b"", "found no stock S0001; it has 0"),
    ],
)
def test_bad_itch_files(tmp_path: Path, spoil: Callable[[bytes], bytes], says: str) -> None:
    data = generate_itch(3000, stocks=3, resting=200, seed=4)
    with pytest.raises(FeedError, match=says):
        read(opened("itch", write(tmp_path / "day", spoil(data)), symbols="S0001"))


def _trade(number: int, *, symbol: str = "BTCUSDT", maker: str = "false") -> bytes:
    body = b'{"e":"trade","E":2,"s":"%s","t":%d,"p":"9.5","q":"0.5","T":1,"m":%s,"M":true}\n'
    return body % (symbol.encode(), number, maker.encode())


def test_a_recorded_binance_stream(tmp_path: Path) -> None:
    lines = update(11, 11) + b"17 " + SNAPSHOT + update(12, 13, [["9.5", "7"]]) + _trade(3) + _trade(4, maker="true")
    source = opened("binance", write(tmp_path / "day.jsonl", lines), symbols="BTCUSDT")
    assert read(source) == [
        Change(1_000_000, 11, "BTCUSDT"),
        Change(1_000_000, 13, "BTCUSDT"),
        Change(2_000_000, 3, "BTCUSDT", (Traded("buy", 9.5, 0.5),), touched=False),
        Change(2_000_000, 4, "BTCUSDT", (Traded("sell", 9.5, 0.5),), touched=False),
    ]
    assert source.depth("BTCUSDT", 1) == (((9.5, 7.0),), ((9.6, 3.0),))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (SNAPSHOT + update(12, 13), "line 2, byte 74: updates before it are missing"),
        (SNAPSHOT + b"\n{]\n", "line 3, byte 75: .*expected a message of Binance"),
        (_trade(1).replace(b'"0.5"', b'"0.0"'), "quantity: found 0.0 in trade 1"),
        (_trade(1).replace(b'"9.5"', b'"x"'), "price"),
        (_trade(1, symbol="OTHER"), "found no trade and no book of BTCUSDT"),
        (b"", "found no trade and no book"),
    ],
)
def test_bad_binance_files(tmp_path: Path, lines: bytes, says: str) -> None:
    with pytest.raises(FeedError, match=says):
        read(opened("binance", write(tmp_path / "day.jsonl", lines), symbols="BTCUSDT"))


def test_csv_trades_and_best_prices(tmp_path: Path) -> None:
    trades = b"symbol,ts,side,price,quantity\nA,1,buy,1.5,2\nB,1970-01-01T00:00:00.000001,sell,2,3\n"
    assert read(opened("csv", write(tmp_path / "trades.csv", trades))) == [
        Change(1, 1, "A", (Traded("buy", 1.5, 2.0),), touched=False),
        Change(1000, 2, "B", (Traded("sell", 2.0, 3.0),), touched=False),
    ]
    quotes = b"ts,symbol,bid,bid_quantity,ask,ask_quantity\n1,A,1.5,2,,\n"
    source = opened("csv", write(tmp_path / "quotes.csv", quotes))
    assert read(source) == [Change(1, 1, "A")]
    assert source.depth("A", 1) == (((1.5, 2.0),), ())


HEAD = b"ts,symbol,side,price,quantity\n"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", r"line 1: found the columns \(none\), expected ts,symbol"),
        (b"ts,symbol\n", "line 1: found the columns ts, symbol, expected"),
        (HEAD, "found no row"),
        (HEAD + b"1,A,buy,1\n", "line 2: found .* fields"),
        (HEAD + b"1,A,buy,1,1,1\n", "line 2: found .* fields"),
        (HEAD + b"1,A,up,1,1\n", "line 2: side: found 'up', expected buy or sell"),
        (HEAD + b"1,A,buy,nan,1\n", "line 2: price: found 'nan', expected a number greater than zero"),
        (HEAD + b"1,A,buy,1,-1\n", "line 2: quantity: found '-1'"),
        (HEAD + b"noon,A,buy,1,1\n", "line 2: ts: found 'noon', expected nanoseconds"),
        (HEAD + b"1,A.B,buy,1,1\n", "line 2: symbol: found 'A.B'"),
        (HEAD + b"2,A,buy,1,1\n1,A,buy,1,1\n", "line 3: ts: found a time before"),
        (HEAD + b"1,\xff,buy,1,1\n", "expected a CSV file in UTF-8"),
    ],
)
def test_bad_csv_files(tmp_path: Path, data: bytes, says: str) -> None:
    with pytest.raises(FeedError, match=says):
        read(opened("csv", write(tmp_path / "rows.csv", data)))


def test_a_cut_archive_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "day.itch.gz"
    path.write_bytes(gzip.compress(generate_itch(500, seed=1))[:-20])
    with pytest.raises(FeedError, match="expected a whole file"):
        read(opened("itch", path))


def _flow(source: str, **more: str) -> Iterator[Change]:
    return opened(source, symbols="A,B", events="4000", **more).changes()


@pytest.mark.parametrize("source", ["zero_intelligence", "hawkes"])
def test_generated_flow_is_the_same_for_a_seed(source: str) -> None:
    flow = list(_flow(source))
    assert flow == list(_flow(source))
    assert flow != list(_flow(source, seed="2"))
    assert [change.ts for change in flow] == sorted(change.ts for change in flow)
    assert {change.symbol for change in flow} == {"A", "B"}
    # A thousand arrivals a second of each symbol; some are several events.
    assert 2.5e9 < flow[-1].ts < 5.5e9


def test_hawkes_arrivals_come_in_bursts() -> None:
    """Counts of a Poisson process vary as much as their mean, those of a Hawkes process far more."""

    def dispersion(source: str) -> float:
        counts: dict[int, int] = {}
        seen = -1
        for change in opened(source, symbols="A", events="20000").changes():
            if change.ts != seen:
                counts[change.ts // 20_000_000] = counts.get(change.ts // 20_000_000, 0) + 1
            seen = change.ts
        mean = sum(counts.values()) / len(counts)
        return sum((count - mean) ** 2 for count in counts.values()) / len(counts) / mean

    assert dispersion("zero_intelligence") < 1.5
    assert dispersion("hawkes") > 4


@pytest.mark.parametrize(
    ("source", "more", "says"),
    [
        ("", {}, "CIFT_FEED_SOURCE: found nothing"),
        ("itch", {}, "CIFT_FEED_PATH: found nothing, expected a file"),
        ("itch", {"path": "/nowhere"}, "/nowhere: No such file"),
        ("lobster", {"path": "/x", "symbols": "A,B"}, "CIFT_FEED_SYMBOLS: found 2 symbols, expected the one"),
        ("lobster", {"path": "/x", "symbols": "A", "clock": "source"}, "CIFT_FEED_DATE: found nothing"),
        ("itch", {"path": "/x", "date": "30.1.2020"}, "date: found '30.1.2020'"),
        ("itch", {"path": "/x", "date": "2020-01-30", "zone": "Mars/Base"}, "in Mars/Base"),
        ("hawkes", {}, "symbols: found none"),
        ("hawkes", {"symbols": "a b"}, "CIFT_FEED_SYMBOLS: symbol: found 'a b'"),
        ("binance_live", {}, "symbols: found none"),
        ("binance_live", {"symbols": "A", "stream_url": "ws://example.org"}, "expected wss:// or https://"),
    ],
)
def test_settings_that_are_missing(source: str, more: dict[str, str], says: str) -> None:
    fields = {f"CIFT_FEED_{name.upper()}": value for name, value in more.items()}
    with pytest.raises(FeedError, match=says):
        open_source(Settings.model_validate({"CIFT_FEED_SOURCE": source, **fields}))


def test_the_same_content_is_the_same_source(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, HEAD + b"1,A,buy,1,1\n") for name in ("a.csv", "b.csv"))
    assert opened("csv", first).identity == opened("csv", second).identity
    assert opened("csv", first, run="2").identity != opened("csv", first).identity
    assert opened("hawkes", symbols="A").identity != opened("hawkes", symbols="A").identity  # without end: never again
    assert LobsterReader(b"").orderbook is None
