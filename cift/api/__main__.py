"""`python -m cift.api`: one worker of the HTTP API. A host runs several behind the socket that systemd gives them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from cift.api.certificate import renewable
from cift.api.live.protocol import MAX_FRAME, LiveProtocol
from cift.api.worker import Farewell, Worker, inherited


def main(
    host: Annotated[str, typer.Option(help="Address to listen on, where systemd gives no socket.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    certificate: Annotated[Path | None, typer.Option(exists=True, help="Speak TLS with this certificate.")] = None,
    key: Annotated[Path | None, typer.Option(exists=True, help="The certificate's key, where it isn't in it.")] = None,
) -> None:
    """Serve the API. Everything else is read from the environment: see cift/core/config.py.

    A certificate or key that is replaced is taken by the next connection, without a restart. SIGTERM ends the worker
    once it has answered what it was asked.
    """
    if key and not certificate:
        raise typer.BadParameter("a key without --certificate", param_hint="--key")
    from cift.api.main import app  # reads the environment, which --help does without

    farewell = Farewell(app)
    config = uvicorn.Config(
        farewell,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws=LiveProtocol,
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,
        access_log=False,
        timeout_graceful_shutdown=10,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_context_factory=renewable if certificate else None,
    )
    worker = Worker(config, farewell)
    sockets = inherited()
    if not sockets:
        sockets = [config.bind_socket()]
        sockets[0].listen(config.backlog)
    worker.run(sockets=sockets)
    if not worker.started:
        sys.exit(3)


if __name__ == "__main__":
    typer.run(main)
