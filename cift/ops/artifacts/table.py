"""The table of artifacts, read from the role that downloads and installs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from cift.ops.rooms import room

#: One build, flat: name, version, architecture, kind, licence, and sha256 or the publisher's `checksums`.
Item = dict[str, Any]


def read_items(root: Path) -> list[Item]:
    """Return every build of the table in the checkout `root`, by name and architecture.

    Raises the room's ArtifactError at an entry that lacks something.
    """
    text = (root / "roles/artifact/vars/main.yml").read_text()
    table = yaml.safe_load(text)["__artifact_table"]
    return [
        room("artifact", "artifact_table").entry(table, name, architecture)
        for name in sorted(table)
        for architecture in sorted(table[name]["builds"])
    ]


def source(item: Item) -> str:
    """Return where a build comes from, for a person to read."""
    if item["kind"] == "wheel":
        return f"pip {item['package']}"
    if item["kind"] == "maven":
        return f"mvn {item['package']}"
    return str(item["address"]).format(**item)


def checksum(item: Item) -> str:
    """Return a build's sha256, or which list says it when it is fetched."""
    return str(item.get("sha256") or "by " + str(item["checksums"]["address"]).format(**item))
