"""Every inventory resolves, has the same groups and variable names, and gives every role what its specs ask for.

The cloud plugins cannot be asked here: no cloud is reachable. Hosts like those that they would return, in the groups
that their files name, take their place; that the files name the same groups is tested on their text.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.inventory.manager import InventoryManager
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

ROOT = Path(__file__).parents[2]
INVENTORIES = ("sandbox", "sandbox-cluster", "equinix", "aws", "gcp")
PLUGINS = {"aws": "aws_ec2.yml", "gcp": "gcp.yml"}
GROUPS = {"trading", "messaging", "analytics", "cache", "relational", "timeseries"}
# Whoever doesn't want it names no host.
OPTIONAL = {"timeseries"}
ROLES = {
    "preflight": "all", "cpu_plan": "all", "base": "all", "time": "all", "storage": "all", "kernel": "all",
    "hugepages": "all", "slices": "all", "nic": "all", "irq": "all", "firewall": "all", "proof": "all",
    "artifact": "all", "nats": "messaging",
    "chdb": "analytics", "redis": "cache", "valkey": "cache", "dragonfly": "cache",
    "postgresql": "relational", "questdb": "timeseries",
    "rust_core": "trading", "cift": "trading", "benchmark": "trading",
}  # fmt: skip
FACTS = {
    "architecture": "x86_64",
    "distribution_major_version": "13",
    "python_version": "3.13.5",
    "hostname": "host",
    "processor_nproc": 32,
    "memtotal_mb": 257000,
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the inventories, so that generated secrets fall into a temporary folder; plugins replaced by hosts."""
    init_plugin_loader()
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "inventories", folder / "inventories", symlinks=True)
    for name, plugin in PLUGINS.items():
        hosts = {f"{name}-1": {"ansible_host": "10.0.0.11", "cift_private_address": "10.0.0.11"}}
        groups = {group: {"hosts": {f"{name}-1": {}}} for group in GROUPS}
        (folder / "inventories" / name / plugin).unlink()
        static = {"all": {"hosts": hosts, "children": groups}}
        (folder / "inventories" / name / "hosts.yml").write_text(yaml.safe_dump(static))
    return folder


class Inventory:
    def __init__(self, folder: Path) -> None:
        self.loader = DataLoader()
        self.manager = InventoryManager(loader=self.loader, sources=[str(folder)])
        self.variables = VariableManager(loader=self.loader, inventory=self.manager)
        self.hosts = HostVars(inventory=self.manager, variable_manager=self.variables, loader=self.loader)
        for host in self.manager.get_hosts():
            self.variables.set_host_facts(host.name, FACTS)

    def resolve(self, host: str, role: Path | None = None) -> dict[str, Any]:
        """Return the host's variables, with a role's defaults below and its private variables above them."""
        found = self.variables.get_vars(host=self.manager.get_host(host))
        found |= {"ansible_facts": FACTS, "hostvars": self.hosts}
        if role is not None:
            found = self._file(role / "defaults/main.yml") | found | self._file(role / "vars/main.yml")
            found["role_path"] = str(role)
        return found

    def _file(self, path: Path) -> dict[str, Any]:
        if not path.exists():
            return {}

        # Ansible templates only what it trusts; files of the checkout are.
        def trusted(value: Any) -> Any:
            if isinstance(value, str):
                return trust_as_template(value)
            if isinstance(value, dict):
                return {key: trusted(item) for key, item in value.items()}
            return [trusted(item) for item in value] if isinstance(value, list) else value

        return trusted(yaml.safe_load(path.read_text()) or {})

    def template(self, variables: dict[str, Any], value: Any) -> Any:
        return Templar(loader=self.loader, variables=variables).template(value)


@pytest.fixture(params=INVENTORIES)
def inventory(request: pytest.FixtureRequest, checkout: Path) -> Inventory:
    return Inventory(checkout / "inventories" / request.param)


def names(folder: Path) -> set[str]:
    files = sorted((folder / "group_vars/all").glob("*.yml"))
    return {name for file in files for name in yaml.safe_load(file.read_text())}


def test_groups_are_the_same_everywhere(inventory: Inventory) -> None:
    groups = set(inventory.manager.get_groups_dict()) - {"all", "ungrouped"}
    assert groups == GROUPS
    assert all(inventory.manager.get_groups_dict()[group] for group in groups - OPTIONAL)


@pytest.mark.parametrize(("name", "plugin"), PLUGINS.items())
def test_cloud_plugins_name_the_same_groups(name: str, plugin: str) -> None:
    text = yaml.safe_load((ROOT / "inventories" / name / plugin).read_text())
    assert set(text["groups"]) == GROUPS
    assert {"ansible_host", "cift_private_address"} <= set(text["compose"])


def test_variable_names_are_the_same_everywhere() -> None:
    sandbox = names(ROOT / "inventories/sandbox")
    production = {name: names(ROOT / "inventories" / name) for name in ("equinix", "aws", "gcp")}
    settings = {name for name in sandbox if not name.startswith(("ansible_", "cift_sandbox_"))} - {
        "cift_private_address",
        # Two cores and a few GiB are shared by all that a sandbox host runs, and whoever made the host is its client.
        "postgresql_shared_buffers",
        "firewall_api_networks",
    }
    for name, found in production.items():
        assert settings - found == set(), name
        # Production says more only about sizes that the sandbox leaves at their defaults.
        extra = {item for item in found - sandbox if not item.startswith("ansible_")}
        sizes = {"nats_sync_interval", "redis_io_threads", "valkey_io_threads"}
        # chDB, the sandbox's engine, has one user and no TLS.
        server = {"clickhouse_tls", "clickhouse_keeper_tls", "cift_clickhouse_port", "cift_clickhouse_ca"}
        assert extra <= sizes | server | {"cift_clickhouse_passwords"}, name


def test_every_variable_of_every_host_resolves(inventory: Inventory) -> None:
    for host in inventory.manager.get_hosts():
        variables = inventory.resolve(host.name)
        for name in (name for name in variables if name.startswith(("cift_", "nats_", "benchmark_", "preflight_"))):
            assert inventory.template(variables, variables[name]) is not None, name


def test_the_message_servers_are_found(inventory: Inventory) -> None:
    variables = inventory.resolve(inventory.manager.get_hosts()[0].name)
    url = inventory.template(variables, variables["cift_nats_url"])
    assert re.fullmatch(r"nats://[0-9.]+:4222(,nats://[0-9.]+:4222)*", url)


@pytest.mark.parametrize("role", ROLES)
def test_roles_get_what_their_specs_ask_for(inventory: Inventory, role: str) -> None:
    path = ROOT / "roles" / role
    options = yaml.safe_load((path / "meta/argument_specs.yml").read_text())["argument_specs"]["main"].get(
        "options", {}
    )
    for host in inventory.manager.get_hosts(ROLES[role]):
        variables = inventory.resolve(host.name, path)
        given = {name: inventory.template(variables, variables[name]) for name in options if name in variables}
        assert ArgumentSpecValidator(options).validate(given).error_messages == []


def test_secrets_are_made_once_and_are_long(checkout: Path) -> None:
    def secret() -> str:
        inventory = Inventory(checkout / "inventories/sandbox")
        variables = inventory.resolve("cift-1")
        return inventory.template(variables, variables["cift_secret_nats_route"])

    first = secret()
    assert len(first) == 32
    assert secret() == first


@pytest.mark.parametrize("name", INVENTORIES)
@pytest.mark.parametrize("question", ["--syntax-check", "--list-tasks"])
def test_site_reads_with_every_inventory(checkout: Path, name: str, question: str) -> None:
    program = Path(sys.executable).with_name("ansible-playbook")
    command = [program, "-i", checkout / "inventories" / name, question, "site.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if question == "--list-tasks":
        for play in ("Refuse hosts", "Prepare every host", "Read back every setting", "Measure and judge"):
            assert play in done.stdout


def test_hosts_measure_the_network_in_a_circle(checkout: Path) -> None:
    """Each has a peer that is no other's, and knows its address; a host alone has none."""
    role = ROOT / "roles/benchmark"

    def peers(name: str) -> dict[str, tuple[str, str]]:
        inventory = Inventory(checkout / "inventories" / name)
        wanted = "{{ benchmark_peer }}", "{{ benchmark_peer_address }}"
        return {
            host.name: tuple(
                inventory.template(inventory.resolve(host.name, role), trust_as_template(one)) for one in wanted
            )
            for host in inventory.manager.get_hosts()
        }

    cluster = peers("sandbox-cluster")
    assert {peer for peer, _ in cluster.values()} == set(cluster)
    assert all(peer != host and address for host, (peer, address) in cluster.items())
    assert len({address for _, address in cluster.values()}) == len(cluster)
    assert list(peers("sandbox").values()) == [("", "")]
