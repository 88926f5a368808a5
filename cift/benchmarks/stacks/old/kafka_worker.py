"""Publishes to Kafka and reads back: `kafka_worker.py PORT FLUSH latency RATE SECONDS|throughput COUNT 0`; prints JSON.

FLUSH is after how many messages the broker forces its log to disk, 0 for its default: never by itself. The producer
asks for acks=all and waits for no batch (linger 0); the consumer reads without a group. Each run has a topic of its
own, of one partition.
"""

from __future__ import annotations

import json
import struct
import sys
import time
import uuid
from threading import Event, Thread
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition, version
from confluent_kafka.admin import AdminClient, NewTopic

_SIZE, _WARM_S, _PATIENCE_S = 128, 1.0, 120.0
_MOMENT = struct.Struct("<q")


def message() -> bytes:
    """Return a message that says when it was sent."""
    return _MOMENT.pack(time.perf_counter_ns()).ljust(_SIZE, b"x")


class Both:
    """A producer and a consumer on a topic, a thread each; `acked` and `received` are (sent, then) in nanoseconds."""

    def __init__(self, port: str, flush: int) -> None:
        where = {"bootstrap.servers": f"127.0.0.1:{port}"}
        topic = f"bench-{uuid.uuid4().hex[:8]}"
        config = {"flush.messages": str(flush)} if flush else {}
        admin = AdminClient(where)
        admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1, config=config)])[topic].result(30)
        self.topic = topic
        self.acked: list[tuple[int, int]] = []
        self.received: list[tuple[int, int]] = []
        self.wrong = ""
        self._end = Event()
        room = {"queue.buffering.max.messages": 1_000_000}
        self.producer = Producer(where | room | {"acks": "all", "linger.ms": 0, "socket.nagle.disable": True})
        self._consumer = Consumer(
            where | {"group.id": topic, "enable.auto.commit": False, "socket.nagle.disable": True}
        )
        self._consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        self._threads = [Thread(target=self._poll), Thread(target=self._consume)]
        for thread in self._threads:
            thread.start()

    def send(self) -> None:
        """Publish one message."""
        self.producer.produce(self.topic, message(), on_delivery=self._delivered)

    def all_there(self, count: int) -> None:
        """Wait until so many messages are acknowledged and received."""
        deadline = time.monotonic() + _PATIENCE_S
        while len(self.received) < count or len(self.acked) < count:
            if self.wrong or time.monotonic() > deadline:
                sys.exit(self.wrong or f"{len(self.received)} of {count} messages after {_PATIENCE_S:.0f} s")
            time.sleep(0.001)

    def close(self) -> None:
        """Stop the threads."""
        self._end.set()
        for thread in self._threads:
            thread.join()
        self._consumer.close()

    def _delivered(self, error: Any, sent: Any) -> None:
        if error is not None:
            self.wrong = str(error)
        self.acked.append((_MOMENT.unpack_from(sent.value())[0], time.perf_counter_ns()))

    def _poll(self) -> None:
        while not self._end.is_set():
            self.producer.poll(0.05)

    def _consume(self) -> None:
        while not self._end.is_set():
            found = self._consumer.poll(0.05)
            if found is None:
                continue
            if found.error():
                self.wrong = str(found.error())
                return
            self.received.append((_MOMENT.unpack_from(found.value())[0], time.perf_counter_ns()))


def latency(both: Both, rate: float, seconds: float) -> dict[str, Any]:
    """Send at a fixed rate, whatever comes back, and return nanoseconds to the acknowledgement and to the consumer."""
    count, warm = int(rate * (seconds + _WARM_S)), int(rate * _WARM_S)
    start = time.perf_counter()
    for index in range(count):
        left = start + index / rate - time.perf_counter()
        if left > 0:
            time.sleep(left)
        both.send()
    both.all_there(count)
    return {
        "acked": [then - sent for sent, then in both.acked[warm:]],
        "received": [then - sent for sent, then in both.received[warm:]],
    }


def throughput(both: Both, count: int) -> dict[str, Any]:
    """Send as fast as it goes, and return messages a second acknowledged and received."""
    both.send()
    both.all_there(1)
    start = time.perf_counter_ns()
    for _ in range(count):
        both.send()
    both.all_there(count + 1)
    return {
        "acked": count * 1e9 / (both.acked[-1][1] - start),
        "received": count * 1e9 / (both.received[-1][1] - start),
    }


if __name__ == "__main__":
    port, flush, kind, amount, seconds = sys.argv[1:]
    pair = Both(port, int(flush))
    try:
        found = latency(pair, float(amount), float(seconds)) if kind == "latency" else throughput(pair, int(amount))
    finally:
        pair.close()
    print(json.dumps(found | {"client": version()}))
