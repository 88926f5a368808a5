"""`python -m cift.api`: the HTTP API as a host runs it, several workers behind one socket."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from cift.api.certificate import renewable


def main(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer.")] = 1,
    certificate: Annotated[Path | None, typer.Option(exists=True, help="Speak TLS with this certificate.")] = None,
    key: Annotated[Path | None, typer.Option(exists=True, help="The certificate's key, where it isn't in it.")] = None,
) -> None:
    """Serve the API. Everything else is read from the environment: see cift/core/config.py.

    A certificate or key that is replaced is taken by the next connection, without a restart.
    """
    if key and not certificate:
        raise typer.BadParameter("a key without --certificate", param_hint="--key")
    uvicorn.run(
        "cift.api.main:app",
        host=host,
        port=port,
        workers=workers,
        loop="uvloop",
        http="httptools",
        access_log=False,
        timeout_graceful_shutdown=10,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        ssl_context_factory=renewable if certificate else None,
    )


if __name__ == "__main__":
    typer.run(main)
