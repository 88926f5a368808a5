"""The two ends of a rotation, in the encrypted file of the lookup `secret`; no host is touched."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader


class ActionModule(ActionBase):
    """`state: begun` puts the secrets called `names` aside, `ended` forgets all that were; without one, it only looks.

    Returns names alone: `previous`, what is or was put aside, and `kept`, those of `names` whose variables have the
    file's values, and not a site's own.
    """

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Carry out the task."""
        super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(
            {
                "state": {"choices": ["begun", "ended", "seen"], "default": "seen"},
                "names": {"type": "list", "elements": "str", "default": []},
            }
        )
        variables = task_vars or {}
        store = lookup_loader.get("secret", loader=self._loader, templar=self._templar).store(variables)
        changed: list[str] = []
        if given["state"] == "begun":
            changed = store.begin(given["names"], check=self._task.check_mode)
        before = store.read()
        if given["state"] == "ended":
            changed = store.end(check=self._task.check_mode)
        kept = [
            name
            for name in given["names"]
            if name in before.previous
            or (name in before.secrets and self._templar.template(variables.get(name)) == before.secrets[name])
        ]
        return {"changed": bool(changed), "previous": sorted(before.previous), "kept": kept}
