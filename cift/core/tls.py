"""Whom a client trusts: one way to make the client's side of TLS, for every system that a program talks to."""

from __future__ import annotations

import ssl


class TlsError(OSError):
    """A file of certificates or keys can't be used; the message names the setting, the file and what was expected."""


def client_context(authority: str, *, setting: str, certificate: str = "", key: str = "") -> ssl.SSLContext:
    """Return a context that trusts `authority` alone (a PEM file; empty: the machine's own), and checks host names.

    `certificate` and `key` are the client's own, for servers that ask for one; the key may lie in the
    certificate's file.
    `setting` is the environment variable that named the authority.

    Raises:
        TlsError: a file isn't there, may not be read, or holds nothing of its kind.
    """
    try:
        context = ssl.create_default_context(cafile=authority or None)
    except OSError as error:  # ssl.SSLError is one
        raise TlsError(_sentence(setting, authority, "the authority's certificate in PEM", error)) from None
    if certificate:
        try:
            context.load_cert_chain(certificate, key or None)
        except OSError as error:
            files = f"{certificate} and {key}" if key else certificate
            raise TlsError(_sentence("the client's certificate", files, "a certificate and its key", error)) from None
    return context


def _sentence(setting: str, path: str, expected: str, error: OSError) -> str:
    found = "no certificate or key in it" if isinstance(error, ssl.SSLError) else error.strerror or str(error)
    return f"{setting}: {path}: found {found.lower()}, expected {expected}"
