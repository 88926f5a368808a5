"""Signed reports: who has the public key can tell that a report is the one that was written.

OpenSSH's signatures (`ssh-keygen -Y`), with a key of the checkout's own, made the first time; a site that has a key in
an agent or on a token names its public half by CIFT_REPORT_KEY.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

NAMESPACE = "cift-report"
IDENTITY = "cift"


class SignatureError(ValueError):
    """A report that can't be signed, or isn't what was signed; the message says what was found."""


def public_key(root: Path) -> Path:
    """Return the public key that belongs to this checkout's reports."""
    return root / ".state" / "report-key.pub"


def sign(root: Path, file: Path) -> Path:
    """Write `file`.sig and return it.

    Raises:
        SignatureError: ssh-keygen is missing, or the key is.
    """
    signature = file.with_name(f"{file.name}.sig")
    signature.unlink(missing_ok=True)
    _ssh_keygen("-Y", "sign", "-q", "-f", str(_key(root)), "-n", NAMESPACE, str(file))
    return signature


def verify(file: Path, key: Path) -> None:
    """Hold a file against its .sig and the public key of who must have signed it.

    Raises:
        SignatureError: there is no signature or key, or they don't belong together.
    """
    signature = file.with_name(f"{file.name}.sig")
    for path, what in ((file, "a report"), (signature, "the signature beside the report"), (key, "a public key")):
        if not path.is_file():
            raise SignatureError(f"{path}: no such file; expected {what}")
    try:
        words = key.read_text().split()
    except UnicodeDecodeError:
        words = []
    if len(words) < 2 or not words[0].startswith(("ssh-", "ecdsa-", "sk-")):
        raise SignatureError(f"{key}: no OpenSSH public key; expected one line such as 'ssh-ed25519 AAAA...'")
    allowed = f'{IDENTITY} namespaces="{NAMESPACE}" {words[0]} {words[1]}\n'
    # The list of signers by a pipe, the report as standard input: nothing is written, wherever the report lies.
    read, write = os.pipe()
    try:
        os.write(write, allowed.encode())
        os.close(write)
        with file.open("rb") as content:
            said = subprocess.run(
                ["ssh-keygen", "-Y", "verify", "-q", "-f", f"/dev/fd/{read}", "-I", IDENTITY, "-n", NAMESPACE, "-s",
                 str(signature)],
                stdin=content, capture_output=True, text=True, check=False, pass_fds=(read,),
            )  # fmt: skip
    except FileNotFoundError:
        raise SignatureError("ssh-keygen is missing; install openssh-client") from None
    finally:
        os.close(read)
    if said.returncode:
        raise SignatureError(
            f"{file}: not what {key} signed: it was changed since, or another key signed it "
            f"({' '.join(said.stderr.split()) or 'ssh-keygen said no more'})"
        )


def _key(root: Path) -> Path:
    if named := os.environ.get("CIFT_REPORT_KEY"):
        return Path(named)
    key = root / ".state" / "report-key"
    if not key.exists():
        key.parent.mkdir(parents=True, exist_ok=True)
        _ssh_keygen("-q", "-t", "ed25519", "-N", "", "-C", f"reports of {root}", "-f", str(key))
    return key


def _ssh_keygen(*arguments: str) -> None:
    try:
        said = subprocess.run(
            ["ssh-keygen", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise SignatureError("ssh-keygen is missing; install openssh-client") from None
    if said.returncode:
        raise SignatureError(f"ssh-keygen {arguments[0]}: {' '.join(said.stderr.split()) or 'failed'}")
