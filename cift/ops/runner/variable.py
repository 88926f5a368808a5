"""One variable of a host as a play has it: templated, lookups asked, vaults opened with the run's own vault password.

    python -m cift.ops.runner.variable INVENTORY HOST NAME

In a process of its own, which has Ansible's settings of the checkout, and with its answer on a pipe: a secret comes by
no log, no file and no argument.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cift.ops.runner.project import ProjectError, environment


def host_variable(root: Path, inventory: Path, host: str, name: str) -> Any:
    """Return a host's variable. Nothing is made for it: a secret that site.yml hasn't made yet is a problem.

    Raises:
        ProjectError: it isn't set, or a lookup or a vault refuses; the message says what Ansible said.
    """
    command = [sys.executable, "-m", __name__, str(inventory), host, name]
    done = subprocess.run(command, cwd=root, env=os.environ | environment(root), capture_output=True, check=False)
    try:
        answer = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode(errors="replace").split("\n")
        raise ProjectError(f"{name} of {host}: {' '.join(said[-3:]).strip() or f'exit {done.returncode}'}") from None
    if "problem" in answer:
        raise ProjectError(f"{name} of {host}: {answer['problem']}")
    return answer["value"]


def _answer(inventory: str, host: str, name: str) -> dict[str, Any]:
    """Ask Ansible; what it says against it is put on one line."""
    from ansible import constants
    from ansible.cli import CLI
    from ansible.errors import AnsibleError
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.plugins.loader import init_plugin_loader
    from ansible.template import Templar
    from ansible.vars.hostvars import HostVars
    from ansible.vars.manager import VariableManager

    init_plugin_loader()
    loader = DataLoader()
    try:
        CLI.setup_vault_secrets(loader, vault_ids=list(constants.DEFAULT_VAULT_IDENTITY_LIST), auto_prompt=False)
        known = InventoryManager(loader=loader, sources=[inventory])
        manager = VariableManager(loader=loader, inventory=known)
        variables = manager.get_vars(host=known.get_host(host)) | {"cift_secrets_make": False}
        variables["hostvars"] = HostVars(inventory=known, variable_manager=manager, loader=loader)
        if name not in variables:
            return {"problem": "not set, expected it in the inventory"}
        return {"value": Templar(loader=loader, variables=variables).template(variables[name])}
    except AnsibleError as error:
        return {"problem": " ".join(str(error).split())}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer(*sys.argv[1:])))  # Ansible's strings are subclasses, which msgspec refuses
