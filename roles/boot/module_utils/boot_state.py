"""How a new kernel command line becomes the default: what is known, what is live, and what follows. No I/O here.

GRUB's default entry carries the *proven* words; what the drop-ins of `/etc/default/grub.d` ask for beyond them is
*wanted*, and stands in a second entry that is booted once. That entry's words end with `cift.trial=<digest>`, so the
running kernel itself says what it was started with. The kernel ignores a word with a dot whose module it doesn't have.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import asdict, dataclass, field
from typing import Any

TRIAL = "cift.trial"
VERSION = 1

# What can be the case. Only `armed`, `failed` and `proving` need the record; the rest shows itself.
SITUATIONS = {
    "settled": "the proven command line is the wanted one, and it is live",
    "restart": "the proven command line is the wanted one, but the running kernel was started with another",
    "pending": "a new command line waits for the reboot that tries it",
    "armed": "the next boot tries the new command line",
    "trial": "the new command line is live and not yet proven",
    "proving": "the new command line passed; making it the default was interrupted",
    "fellback": "the new command line was tried and the host came back with the old one",
    "failed": "the new command line was tried and refused; the old one is live",
}


class BadRecordError(ValueError):
    """The record on the host can't be read; the message says what was found."""


@dataclass(frozen=True)
class Words:
    """GRUB's two variables: `linux` goes to every entry, `default` to all but the recovery entries."""

    linux: str = ""
    default: str = ""

    @property
    def line(self) -> str:
        """All words, parted by one space."""
        return " ".join(f"{self.linux} {self.default}".split())

    @property
    def digest(self) -> str:
        """Twelve hex digits that stand for these words; the grub.d script makes the same ones with sha256sum."""
        return hashlib.sha256(f"{self.line}\n".encode()).hexdigest()[:12]


@dataclass
class Record:
    """What the host remembers in `/var/lib/cift/boot/state.json`."""

    proven: Words
    armed: str = ""  # digest of the words that the next boot was told to try
    armed_boot: str = ""  # the kernel's boot id at that moment
    proving: Words | None = None
    failures: dict[str, str] = field(default_factory=dict)  # digest: why

    def dump(self) -> str:
        """Return the record as JSON."""
        return json.dumps({"version": VERSION, **asdict(self)}, indent=2, sort_keys=True) + "\n"

    @classmethod
    def parse(cls, text: str) -> Record:
        """Return the record that `dump` wrote; raises BadRecordError for anything else."""
        try:
            data: dict[str, Any] = json.loads(text)
            if data.pop("version") != VERSION:
                raise ValueError("another version")
            proving = data.pop("proving")
            return cls(proven=Words(**data.pop("proven")), proving=Words(**proving) if proving else None, **data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRecordError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Live:
    """What the running host shows."""

    boot_id: str
    cmdline: str
    wanted: Words
    next_entry: str = ""

    @property
    def words(self) -> list[str]:
        """The words that the kernel was started with; quoted ones stay whole."""
        return split(self.cmdline)

    @property
    def trial(self) -> str | None:
        """The digest of the trial that is running, if one is."""
        return next((word.partition("=")[2] for word in self.words if word.startswith(f"{TRIAL}=")), None)


def split(line: str) -> list[str]:
    """Return a command line's words; one with an odd quote is parted at spaces, as the kernel would do."""
    try:
        return shlex.split(line)
    except ValueError:
        return line.split()


def first_proven(live: Live) -> Words:
    """Return what is proven on a host that was never guarded: what is asked for, if the host runs with it.

    A host whose drop-ins changed since its boot runs with something else: that is proven, and they are yet to be.
    """
    if has(live.words, live.wanted.line):
        return live.wanted
    return Words(" ".join(own_words(live.cmdline)))


def own_words(cmdline: str) -> list[str]:
    """Return the words of a running kernel's command line but for those that the boot loader adds."""
    added = ("BOOT_IMAGE=", "root=", "rootflags=", "initrd=", f"{TRIAL}=")
    return [word for word in cmdline.split() if word not in ("ro", "rw") and not word.startswith(added)]


def has(words: list[str], line: str) -> bool:
    """Whether every word of the line is among the words."""
    return all(word in words for word in split(line))


def situation(record: Record, live: Live) -> str:
    """Return which of SITUATIONS is the case."""
    if record.proving is not None:
        return "proving"
    wanted, running = live.wanted.digest, live.trial
    if wanted == record.proven.digest:
        return "settled" if has(live.words, record.proven.line) and running in (None, wanted) else "restart"
    if wanted in record.failures:
        return "failed"
    if running == wanted:
        return "trial"
    if record.armed == wanted:
        # The order to try it was on the disk before the record was: a new boot without the trial is its failure.
        return "armed" if record.armed_boot == live.boot_id else "fellback"
    return "pending"


def armed(record: Record, live: Live) -> Record:
    """Return the record once the next boot was told to try what is wanted."""
    return Record(record.proven, live.wanted.digest, live.boot_id, None, record.failures)


def disarmed(record: Record) -> Record:
    """Return the record once the next boot was told to try nothing."""
    return Record(record.proven, failures=record.failures)


def failed(record: Record, live: Live, why: str) -> Record:
    """Return the record once what is wanted was found wanting."""
    return Record(record.proven, failures={live.wanted.digest: why})


def forgiven(record: Record) -> Record:
    """Return the record without its failures: what is wanted may be tried again."""
    return Record(record.proven, record.armed, record.armed_boot, record.proving)


def proving(record: Record, live: Live) -> Record:
    """Return the record while what is wanted is made the default; raises ValueError unless it is live and on trial."""
    if (case := situation(record, live)) != "trial":
        raise ValueError(f"only a running trial can be proven, and here {SITUATIONS[case]}")
    return Record(record.proven, proving=live.wanted)


def proven(record: Record) -> Record:
    """Return the record once the default is the new command line."""
    return Record(record.proving or record.proven)
