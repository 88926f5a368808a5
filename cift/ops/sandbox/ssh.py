"""The lab's own ssh: its key, its `ssh -F` file, its known hosts."""

from __future__ import annotations

from cift.ops.sandbox.commands import run
from cift.ops.sandbox.layout import Layout
from cift.ops.sandbox.records import LabRecord, write_atomically


def ensure_key(layout: Layout) -> None:
    """Make the lab's key pair if it is not whole."""
    public = layout.key.with_suffix(".pub")
    if layout.key.exists() and public.exists():
        return
    for file in (layout.key, public):
        file.unlink(missing_ok=True)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"cift sandbox {layout.id}", "-f", layout.key])


def write_config(layout: Layout, record: LabRecord) -> None:
    """Write `ssh_config` and `known_hosts` for the hosts at hand."""
    layout.control.mkdir(exist_ok=True)
    entries = []
    known = []
    for host in (host for host in record.hosts.values() if host.host_key):
        entries.append(f"Host {host.name} {host.address}\n  HostName {host.address}\n  HostKeyAlias {host.name}\n")
        known.append(f"{host.name},{host.address} {host.host_key}\n")
    entries.append(
        "Host *\n"
        f"  User root\n  IdentityFile {layout.key}\n  IdentitiesOnly yes\n"
        f"  UserKnownHostsFile {layout.known_hosts}\n  GlobalKnownHostsFile /dev/null\n"
        "  StrictHostKeyChecking yes\n  UpdateHostKeys no\n  LogLevel ERROR\n  ConnectTimeout 10\n"
    )
    write_atomically(layout.known_hosts, "".join(known).encode())
    write_atomically(layout.ssh_config, "\n".join(entries).encode())


def command(layout: Layout, name: str, *words: str) -> list[str]:
    """An ssh command line into a host."""
    return ["ssh", "-F", str(layout.ssh_config), name, *words]


def answers(layout: Layout, name: str) -> bool:
    """Whether the host lets us in now."""
    quick = ["ssh", "-F", str(layout.ssh_config), "-o", "BatchMode=yes", "-o", "ConnectTimeout=2", name, "true"]
    return run(quick, check=False, timeout=20).returncode == 0
