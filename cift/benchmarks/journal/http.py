"""Orders through the API at a stated rate: from when each was due to the fill in its response."""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from urllib.parse import urlsplit

import msgspec
import numpy as np

from cift.benchmarks.measure import Samples
from cift.core.config import Settings
from cift.core.tls import client_context

_PATIENCE_S = 10.0
_PRICE, _QUANTITY = 100.0, 1.0


class HttpLoad:
    """So many kept connections, each with one request on its way; who is free takes the next that is due.

    The first `warm_up_s` seconds are not measured: connections are made then. Orders come in pairs, one that rests and
    one that crosses it, in one of `symbols`. No account meets a limit so.
    """

    def __init__(
        self,
        settings: Settings,
        symbols: list[str],
        *,
        rate: float,
        seconds: float,
        connections: int,
        warm_up_s: float = 2.0,
    ) -> None:
        self._url, self._symbols = urlsplit(settings.api_url), symbols
        self._tls = client_context(settings.api_ca, setting="CIFT_API_CA") if settings.api_ca else None
        self._headers = {"Authorization": f"Bearer {settings.api_key.get_secret_value()}"}
        self._headers["Content-Type"] = "application/json"
        self._connections = connections
        self._due = (np.arange(round(rate * (warm_up_s + seconds))) * (1e9 / rate)).astype(np.int64)
        self._warm = round(rate * warm_up_s)
        self._taken = 0
        self._lock = threading.Lock()
        self._start = 0
        self.samples: Samples = np.zeros(len(self._due), dtype=np.int64)
        self.answers: dict[int, int] = {}

    def run(self) -> Samples:
        """Return the nanoseconds from when each request was due to the end of its answer.

        `answers` counts them by status, those of the warm-up among them.
        """
        self._start = time.monotonic_ns() + 200_000_000
        threads = [threading.Thread(target=self._work) for _ in range(self._connections)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.samples = self.samples[self._warm :]
        return self.samples

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=_PATIENCE_S)
        context: ssl.SSLContext = self._tls
        return http.client.HTTPSConnection(host, port, timeout=_PATIENCE_S, context=context)

    def _work(self) -> None:
        connection = self._connect()
        while True:
            with self._lock:
                index = self._taken
                self._taken += 1
            if index >= len(self._due):
                connection.close()
                return
            due = self._start + int(self._due[index])
            time.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            connection.request("POST", "/api/v1/orders", self._order(index), self._headers)
            response = connection.getresponse()
            response.read()
            self.samples[index] = time.monotonic_ns() - due
            with self._lock:
                self.answers[response.status] = self.answers.get(response.status, 0) + 1

    def _order(self, index: int) -> bytes:
        rests = index % 2 == 0
        order = {"symbol": self._symbols[index // 2 % len(self._symbols)], "side": "sell" if rests else "buy"}
        order |= {"order_type": "limit", "tif": "GTC" if rests else "IOC"}
        return msgspec.json.encode(order | {"price": _PRICE, "quantity": _QUANTITY})
