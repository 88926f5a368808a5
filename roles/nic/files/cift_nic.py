#!/usr/bin/python3
"""Set network cards by a table, or read them back; only what differs is set, and nothing is believed but what is read.

    cift-nic apply     cift-nic verify

/etc/cift/nic.json has `interfaces`, `queue_cpus` (the CPU of each queue) and `settings`: rows with name, of, key,
value, and maybe `drivers` (patterns of the drivers that have it). ethtool may print an error and return 0, or fail
after it has done its work: what counts is the state afterwards. A card that can't is skipped with its driver's own
words, which `apply` keeps in /run/cift-nic.json. Channels come first: changing them makes new queues and interrupts.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Setting = dict[str, Any]
REFUSED = "run/cift-nic.json"
ORDER = ["channels", "rings", "mtu", "flag", "feature", "coalesce", "pause", "eee", "rss", "xps", "rps", "sysfs"]
ORDER += ["flow"]


class Unsupported(Exception):
    """The card or its driver doesn't have a setting; the message says so in its own words."""


class Card:
    """One interface: what ethtool and sysfs say of it, and how they are told."""

    def __init__(self, name: str, root: Path, queue_cpus: list[int], run: Callable[..., Any] = subprocess.run) -> None:
        self.name, self.root, self.queue_cpus, self._run = name, root, queue_cpus, run
        self.sysfs = root / "sys/class/net" / name

    @property
    def driver(self) -> str:
        """Return the driver's name, `none` for an interface without a device (veth, bridge, bond)."""
        link = self.sysfs / "device/driver"
        return link.resolve().name if link.exists() else "none"

    def tell(self, *argv: str) -> str:
        """Run a program; return what it printed on both channels. Its exit status means nothing."""
        done = self._run(argv, capture_output=True, text=True, timeout=30, check=False)
        return f"{done.stdout}{done.stderr}"

    def ask(self, option: str, until: str = "\0") -> str:
        """Return what ethtool says before a heading, or raise `Unsupported` with its words there."""
        said = self.tell("ethtool", option, self.name).partition(until)[0]
        if re.search(r"not supported|No such device|Cannot get|no (?:matched )?(?:data|priv)", said):
            raise Unsupported(" ".join(said.split()[-8:]))
        return said


def pairs(text: str) -> dict[str, str]:
    """Return `{key: value}` of ethtool's lines, keys in lower case; of several values the last one stands."""
    found = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found[key.strip().lower()] = value.strip()
    return found


def sections(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the maxima and the current values of `ethtool -l` or `-g`."""
    most, _, now = text.partition("Current hardware settings")
    return pairs(most), pairs(now)


def read(card: Card, setting: Setting) -> str:
    """Return the value that the card has.

    Raises:
        Unsupported: it has no such setting.
    """
    return READERS[setting["of"]](card, setting)


def _read_sections(card: Card, setting: Setting) -> str:
    most, now = sections(card.ask("-l" if setting["of"] == "channels" else "-g"))
    value = now.get(setting["key"], "n/a")
    if value == "n/a" or most.get(setting["key"], "n/a") in ("n/a", "0"):
        raise Unsupported(f"{card.driver} has no {setting['key']} {setting['of']}")
    return value


def wanted(card: Card, setting: Setting) -> str:
    """Return the value that the card can be asked for: no more channels or ring entries than it has."""
    value = str(setting["value"])
    if setting["of"] in ("channels", "rings"):
        most = sections(card.ask("-l" if setting["of"] == "channels" else "-g"))[0].get(setting["key"], "n/a")
        return str(min(int(value), int(most))) if most.isdigit() and int(most) > 0 else value
    if setting["of"] == "rss":  # a card with fewer queues than wanted spreads over those that it has
        have = sections(card.ask("-l"))[1].get("combined", "")
        return str(min(int(value), int(have))) if have.isdigit() and int(have) > 0 else value
    if setting["of"] == "xps":
        return ",".join(str(card.queue_cpus[n % len(card.queue_cpus)]) for n in range(len(_queues(card, "tx"))))
    if setting["of"] == "rps":
        return ",".join("0" for _ in _queues(card, "rx"))
    return value


def _read_coalesce(card: Card, setting: Setting) -> str:
    said = card.ask("-c")
    key = setting["key"]
    if key in ("adaptive-rx", "adaptive-tx"):
        found = re.search(r"Adaptive RX:\s*(\S+)\s+TX:\s*(\S+)", said)
        value = found.group(1 if key == "adaptive-rx" else 2) if found else "n/a"
    else:
        value = pairs(said).get(key, "n/a")
    if value == "n/a":
        raise Unsupported(f"{card.driver} has no {key}")
    return value


def _read_feature(card: Card, setting: Setting) -> str:
    value = pairs(card.ask("-k")).get(setting["key"], "")
    if not value:
        raise Unsupported(f"{card.driver} has no {setting['key']}")
    if "[fixed]" in value and value.split()[0] != setting["value"]:
        raise Unsupported(f"{card.driver} keeps {setting['key']} {value.split()[0]}")
    return value.split()[0]


def _read_pause(card: Card, setting: Setting) -> str:
    return pairs(card.ask("-a")).get(setting["key"].replace("autoneg", "autonegotiate"), "n/a")


def _read_eee(card: Card, _: Setting) -> str:
    return "off" if pairs(card.ask("--show-eee")).get("eee status", "").startswith("disabled") else "on"


def _read_flag(card: Card, setting: Setting) -> str:
    found = pairs(card.ask("--show-priv-flags"))
    if setting["key"] not in found:
        raise Unsupported(f"{card.driver} has no flag {setting['key']}")
    return found[setting["key"]]


def _read_rss(card: Card, _: Setting) -> str:
    """The number of queues that the indirection table spreads over, `uneven` where it isn't one after the other."""
    said = card.ask("-x", until="RSS hash key")  # which igb doesn't support, other than the table above it
    entries = [int(n) for line in said.splitlines() for n in re.findall(r"\b\d+\b", line.partition(":")[2])]
    entries = entries if re.search(r"^\s*\d+:", said, re.MULTILINE) else []
    if not entries:
        raise Unsupported(f"{card.driver} shows no indirection table")
    queues = max(entries) + 1
    return str(queues) if all(entry == index % queues for index, entry in enumerate(entries)) else "uneven"


def _queues(card: Card, kind: str) -> list[Path]:
    return sorted(card.sysfs.glob(f"queues/{kind}-*"), key=lambda path: int(path.name.rpartition("-")[2]))


def _read_steering(card: Card, setting: Setting) -> str:
    """The CPU of each queue (`0` for none), by the masks of its queues."""
    kind, name = ("tx", "xps_cpus") if setting["of"] == "xps" else ("rx", "rps_cpus")
    shown = []
    for queue in _queues(card, kind):
        try:
            bits = int((queue / name).read_text().strip().replace(",", ""), 16)
        except OSError as error:
            raise Unsupported(f"one queue alone has no {name} ({error.strerror})") from error
        cpus = [str(bit) for bit in range(bits.bit_length()) if bits >> bit & 1]
        shown.append("+".join(cpus) or ("none" if kind == "tx" else "0"))
    if not shown:
        raise Unsupported(f"it has no {kind} queues")
    return ",".join(shown)


def _read_file(card: Card, setting: Setting) -> str:
    path = card.sysfs / ("mtu" if setting["of"] == "mtu" else setting["key"])
    try:
        return path.read_text().strip()
    except OSError as error:
        raise Unsupported(f"this kernel has no {path.name}") from error


def _read_flow(card: Card, setting: Setting) -> str:
    """What the card says of the rule at its place: where it sends, `none` where there is no rule."""
    said = card.tell("ethtool", "-n", card.name, "rule", str(setting["key"]))
    if "not supported" in said:
        raise Unsupported(f"{card.driver} has no flow rules")
    found, words = pairs(said), str(setting["value"]).split()
    if "filter" not in found:
        return "none"
    rule = dict(zip(words[::2], words[1::2], strict=False))
    names = {"dst-ip": "dest ip addr", "src-ip": "src ip addr", "dst-port": "dest port", "src-port": "src port"}
    for word, name in names.items():
        if word in rule and found.get(name, "").split(" ")[0] != rule[word]:
            return f"{name} {found.get(name)}"
    queue = re.search(r"queue (\d+)", found.get("action", ""))
    return str(setting["value"]) if queue and queue.group(1) == rule.get("action") else found.get("action", "none")


def write(card: Card, setting: Setting, value: str) -> str:
    """Ask for a value; return what was said about it."""
    kind, key = setting["of"], str(setting["key"])
    if kind in ("xps", "rps"):
        return _write_steering(card, kind, value)
    if kind == "sysfs":
        try:
            (card.sysfs / key).write_text(value)
        except OSError as error:
            return str(error.strerror)
        return ""
    commands = {
        "channels": ("-L", card.name, key, value),
        "rings": ("-G", card.name, key, value),
        "coalesce": ("-C", card.name, key, value),
        "feature": ("-K", card.name, key, value),
        "pause": ("-A", card.name, key, value),
        "eee": ("--set-eee", card.name, "eee", value),
        "flag": ("--set-priv-flags", card.name, key, value),
        "rss": ("-X", card.name, "equal", value),
        "flow": ("-N", card.name, *value.split(), "loc", key),
    }
    if kind == "mtu":
        return card.tell("ip", "link", "set", "dev", card.name, "mtu", value)
    return card.tell("ethtool", *commands[kind])


def _write_steering(card: Card, kind: str, value: str) -> str:
    queues, name = (_queues(card, "tx"), "xps_cpus") if kind == "xps" else (_queues(card, "rx"), "rps_cpus")
    for queue, cpu in zip(queues, value.split(","), strict=True):
        bits = 1 << int(cpu) if kind == "xps" else 0
        words = [f"{bits >> shift & 0xFFFFFFFF:08x}" for shift in range(0, max(bits.bit_length(), 1), 32)]
        try:
            (queue / name).write_text(",".join(reversed(words)))
        except OSError as error:
            return f"{queue.name}: {error.strerror}"
    return ""


READERS: dict[str, Callable[[Card, Setting], str]] = {
    "channels": _read_sections,
    "rings": _read_sections,
    "coalesce": _read_coalesce,
    "feature": _read_feature,
    "pause": _read_pause,
    "eee": _read_eee,
    "flag": _read_flag,
    "rss": _read_rss,
    "xps": _read_steering,
    "rps": _read_steering,
    "mtu": _read_file,
    "sysfs": _read_file,
    "flow": _read_flow,
}


def lacks(card: Card, setting: Setting) -> str | None:
    """Return why a card isn't asked at all, None where it is."""
    if not card.sysfs.exists():
        return "there is no such interface"
    if card.driver == "none" and setting["of"] not in ("mtu", "sysfs"):
        return "it has no device of its own (veth, bridge or bond)"
    if not any(fnmatch.fnmatch(card.driver, known) for known in setting.get("drivers", ["*"])):
        return f"{card.driver} doesn't have it"
    return "nothing is wanted here: the value is empty" if setting["value"] in (None, "") else None


def ordered(plan: dict[str, Any]) -> list[Setting]:
    """Return the settings in the order in which they are applied: what makes queues before what is set on them."""
    return sorted(plan["settings"], key=lambda setting: ORDER.index(setting["of"]))


def apply(cards: list[Card], plan: dict[str, Any], root: Path) -> list[str]:
    """Set what differs; return a line for each change. What a card refuses is noted for `verify`."""
    changed, refused = [], {}
    for card in cards:
        for setting in ordered(plan):
            if lacks(card, setting):
                continue
            try:
                before, value = read(card, setting), wanted(card, setting)
                if before == value:
                    continue
                said = write(card, setting, value)
                after = read(card, setting)
            except Unsupported:
                continue
            if after != value:
                refused[f"{card.name} {setting['name']}"] = " ".join(said.split())
            else:
                changed.append(f"{card.name} {setting['name']}: {before} to {after}")
    (root / REFUSED).parent.mkdir(exist_ok=True)
    (root / REFUSED).write_text(json.dumps(refused))
    return changed


def verify(cards: list[Card], plan: dict[str, Any], root: Path) -> list[dict[str, Any]]:
    """Return a row of the verify report for each setting of each card; changes nothing."""
    refused = json.loads((root / REFUSED).read_text()) if (root / REFUSED).exists() else {}
    return [_verify(card, setting, refused) for card in cards for setting in ordered(plan)]


def _verify(card: Card, setting: Setting, refused: dict[str, str]) -> dict[str, Any]:
    name, why, verdict, live = f"{card.name} {setting['name']}", str(setting["why"]), "pass", None
    value, reason = str(setting["value"]), lacks(card, setting)
    try:
        if reason:
            raise Unsupported(reason)
        live, value = read(card, setting), wanted(card, setting)
    except Unsupported as error:
        verdict, why = "skip", str(error)
    else:
        said = refused.get(name, "")
        if live != value and re.search(r"not supported|not permitted|Invalid argument", said):
            verdict, why = "skip", f"{card.driver} refused it: {said}"
        elif live != value:
            verdict = "fail"
            why = f"refused: {said}" if said else why
    row = {"setting": name, "wanted": value, "persistent": "cift-nic.service", "live": live}
    return row | {"verdict": verdict, "why": why, "source": setting["source"]}


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns its exit status."""
    parser = argparse.ArgumentParser(description="Set network cards by a table, or read them back.")
    parser.add_argument("what", choices=["apply", "verify"])
    parser.add_argument("--plan", type=Path, default=Path("/etc/cift/nic.json"))
    parser.add_argument("--root", type=Path, default=Path("/"), help="a folder that stands in for the machine")
    asked = parser.parse_args(arguments)
    try:
        plan = json.loads(asked.plan.read_text())
    except (OSError, ValueError) as error:
        print(f"cift-nic: {asked.plan}: {error}; expected the file that the role nic writes", file=sys.stderr)
        return 2
    cards = [Card(name, asked.root, plan["queue_cpus"]) for name in plan["interfaces"]]
    if asked.what == "verify":
        print(json.dumps(verify(cards, plan, asked.root)))
    else:
        print("\n".join(apply(cards, plan, asked.root)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
