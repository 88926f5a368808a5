"""A seed that is made once and kept on the controller, one file for each."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nkeys
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase

DOCUMENTATION = """
name: nats_seed
short_description: The seed of a NATS user's key
description:
  - Returns the seed in a file on the controller, and makes it first where there is none.
  - A file of your own is taken as it is; C(nk -gen user) makes one too.
options:
  _terms:
    description: Paths of the files.
    required: true
"""
EXAMPLES = """
- name: The public half, which is all that the server may know
  ansible.builtin.debug:
    msg: "{{ lookup('nats_seed', 'secrets/api.nk') | nats_public_key }}"
"""
RETURN = """
_raw:
  description: The seeds, in the order of the paths.
  type: list
  elements: str
"""


def seed(path: Path) -> str:
    """Return the seed in `path`; one that isn't there is made, readable by its owner alone.

    Forks of one play ask at the same time: the file appears whole, and the first one to have made it is right.

    Raises:
        AnsibleLookupError: the file holds something else.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # its mode is 0600
        with os.fdopen(handle, "wb") as file:
            file.write(made + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)
        finally:
            Path(draft).unlink()
    text = path.read_text(encoding="ascii", errors="replace").strip()
    if not text.startswith("SU") or len(text) != 58:
        raise AnsibleLookupError(
            f"{path}: found {len(text)} characters that are no seed of a NATS user, expected SU and 56 more; "
            "move the file away, and the next run makes a seed"
        )
    return text


class LookupModule(LookupBase):
    """The lookup by name."""

    def run(self, terms: Iterable[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return a seed for each path."""
        self.set_options(var_options=variables, direct=kwargs)
        return [seed(Path(term)) for term in terms]
