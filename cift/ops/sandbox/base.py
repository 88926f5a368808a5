"""Base trees: what a host's disk begins as. Built once for each release and shared, read-only, by all labs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from cift.ops.sandbox import aptsources, machine, mounts
from cift.ops.sandbox.commands import run
from cift.ops.sandbox.errors import SandboxError
from cift.ops.sandbox.records import locked
from cift.ops.sandbox.release import PACKAGES

Say = Callable[[str], None]

RECIPE = "1"  # another number whenever this file makes another tree from the same input
# Namespaces of its own, and death with its parent: if this program is killed, all that it began ends and is unmounted.
ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")


def key(codename: str) -> str:
    """Name of the tree that fits the release, the list of packages and the machine's sources."""
    return f"{codename}-{fingerprint(codename, PACKAGES, RECIPE)}"


def fingerprint(codename: str, packages: Sequence[str], *inputs: str) -> str:
    """Twelve hex digits made from all that a tree is built from."""
    made_of = hashlib.sha256()
    for part in (codename, " ".join(packages), _sources(codename), *inputs, repr(_aptopts())):
        made_of.update(part.encode() + b"\0")
    for certificate in machine.own_certificates():
        made_of.update(certificate.read_bytes())
    return made_of.hexdigest()[:12]


def ensure(cache: Path, codename: str, say: Say) -> Path:
    """The base tree of a release; built by mmdebstrap if it is not in the cache (25 s on a small machine).

    A tree gets its name only when it is whole: a build that was killed leaves a draft, which the next build removes.

    Raises:
        SandboxError: mmdebstrap failed; its last words are in the message.
    """

    def build(draft: Path) -> Path:
        _build(draft, codename, say)
        finish(draft / "root")
        return draft / "root"

    return cached(cache, key(codename), build, say)


def cached(cache: Path, name: str, build: Callable[[Path], Path], say: Say) -> Path:
    """What the cache has under this name; made by `build` in a draft folder, one build at a time, if it has nothing."""
    tree = cache / name
    if tree.is_dir():
        return tree
    with locked(cache / "lock", lambda: say("waiting for another build")):
        if not tree.is_dir():
            remove_drafts(cache)
            draft = Path(tempfile.mkdtemp(prefix="draft-", dir=cache))
            try:
                build(draft).replace(tree)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return tree


def remove_drafts(cache: Path) -> None:
    """Remove what killed builds left; call with the cache's lock held."""
    for draft in cache.glob("draft-*"):
        mounts.release(draft)
        shutil.rmtree(draft)


def sweep(cache: Path) -> None:
    """Remove what killed builds left, unless somebody builds just now."""
    if cache.is_dir():
        with contextlib.suppress(BlockingIOError), locked(cache / "lock", _leave):
            remove_drafts(cache)


def _leave() -> None:
    raise BlockingIOError


def purge(cache: Path) -> list[str]:
    """Remove every tree that no host of any lab stands on; returns the names of those that stay."""
    stay = []
    if cache.is_dir():
        with locked(cache / "lock"):
            remove_drafts(cache)
            for tree in sorted(path for path in cache.iterdir() if path.is_dir()):
                if mounts.uses(tree):
                    stay.append(tree.name)
                else:
                    shutil.rmtree(tree)
            if not stay:
                shutil.rmtree(cache)
    return stay


def _sources(codename: str) -> str:
    return aptsources.debian_sources(aptsources.read_sources(), machine.release_of_machine(), codename)


def _aptopts() -> list[str]:
    return [f'{name} "{value}"' for name, value in sorted(machine.way().apt.items())]


def finish(root: Path) -> None:
    """What every host must have of its own is taken out; the machine's own authorities are put in."""
    for shared in (root / "etc/ssh").glob("ssh_host_*"):
        shared.unlink()
    (root / "etc/machine-id").write_text("")
    (root / "root/.ssh").mkdir(mode=0o700, exist_ok=True)
    if certificates := machine.own_certificates():
        for certificate in certificates:
            shutil.copy(certificate, root / machine.OWN_CERTIFICATES.relative_to("/"))
        run([*ALONE, "chroot", root, "update-ca-certificates"])


def _build(draft: Path, codename: str, say: Say) -> None:
    """Run mmdebstrap into `draft/root`."""
    bootstrap(draft, codename, PACKAGES, say)


def bootstrap(
    draft: Path, codename: str, packages: Sequence[str], say: Say, *, variant: str = "minbase", more: Sequence[str] = ()
) -> None:
    """Run mmdebstrap into `draft/root`, with the machine's own sources; `more` are further words for it.

    Raises:
        SandboxError: it failed; its last words are in the message.
    """
    sources = draft / "debian.sources"
    sources.write_text(_sources(codename))
    temporary = draft / "tmp"
    temporary.mkdir()
    draft.chmod(0o755)
    argv = [*ALONE, "mmdebstrap", "--mode=root", f"--variant={variant}", "--format=directory"]
    argv += [f"--include={','.join(packages)}"]
    argv += ["--dpkgopt=force-unsafe-io", *(f"--aptopt={option}" for option in _aptopts())]
    argv += [*more, codename, str(draft / "root"), str(sources)]
    environ = {**os.environ, "TMPDIR": str(temporary), "LC_ALL": "C.UTF-8"}
    if upstream := machine.way().upstream:
        environ.update(http_proxy=upstream, https_proxy=upstream)
    last = ""
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environ
    ) as build:
        assert build.stdout is not None  # noqa: S101 - said to the type checker
        for line in build.stdout:
            if line.startswith(("I: ", "E: ")):
                last = line[3:].strip()
                say(last)
    if build.returncode != 0:
        raise SandboxError(f"mmdebstrap could not build a tree of {codename}: {last or 'it said nothing'}")
