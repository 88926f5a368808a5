#!/usr/bin/python
"""Read back how a tuned host behaves: what happens on its isolated CPUs, and the latencies that are left."""

from __future__ import annotations

DOCUMENTATION = r"""
module: proof_behaviour
short_description: Reads back how a tuned host behaves
description:
  - Watches interrupts, ticks, idle states and tasks on the plan's isolated CPUs, the kernel's log, and where interrupts
    come after a little traffic; then measures with hwlatdetect, cyclictest and oslat, one after the other.
  - Changes nothing. What can't be said here is a row with the verdict skip and the reason.
  - How far it is stands in C(/run/cift-proof/progress.json), for M(proof_progress) to read.
options:
  host:
    description: The inventory's name of the host, written on every row.
    type: str
    required: true
  known:
    description: The plan, and what may happen on isolated CPUs; see module_utils/proof_subject.py.
    type: dict
    required: true
  limits:
    description: The most us that hwlatdetect, cyclictest and oslat may show; none for a program only measures.
    type: dict
    default: {}
  duration:
    description: How long each of the three measures, in seconds; zero leaves them out.
    type: int
    default: 10
  window:
    description: How long interrupts, ticks and idle states are watched, in seconds.
    type: float
    default: 10
  patience:
    description: After how many seconds without a question from M(proof_progress) the run is given up; zero never.
    type: int
    default: 0
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Watch the host, and measure
  proof_behaviour:
    host: "{{ inventory_hostname }}"
    known: "{{ __proof_known }}"
    limits: {oslat: 20, cyclictest: 20, hwlatdetect: 20}
"""

RETURN = r"""
rows:
  description: One row for each behaviour; those of a latency have its figures and histogram.
  type: list
  elements: dict
  returned: always
"""

from ansible.module_utils import proof_cheap, proof_irqs, proof_latency  # noqa: E402
from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.proof_run import Progress  # noqa: E402
from ansible.module_utils.proof_subject import subject  # noqa: E402
from ansible.module_utils.setting_machine import Machine  # noqa: E402


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "host": {"type": "str", "required": True},
            "known": {"type": "dict", "required": True},
            "limits": {"type": "dict", "default": {}},
            "duration": {"type": "int", "default": 10},
            "window": {"type": "float", "default": 10},
            "patience": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    asked, machine = module.params, Machine()
    found, progress = subject(machine, asked["known"]), Progress(patience=asked["patience"] or None)
    progress.say("interrupts, ticks and tasks", 0, asked["window"])
    rows = [*proof_cheap.rows(found, asked["window"]), proof_irqs.row(found)]
    if asked["duration"] > 0:
        housekeeping = min(asked["known"]["plan"]["classes"]["housekeeping"], default=0)
        rows += proof_latency.run(found, asked["duration"], asked["limits"], progress, housekeeping)
    progress.say("done", 1, 1, done=True)
    origin = {"host": asked["host"], "area": "behaviour"}
    module.exit_json(changed=False, rows=[origin | row for row in rows])


if __name__ == "__main__":
    main()
