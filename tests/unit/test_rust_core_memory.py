"""Books and exchanges give memory back, seen from outside: a process of its own, and what the kernel says it holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

ORDERS = 400_000
# malloc keeps what is freed for later; asked to, it gives it to the kernel, and what then is held is in use.
HELD = """
import ctypes, os
def held():
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20
"""
BOOK = f"""
from cift_core import FastOrderBook
book = FastOrderBook("X")
empty = held()
for number in range({ORDERS}):
    book.add_limit_order(number, "buy", 10 + number % 5000 / 100, 1, 1)
full = held()
book.cancel_orders()
book.cancel_order(0)
book.shrink()
print(empty, full, held())
"""
EXCHANGE = f"""
import numpy as np
from cift_core import EXCHANGE_COMMAND_DTYPE, Exchange
from cift_core.exchange import Op
exchange = Exchange()
exchange.add_symbol("X")
rows = np.zeros({ORDERS} // 100, EXCHANGE_COMMAND_DTYPE)
exchange.submit_batch(rows[:0])
empty = held()
for start in range(0, {ORDERS}, len(rows)):
    rows["op"], rows["order_id"] = Op.LIMIT, np.arange(start, start + len(rows))
    rows["user_id"], rows["quantity"] = 1 + rows["order_id"] % 7, 1
    rows["price"] = 10 + rows["order_id"] % 5000 / 100
    exchange.submit_batch(rows)
assert exchange.user(1).open_orders > 50_000
full = held()
exchange.kill()
exchange.shrink()
print(empty, full, held())
"""


@pytest.mark.parametrize("program", [BOOK, EXCHANGE], ids=["book", "exchange"])
def test_what_a_mass_cancel_leaves_is_given_back(program: str) -> None:
    run = subprocess.run([sys.executable, "-c", HELD + program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    empty, full, left = map(int, run.stdout.split())
    assert full - empty > 15, run.stdout  # MiB: about 64 bytes an order
    assert left - empty < 5, run.stdout
