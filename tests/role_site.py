"""Render a role's templates and variables by Ansible's own templating, for hosts of an inventory made in the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

ROLES = Path(__file__).parents[1] / "roles"


def _trusted(value: Any) -> Any:
    """Ansible templates only what it trusts; files of the checkout are."""
    if isinstance(value, str):
        return trust_as_template(value)
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    return [_trusted(item) for item in value] if isinstance(value, list) else value


def _load(path: Path) -> dict[str, Any]:
    return (yaml.safe_load(path.read_text()) or {}) if path.exists() else {}


@cache
def _plugins() -> None:
    init_plugin_loader()


def _templar(variables: dict[str, Any]) -> Templar:
    _plugins()
    return Templar(loader=DataLoader(), variables=variables)


@dataclass
class Site:
    """Hosts with their variables, and groups with the names of their hosts."""

    hosts: dict[str, dict[str, Any]]
    groups: dict[str, list[str]]
    facts: dict[str, Any] = field(default_factory=dict)

    def variables(self, role: str, host: str, **extra: Any) -> dict[str, Any]:
        """Return what Ansible would know in the role on the host; `extra` has the last word, as with -e."""
        known = _trusted(_load(ROLES / role / "defaults/main.yml")) | self.hosts[host]
        known |= _trusted(_load(ROLES / role / "vars/main.yml"))
        return known | {
            "ansible_facts": self.facts,
            "ansible_managed": "Ansible managed",
            "inventory_hostname": host,
            "groups": self.groups | {"all": list(self.hosts)},
            "group_names": sorted(name for name, members in self.groups.items() if host in members),
            "hostvars": self.hosts,
            **extra,
        }

    def value(self, role: str, host: str, expression: str, **extra: Any) -> Any:
        """Return what `{{ expression }}` is in the role on the host."""
        templar = _templar(self.variables(role, host, **extra))
        return templar.template(trust_as_template("{{ " + expression + " }}"))

    def render(self, role: str, host: str, template: str, **extra: Any) -> str:
        """Return the text that the role's template makes on the host."""
        templar = _templar(self.variables(role, host, **extra))
        text = (ROLES / role / "templates" / template).read_text()
        return str(templar.template(trust_as_template(text), escape_backslashes=False))
