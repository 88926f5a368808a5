"""The configuration of the roles clickhouse and clickhouse_keeper, rendered by Ansible itself and read by chDB.

Nothing stands in for a server here: chDB is ClickHouse's engine and reads config.xml with config.d, and users.xml with
users.d, as the server does. It opens no ports, so what a port does is not seen.
"""

from __future__ import annotations

import grp
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from defusedxml import ElementTree

ROOT = Path(__file__).parents[2]

# What the server's package has of the elements that the fragments replace and take away.
PACKAGE_CONFIG = """
<clickhouse>
  <users_config>{folder}/users.xml</users_config>
  <logger><level>trace</level><log>/nowhere/server.log</log><errorlog>/nowhere/server.err.log</errorlog></logger>
  <http_port>8123</http_port><tcp_port>9000</tcp_port><mysql_port>9004</mysql_port>
  <postgresql_port>9005</postgresql_port><interserver_http_port>9009</interserver_http_port>
  <openSSL><server><dhParamsFile>/nowhere/dh.pem</dhParamsFile></server></openSSL>
  <remote_servers><default><shard><replica><host>localhost</host><port>9000</port></replica></shard></default>
  </remote_servers>
  <query_log><database>system</database><table>query_log</table><partition_by>event_date</partition_by></query_log>
  <trace_log><database>system</database><table>trace_log</table></trace_log>
</clickhouse>
"""
PACKAGE_USERS = """
<clickhouse>
  <profiles><default/><readonly><readonly>1</readonly></readonly></profiles>
  <users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>
    <access_management>1</access_management></default></users>
  <quotas><default><interval><duration>3600</duration><queries>0</queries></interval></default></quotas>
</clickhouse>
"""
# chDB itself works as the user `default`, whom the role takes away: a test that wants to look inside gives it back.
LOOKING = """
<clickhouse><users><default><password/><networks><ip>::/0</ip></networks><profile>default</profile>
  <quota>default</quota>{grants}</default></users></clickhouse>
"""
ASK = """
import json, sys
import chdb
connection = chdb.connect(f"{sys.argv[1]}/data?config-file={sys.argv[1]}/config.xml")
for statement in json.load(sys.stdin):
    answer = str(connection.query(statement, "JSONCompactEachRow"))
    print(json.dumps([json.loads(line) for line in answer.splitlines()]))
connection.close()
"""
PLAY = [
    {
        "name": "Render",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {
                "name": "Look",
                "ansible.builtin.include_role": {
                    "name": "{{ item.split()[0] }}",
                    "tasks_from": "{{ item.split()[1] }}",
                },
                "loop": "{{ steps }}",
            },
            {
                "name": "Keep what was read back",
                "ansible.builtin.copy": {"content": "{{ cift_verify_rows | to_json }}", "dest": "{{ rows }}"},
                "when": "cift_verify_rows is defined",
            },
            {"name": "End before the handlers, which would restart servers", "ansible.builtin.meta": "end_play"},
        ],
    }
]
STEPS = ["clickhouse refuse", "clickhouse configure", "clickhouse_keeper refuse", "clickhouse_keeper configure"]
PLAN = {
    "threads": {"clickhouse_max_threads": 6},
    "services": {"clickhouse": {"cpus": [1, 2, 3, 4, 5, 6], "numa_node": 0}},
    "hugepages": {"0": {"1G": 0, "2M": 16}},
}
SECRETS = {
    f"cift_secret_clickhouse{suffix}": f"secret{suffix}"
    for suffix in ("", "_recorder", "_api", "_benchmark", "_cluster")
}


@dataclass(frozen=True)
class Rendered:
    """The folders of the hosts, or what the roles said instead."""

    folder: Path
    output: str
    status: int

    def server(self, host: str) -> Path:
        return self.folder / host / "clickhouse-server"


def render(folder: Path, hosts: dict[str, dict[str, Any]], steps: list[str] = STEPS, **variables: Any) -> Rendered:
    """Run the roles' own tasks that write the configuration, for hosts with these variables, all in `folder`."""
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "ansible_become": False}
    inventory = {"all": {"vars": local, "children": {"analytics": {"hosts": hosts}}}}
    group = grp.getgrgid(os.getgid()).gr_name
    own = f"{folder}/{{{{ inventory_hostname }}}}"
    everything = {
        "steps": steps,
        "rows": f"{own}/rows.json",
        "__clickhouse_etc": f"{own}/clickhouse-server",
        "__clickhouse_group": group,
        "__clickhouse_dropin": f"{own}/clickhouse-server.service.d",
        "__clickhouse_keeper_etc": own,
        "__clickhouse_keeper_group": group,
        "__clickhouse_keeper_dropin": f"{own}/clickhouse-keeper.service.d",
        "__clickhouse_keeper_program": f"{own}/cift-keeper",
        "clickhouse_data": f"{own}/tables",
        "clickhouse_backups": f"{own}/backups",
        "cift_plan": PLAN,
        **SECRETS,
        **variables,
    }
    for host in hosts:
        for name in ("config.d", "users.d"):
            (folder / host / "clickhouse-server" / name).mkdir(parents=True)
        for name in ("clickhouse-server.service.d", "clickhouse-keeper.service.d", "clickhouse-keeper/keeper_config.d"):
            (folder / host / name).mkdir(parents=True)
    for name, content in (("hosts.json", inventory), ("play.json", PLAY), ("variables.json", everything)):
        (folder / name).write_text(json.dumps(content))
    command = [Path(sys.executable).with_name("ansible-playbook"), "-i", folder / "hosts.json"]
    command += ["-e", f"@{folder / 'variables.json'}", folder / "play.json"]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_ROLES_PATH": str(ROOT / "roles")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=ROOT)
    return Rendered(folder, done.stdout + done.stderr, done.returncode)


def install(server: Path, *, grants: str | None = "<access_management>1</access_management>") -> None:
    """Put what the package brings beside the fragments; with `grants` chDB's own user may look, with these rights."""
    (server / "config.xml").write_text(PACKAGE_CONFIG.format(folder=server))
    (server / "users.xml").write_text(PACKAGE_USERS)
    if grants is not None:
        (server / "users.d/zzz-test.xml").write_text(LOOKING.format(grants=grants))


def ask(server: Path, *statements: str) -> list[list[Any]]:
    """Return the rows of each statement, from an engine in a process of its own that has this configuration.

    Raises:
        RuntimeError: the engine refused the configuration or a statement; the message is its own.
    """
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(server)],
        input=json.dumps(statements),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=server.parent,  # where no config.xml lies: the engine would take that one
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return [json.loads(line) for line in done.stdout.splitlines()]


def speak_as(server: Path, user: str) -> None:
    """Have chDB's own user work with the profile and the rights that the role gave to `user`."""
    role = ElementTree.fromstring((server / "users.d/zz-cift.xml").read_text()).find(f"users/{user}")
    assert role is not None
    (server / "users.d/zzz-test.xml").write_text(
        "<clickhouse><users><default><password/><networks><ip>::/0</ip></networks>"
        f"<profile>{role.findtext('profile')}</profile><quota>{role.findtext('quota')}</quota><grants>"
        + "".join(f"<query>{grant.text}</query>" for grant in role.findall("grants/query"))
        + "</grants></default></users></clickhouse>"
    )
