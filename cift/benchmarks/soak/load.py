"""An even load on the API: an order that rests, one that crosses it, at a steady rate; latency counts from when due."""

from __future__ import annotations

import threading
import time

import httpx

from cift.benchmarks.end_to_end import fill_once


class Load(threading.Thread):
    """Pairs of orders until `stop` is set; `latencies` has (second of the run, nanoseconds) of each crossing one."""

    def __init__(self, client: httpx.Client, symbol: str, rate: float, stop: threading.Event) -> None:
        super().__init__(name="load", daemon=True)
        self._client, self._symbol, self._rate, self._stop_asked = client, symbol, rate, stop
        self.latencies: list[tuple[float, int]] = []
        self.errors: list[str] = []

    def run(self) -> None:
        """Send each pair when it is due, or as soon as the ones before are answered."""
        start = time.monotonic()
        number = 0
        while not self._stop_asked.wait(max(0.0, start + number / self._rate - time.monotonic())):
            due = start + number / self._rate
            number += 1
            try:
                fill_once(self._client, self._symbol)
            except (httpx.HTTPError, RuntimeError) as error:
                self.errors.append(f"{time.monotonic() - start:.0f} s: {error or type(error).__name__}")
                continue
            self.latencies.append((due - start, int((time.monotonic() - due) * 1e9)))
