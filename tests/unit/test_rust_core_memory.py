"""A book gives its memory back, seen from outside: a process of its own, and what the kernel says it holds."""

from __future__ import annotations

import subprocess
import sys

ORDERS = 400_000
# malloc keeps what is freed for later; asked to, it gives it to the kernel, and what then is held is in use.
PROGRAM = f"""
import ctypes, os
from cift_core import FastOrderBook

def held():
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 2**20

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


def test_a_book_gives_back_what_it_and_a_mass_cancel_took() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    empty, full, left = map(int, run.stdout.split())
    assert full - empty > 15, run.stdout  # MiB: about 64 bytes an order
    assert left - empty < 5, run.stdout
