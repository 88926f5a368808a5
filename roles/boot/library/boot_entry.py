#!/usr/bin/python
"""Have a new kernel command line booted once, and made the default only after it was proven."""

from __future__ import annotations

DOCUMENTATION = r"""
module: boot_entry
short_description: Tries a new kernel command line for one boot, and makes it the default once it is proven
description:
  - C(guarded) puts GRUB's default entry under guard. From then on what the drop-ins of C(/etc/default/grub.d) ask for
    stands in an entry of its own. Called again after the drop-ins changed, it brings the boot menu up to date.
  - C(armed) has the next boot try that entry, C(disarmed) takes the order back.
  - C(judged) says what the host came back with, and remembers a failure.
  - C(proven) makes the running trial the default, C(refused) remembers why it must not be. The next boot is then the
    old entry by itself.
  - C(left) takes the guard off a host whose files were given back, and says whether it must be rebooted for it.
  - C(read) changes nothing.
  - Each step is on the disk before the next one begins. Whenever it is interrupted, the next call goes on from there.
options:
  state:
    description: What to do.
    type: str
    choices: [read, guarded, armed, disarmed, judged, proven, refused, left]
    default: read
  panic:
    description: Seconds from the death of a kernel on trial to its reset.
    type: int
    default: 10
  timeout:
    description: Seconds after which a host on trial that nobody has judged reboots into the old entry by itself.
    type: int
    default: 900
  retry:
    description: With C(guarded), whether a command line that failed before is tried again.
    type: bool
    default: false
  reason:
    description: With C(refused), why.
    type: str
    default: ""
  host:
    description: The inventory's name of the host, written on every row.
    type: str
    default: ""
author: [CIFT Markets]
"""

EXAMPLES = r"""
- name: Have the next boot try the new command line
  boot_entry:
    state: armed
"""

RETURN = r"""
situation:
  description:
    - What is the case; see SITUATIONS in module_utils/boot_state.py.
    - C(container) where the kernel is another machine's, C(refused) where GRUB can't boot an entry once.
  type: str
  returned: always
why:
  description: The same in a sentence.
  type: str
  returned: always
proven:
  description: The default entry's words.
  type: str
  returned: on a host with GRUB
wanted:
  description: The words that the drop-ins ask for.
  type: str
  returned: on a host with GRUB
live:
  description: What the running kernel was started with.
  type: str
  returned: always
rows:
  description: Rows of the verify report on the command line, and on what its arguments brought.
  type: list
  returned: always
"""

from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from ansible.module_utils.basic import AnsibleModule  # noqa: E402
from ansible.module_utils.boot_host import Host, HostError  # noqa: E402
from ansible.module_utils.boot_rows import brought, line  # noqa: E402
from ansible.module_utils.boot_state import SITUATIONS, BadRecordError, own_words, situation, split  # noqa: E402


def act(host: Host, module: AnsibleModule) -> bool:
    """Do what the state asks for; returns whether anything changed."""
    state, params = module.params["state"], module.params
    if state == "guarded":
        return host.guard(params["panic"], params["timeout"], retry=params["retry"])
    if state == "refused":
        return host.refuse(params["reason"])
    if state == "read":
        return False
    return {"armed": host.arm, "disarmed": host.disarm, "judged": host.judge, "proven": host.prove}[state]()


def left(host: Host, name: str) -> dict[str, Any]:
    """Take the guard off; the words of the running kernel must be those asked for, no fewer and no more."""
    changed, now = host.leave(), host.live()
    same = sorted(own_words(now.cmdline)) == sorted(now.wanted.line.split())
    case = "settled" if same else "restart"
    why = "as before the first run" if same else "the old command line is the next boot's, and the running one is not"
    row = line(name, case, why, now.wanted.line, now.wanted.line, now.cmdline)
    return {"changed": changed, "situation": case, "why": why, "rows": [row]}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {
                "type": "str",
                "default": "read",
                "choices": ["read", "guarded", "armed", "disarmed", "judged", "proven", "refused", "left"],
            },
            "panic": {"type": "int", "default": 10},
            "timeout": {"type": "int", "default": 900},
            "retry": {"type": "bool", "default": False},
            "reason": {"type": "str", "default": ""},
            "host": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    host = Host(
        Path("/"), run=lambda words: module.run_command(words, handle_exceptions=False), check=module.check_mode
    )
    name = module.params["host"]
    try:
        live = host.read("proc/cmdline").strip()
        if host.container():
            why = "container: the kernel and its command line are the machine's"
            module.exit_json(
                changed=False, situation="container", why=why, live=live, rows=[line(name, "container", why, live=live)]
            )
        if why := host.refusal():
            module.exit_json(
                changed=False, situation="refused", why=why, live=live, rows=[line(name, "refused", why, live=live)]
            )
        if module.params["state"] == "left":
            module.exit_json(**left(host, name))
        changed = act(host, module)
        record, now = host.record(), host.live()
    except (HostError, BadRecordError, ValueError, OSError) as error:
        module.fail_json(msg=str(error))
    case = situation(record, now)
    why = SITUATIONS[case] + (f": {record.failures[now.wanted.digest]}" if case == "failed" else "")
    proven, wanted = record.proven.line, now.wanted.line
    module.exit_json(
        changed=changed,
        situation=case,
        why=why,
        proven=proven,
        wanted=wanted,
        live=live,
        rows=[line(name, case, why, wanted, proven, live), *brought(name, case, split(wanted))],
    )


if __name__ == "__main__":
    main()
