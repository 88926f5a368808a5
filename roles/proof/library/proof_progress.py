#!/usr/bin/python
"""Ask how far proof_behaviour is, and wait a while for its end."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_progress
short_description: Asks how far proof_behaviour is
description:
  - Returns as soon as it is done, or after C(wait) seconds with how far it is.
  - Whoever asks shows that somebody still waits; proof_behaviour gives up when nobody does.
options:
  wait:
    description: How long to wait for the end, in seconds.
    type: int
    default: 10
  results:
    description: The file in which Ansible leaves the result of the job.
    type: path
    required: true
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: See how far it is
  proof_progress:
    results: "{{ job.results_file }}"
"""

RETURN = r"""
finished:
  description: Whether the job has ended, well or not.
  type: bool
  returned: always
text:
  description: How far it is, for people.
  type: str
  returned: always
"""

import json  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.proof_run import ASKED, PROGRESS  # noqa: E402


def ended(results: Path) -> bool:
    """Return whether Ansible has the job's result: until then its file says that it was started, and no more."""
    try:
        known = json.loads(results.read_text())
    except (OSError, ValueError):
        return False
    return "started" not in known or bool(known.get("finished"))


def text(known: dict[str, object]) -> str:
    """Return how far a run is, for people: `oslat, 130 of 3600 s`."""
    return (
        f"{known.get('what', 'starting')}, {float(known.get('elapsed', 0)):.0f} of {float(known.get('total', 0)):.0f} s"
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"wait": {"type": "int", "default": 10}, "results": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    asked, results = Path(ASKED), Path(module.params["results"])
    asked.parent.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + module.params["wait"]
    while not (done := ended(results)) and time.monotonic() < until:
        asked.touch()
        time.sleep(0.25)
    try:
        known = json.loads(Path(PROGRESS).read_text())
    except (OSError, ValueError):
        known = {}
    module.exit_json(changed=False, finished=done, text=text(known))


if __name__ == "__main__":
    main()
