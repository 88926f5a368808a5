"""What a host finds on its disk before its first boot: names, keys, the way to its packages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from pathlib import Path

from cift.ops.sandbox import indexes, proxy
from cift.ops.sandbox.commands import run
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import HostRecord, write_atomically

BEGIN, END = "# begin cift sandbox", "# end cift sandbox"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


def furnish(layout: Layout, host: HostRecord, root: Path, gateway: str) -> None:
    """Write a host's identity and settings into its tree; its machine id and ssh host key are made only once."""
    (root / "etc/hostname").write_text(f"{host.name}\n")
    machine_id = root / "etc/machine-id"
    if not machine_id.read_text().strip():
        machine_id.write_text(f"{uuid.uuid4().hex}\n")
    key = root / "etc/ssh/ssh_host_ed25519_key"
    if not key.exists() or not key.with_suffix(".pub").exists():
        key.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"root@{host.name}", "-f", key])
    authorized = root / "root/.ssh/authorized_keys"
    authorized.write_bytes(layout.key.with_suffix(".pub").read_bytes())
    authorized.chmod(0o600)
    (root / "etc/resolv.conf").write_text("# No name service here: packages come through the sandbox's proxy.\n")
    address = f"http://{gateway}:{proxy.PORT}"
    (root / "etc/apt/apt.conf.d/90cift-sandbox").write_text(
        f'Acquire::http::Proxy "{address}";\nAcquire::https::Proxy "{address}";\n'
    )
    index = indexes.pip_index()
    text = f"[global]\nproxy = {address}\ncert = {BUNDLE}\n" + (f"index-url = {index}\n" if index else "")
    write_atomically(root / "etc/pip.conf", text.encode())  # for root alone: an address may hold a password


def host_key(root: Path) -> str:
    """The host's public key: kind and key, without the comment."""
    return " ".join((root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2])


def introduce(root: Path, own: HostRecord, hosts: Iterable[HostRecord]) -> None:
    """Write the lab's names into the host's /etc/hosts, and leave lines of others alone."""
    path = root / "etc/hosts"
    kept: list[str] = []
    inside = False
    for line in path.read_text().splitlines() if path.exists() else []:
        inside = inside or line == BEGIN
        if not inside:
            kept.append(line)
        inside = inside and line != END
    if not any("localhost" in line for line in kept):
        kept = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", *kept]
    names = [f"{host.address} {host.name}" for host in sorted(hosts, key=lambda host: host.name != own.name)]
    text = "\n".join([*kept, BEGIN, *names, END]) + "\n"
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
