"""What every service program does around its work: event loop, log, signals, metrics, one sentence on failure."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop
from prometheus_client import start_http_server
from pydantic import ValidationError

from cift.core.config import Settings
from cift.core.notify import stopping

log = logging.getLogger(__name__)


class ServiceError(RuntimeError):
    """The service cannot go on; the message is one sentence for the operator."""

    status = 1


class InputError(ServiceError):
    """What the service was given can't be right: another start would fail as well."""

    status = 2


def calm_collector() -> None:
    """Have the garbage collector leave alone what lives by now, and look at the rest seldom.

    For a program that makes no cycles: a full look at some million objects is a pause of tens of milliseconds.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


Work = Callable[[Settings, asyncio.Event], Awaitable[None]]
Options = Callable[[argparse.ArgumentParser], None]


def run(name: str, purpose: str, metrics_port: int, work: Work, options: Options | None = None) -> int:
    """Parse the command line, do `work(settings, stop)` until it ends, and return the exit status.

    SIGTERM and SIGINT set `stop`; `work` then finishes what it has in hand. Status 2 means bad settings or input, 1 any
    other failure, each with one line on standard error. `options` adds arguments whose destinations are fields of
    `Settings`: one that is given takes the place of the environment's.
    """
    parser = argparse.ArgumentParser(prog=f"python -m cift.services.{name}", description=purpose)
    parser.add_argument(
        "--metrics-port", type=int, default=metrics_port, help="Prometheus metrics on 127.0.0.1; 0: none (%(default)s)"
    )
    if options is not None:
        options(parser)
    arguments = parser.parse_args()
    fields = Settings.model_fields
    given = {str(fields[k].alias): v for k, v in vars(arguments).items() if k in fields and v is not None}
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    # Their errors reach us as exceptions and callbacks.
    for library in ("nats", "urllib3", "clickhouse_connect", "httpx", "httpcore", "websockets"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        settings = Settings(**given)
    except ValidationError as error:
        for problem in error.errors():
            print(f"{name}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}", file=sys.stderr)
        return 2
    try:
        if arguments.metrics_port:
            start_http_server(arguments.metrics_port, "127.0.0.1")
    except OSError as error:
        print(f"{name}: metrics port 127.0.0.1:{arguments.metrics_port}: {error.strerror}", file=sys.stderr)
        return 2

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await work(settings, stop)
        stopping()

    try:
        uvloop.run(main())
    except (ServiceError, ConnectionError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.status if isinstance(error, ServiceError) else 1
    return 0
