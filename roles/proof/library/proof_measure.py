#!/usr/bin/python
"""Try the settings group by group, and measure with each and without it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_measure
short_description: Tries the settings group by group
description:
  - For each group, the values of its settings are set and taken back in turn, and latencies are measured every time; at
    the end everything is as it was found, also after a run that was killed, when the next one starts.
  - What can't be tried in the running host is returned with the reason.
options:
  known:
    description: The plan, and what may happen on isolated CPUs; see module_utils/proof_subject.py.
    type: dict
    required: true
  tables:
    description: The roles' tables of settings, every value computed, by area.
    type: dict
    required: true
  groups:
    description: The groups to try; all if empty.
    type: list
    elements: str
    default: []
  runs:
    description: How many times each is measured with and without.
    type: int
    default: 7
  seconds:
    description: How long each program measures.
    type: int
    default: 5
  core:
    description: Whether the core's own latency is measured too.
    type: bool
    default: true
  patience:
    description: After how many seconds without a question from M(proof_progress) the run is given up; zero never.
    type: int
    default: 0
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Try the memory settings
  proof_measure:
    known: "{{ __proof_known }}"
    tables: "{{ cift_setting_tables }}"
    groups: [memory]
"""

RETURN = r"""
missing:
  description: What could not be measured on this host, with the reason.
  type: dict
  returned: always
groups:
  description: The groups with what was tried, what was left and why, what needs a reboot, and the figures of each run.
  type: list
  elements: dict
  returned: always
given_back:
  description: Files that an earlier run, which was killed, had left changed.
  type: list
  returned: always
"""

from ansible.module_utils import proof_trial  # noqa: E402
from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.proof_run import EndedError, Progress  # noqa: E402
from ansible.module_utils.proof_shot import Meter  # noqa: E402
from ansible.module_utils.proof_subject import subject  # noqa: E402
from ansible.module_utils.setting_machine import Machine  # noqa: E402


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "known": {"type": "dict", "required": True},
            "tables": {"type": "dict", "required": True},
            "groups": {"type": "list", "elements": "str", "default": []},
            "runs": {"type": "int", "default": 7},
            "seconds": {"type": "int", "default": 5},
            "core": {"type": "bool", "default": True},
            "patience": {"type": "int", "default": 0},
        }
    )
    asked, machine = module.params, Machine()
    progress = Progress(patience=asked["patience"] or None)
    given_back = proof_trial.give_back(machine)
    groups = proof_trial.groups(machine, asked["tables"], asked["groups"])
    if unknown := set(asked["groups"]) - {group.name for group in groups}:
        every = proof_trial.groups(machine, asked["tables"], [])
        names = ", ".join(sorted(group.name for group in every))
        module.fail_json(msg=f"group {', '.join(sorted(unknown))}: no such group of settings; expected some of {names}")
    housekeeping = min(asked["known"]["plan"]["classes"]["housekeeping"], default=0)
    meter = Meter(subject(machine, asked["known"]), asked["seconds"], housekeeping, progress, asked["core"])
    for group in groups:
        proof_trial.rehearse(machine, group)
    total, done, found = 2 * asked["runs"] * sum(bool(group.changes) for group in groups), 0, []
    for group in groups:
        entry = proof_trial.described(group) | {"runs": [], "problem": ""}
        found.append(entry)
        if not group.changes:
            continue

        def say(text: str) -> None:
            nonlocal done
            progress.say(text, done, total)
            done += 1

        try:
            entry["runs"] = proof_trial.trial(machine, group, asked["runs"], lambda side: meter.shot(), say)
        except (EndedError, ValueError, OSError) as error:
            entry["problem"] = str(error)
    progress.say("done", total, total, done=True)
    module.exit_json(changed=False, groups=found, missing=meter.missing(), given_back=given_back)


if __name__ == "__main__":
    main()
