"""How fast the recorder catches up after an outage: `python -m tests.performance.recorder_catch_up --fills=500000`.

Puts fills and their trades on the streams of a NATS server of its own, starts the recorder with an empty ClickHouse
engine (chDB) beside it, and counts the rows of each table until all are there.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from clickhouse_connect.driver.client import Client

from cift.core.clickhouse.migrations import ClickHouseMigrations
from cift.core.config import Settings
from cift.core.messages import Fill, Trade
from cift.core.migrations import load_migrations, migrate
from cift.core.nats_manager import NatsManager
from cift.core.outbox import Outbox, Outgoing
from cift.core.serialization import stream_encoder
from cift.core.streams import EVENTS, MARKET_DATA, ensure_streams
from tests.servers.cache import CacheServer
from tests.servers.chdb import make_server
from tests.servers.nats import NatsServer
from tests.servers.services import Service

TARGET = 200_000
TABLES = {"trade_executions": 1, "order_events": 2, "ticks_analytics": 1, "position_history_analytics": 2}
"""The rows of each table for a fill and its trade."""


async def publish(nats: NatsManager, count: int) -> None:
    """Publish so many fills and trades, ten symbols and a hundred accounts."""
    now, encode = time.time_ns() // 10**9 * 10**9, stream_encoder(nats.settings.stream_format)
    for stream, kind in ((EVENTS.name, Fill), (MARKET_DATA.name, Trade)):
        outbox = Outbox(nats, stream, chained=False)
        await outbox.open()
        for seq in range(1, count + 1):
            common = {"symbol": f"S{seq % 10}", "ts": now + seq, "seq": seq, "pos": 1, "side": "buy"}
            common |= {"price": 100 + seq % 50 / 100, "quantity": 1.0 + seq % 9}
            if kind is Fill:
                owners = {"user_id": seq % 50, "order_id": seq, "maker_order_id": 1, "maker_user_id": 50 + seq % 49}
                message, subject = encode(Fill(**common, **owners)), f"events.{common['symbol']}"
            else:
                message, subject = encode(Trade(**common)), f"market.trades.{common['symbol']}"
            await outbox.send([Outgoing(seq, subject, f"{stream}.{seq}", message)])
        assert await outbox.close(60)


def rows(client: Client) -> dict[str, int]:
    """Return how many rows each table has: one small question, since its answer costs the same CPUs."""
    asked = " UNION ALL ".join(f"SELECT '{name}', count() FROM {name}" for name in TABLES)
    return {str(name): int(count) for name, count in client.query(asked).result_rows}


def cpu_seconds(process: int) -> float:
    """Return the seconds that a process has had of all CPUs; see proc(5)."""
    fields = Path(f"/proc/{process}/stat").read_text().split()
    return sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")


async def measure(folder: Path, fills: int) -> int:
    (folder / "cache").mkdir()
    nats_server, cache, chdb = NatsServer(folder), CacheServer(folder / "cache"), make_server(folder)
    try:
        for server in (nats_server, cache, chdb):
            server.start()
        settings = Settings.model_validate(chdb.environment)
        async with ClickHouseMigrations(settings) as migrations:
            await migrate(migrations, load_migrations("clickhouse"))
        async with NatsManager(nats_server.settings()) as nats:
            await ensure_streams(nats.js)
            await publish(nats, fills)
        environment = nats_server.environment("recorder") | cache.environment() | chdb.environment
        async with Service("recorder", environment, folder) as recorder:
            assert recorder.process is not None
            assert nats_server.process is not None
            assert chdb.process is not None
            processes = {"recorder": recorder.process, "ClickHouse engine": chdb.process, "NATS": nats_server.process}
            busy = {name: -cpu_seconds(process.pid) for name, process in processes.items()}
            began, wanted = time.perf_counter(), {name: fills * each for name, each in TABLES.items()}
            with chdb.client("cift_analytics") as client:
                while (found := await asyncio.to_thread(rows, client)) != wanted:
                    if time.perf_counter() - began > 600:
                        raise TimeoutError(f"found {found}, expected {wanted}: {recorder.text()[-1000:]}")
                    await asyncio.sleep(0.05)
            seconds = time.perf_counter() - began
            for name, process in processes.items():
                busy[name] += cpu_seconds(process.pid)
    finally:
        for server in (nats_server, cache, chdb):
            server.kill()
    total = sum(wanted.values())
    rate = total / seconds
    print(f"{fills:,} fills, {total:,} rows of {len(TABLES)} tables in {seconds:.2f} s: {rate:,.0f} rows/s")
    for name, each in busy.items():
        print(f"  CPU of {name}: {each:.2f} s, {total / each:,.0f} rows per second of it")
    print(f"  load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    print(f"{'✓' if rate > TARGET else '✗'} Target: >{TARGET:,} rows/s ({'PASSED' if rate > TARGET else 'FAILED'})")
    return 0 if rate > TARGET else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fills", type=int, default=500_000, metavar="N", help="fills to catch up with (%(default)s)")
    options = parser.parse_args()
    if options.fills < 1:
        parser.error(f"--fills is {options.fills}; give a number above 0")
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measure(Path(folder), options.fills))


if __name__ == "__main__":
    sys.exit(main())
