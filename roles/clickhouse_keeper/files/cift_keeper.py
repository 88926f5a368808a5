#!/usr/bin/python3
"""Ask a Keeper one of its four-letter words, and print the answer.

cift-keeper HOST PORT WORD [--ca FILE] [--wait SECONDS] [--want TEXT]

With --want the exit status is 1 unless the answer contains TEXT (one of several, parted by |), asked again for up to
--wait seconds. With --ca the connection is under TLS and the Keeper's certificate must be signed by that authority.
"""

from __future__ import annotations

import argparse
import socket
import ssl
import sys
import time


def ask(host: str, port: int, word: str, ca: str = "", timeout: float = 5) -> str:
    """Return the answer to a four-letter word; the Keeper closes the connection after it.

    Raises:
        OSError: nobody answers there, or the certificate is signed by somebody else.
    """
    with socket.create_connection((host, port), timeout) as connection:
        if ca:
            context = ssl.create_default_context(cafile=ca)
            # Keepers are known by addresses; that the site's own authority signed is what counts.
            context.check_hostname = False
            connection = context.wrap_socket(connection)
        connection.sendall(word.encode())
        pieces = []
        while piece := connection.recv(65536):
            pieces.append(piece)
    return b"".join(pieces).decode(errors="replace")


def main() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("word", choices=["ruok", "mntr", "srvr", "isro"])
    parser.add_argument("--ca", default="", help="under TLS, signed by this authority")
    parser.add_argument("--want", default="", help="texts parted by |, one of which the answer must contain")
    parser.add_argument("--wait", type=float, default=0, help="seconds to ask again for")
    options = parser.parse_args()
    end = time.monotonic() + options.wait
    while True:
        try:
            answer, status = ask(options.host, options.port, options.word, options.ca), 0
            if options.want and not any(text in answer for text in options.want.split("|")):
                status = 1
        except OSError as error:
            answer, status = f"{options.host}:{options.port}: {error}\n", 1
        if status == 0 or time.monotonic() >= end:
            break
        time.sleep(0.5)
    sys.stdout.write(answer)
    return status


if __name__ == "__main__":
    sys.exit(main())
