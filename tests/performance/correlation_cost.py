"""`python -m tests.performance.correlation_cost`: what a correlation id, and a traceparent, cost per message.

Commands as the engine reads them off its connection, and events as it writes them, each with and without; nanoseconds
per message, the median over runs that alternate. One command with one fill is one message read and two written.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from cift_core.nats import NatsParser, publish_burst

MESSAGES, RUNS, REPEAT = 256, 41, 20
NAME = "0af7651916cd43dd8448eb211c80319c"
TRACE = f"00-{NAME}-b7ad6b7169203331-01"
COMMAND = b'{"type":"new","symbol":"AAPL","ts":1700000000000000000,"user_id":1,"side":"buy","order_type":"limit",'
COMMAND += b'"quantity":5.0,"price":187.25,"client_order_id":"0af7651916cd43dd8448eb211c80319c"}'


def delivered(headers: str) -> bytes:
    """Return a chunk of a consumer's messages, each with `headers`."""
    whole = b"".join((b"NATS/1.0\r\nNats-Msg-Id: order:1:x\r\n", headers.encode(), b"\r\n"))
    return b"".join(
        b"HMSG orders.AAPL 7 $JS.ACK.ORDERS.c1.1.%d.%d.1700000000000000000.0 %d %d\r\n%b%b\r\n"
        % (number, number, len(whole), len(whole) + len(COMMAND), whole, COMMAND)
        for number in range(1, MESSAGES + 1)
    )


def reading(headers: str) -> Callable[[], object]:
    data = delivered(headers)

    def read() -> object:
        parser = NatsParser()
        parser.watch(7)
        return parser.feed(data)

    return read


def writing(correlation: str, trace: str) -> Callable[[], object]:
    messages = [
        (number, "events.AAPL", f"{number}.0", COMMAND, correlation, trace) for number in range(1, MESSAGES + 1)
    ]
    return lambda: publish_burst(messages, "_INBOX.x.1.2", True)


def main() -> None:
    """Measure and print."""
    named, traced = f"Cift-Correlation-Id: {NAME}\r\n", f"traceparent: {TRACE}\r\n"
    cases = {
        "read, without": reading(""),
        "read, correlation id": reading(named),
        "read, and traceparent": reading(named + traced),
        "write, without": writing("", ""),
        "write, correlation id": writing(NAME, ""),
        "write, and traceparent": writing(NAME, TRACE),
    }
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(RUNS):
        for name, work in cases.items():
            began = time.perf_counter_ns()
            for _ in range(REPEAT):
                work()
            found[name].append((time.perf_counter_ns() - began) / REPEAT / MESSAGES)
    for name, values in found.items():
        print(f"{name:24} {statistics.median(values):7.0f} ns")


if __name__ == "__main__":
    main()
