"""The program that sets network cards, on a folder and an ethtool that behave like the cards it may meet."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.unit.role_code import load

nic = load("nic/files/cift_nic.py")


class Ethtool:
    """A card's state, shown and changed as ethtool does it; `lacks` are the options that its driver doesn't have."""

    def __init__(self, lacks: set[str] = frozenset()) -> None:  # type: ignore[assignment]
        self.lacks = lacks
        self.channels, self.most_channels = 8, 8
        self.rings = {"RX": 256, "TX": 256}
        self.adaptive, self.coalesce = {"rx": "on", "tx": "on"}, {"rx-usecs": "3", "tx-usecs": "n/a"}
        self.features = {"generic-receive-offload": "off", "large-receive-offload": "off [fixed]"}
        self.pause = {"Autonegotiate": "on", "RX": "on", "TX": "on"}
        self.flags = {"rx_cqe_compress": "on"}
        self.table = [0, 0, 1, 1, 2, 2, 3, 3]
        self.rule = ""
        self.asked: list[str] = []

    def __call__(self, argv: tuple[str, ...], **_: object) -> subprocess.CompletedProcess[str]:
        option, rest = argv[1], list(argv[3:])
        if option.isupper() or option[1:2].isupper() or option.startswith("--set"):
            self.asked.append(" ".join(argv[1:2] + argv[3:]))
        if option.lower() in self.lacks:
            # The trap: an error in words, and an exit status that means nothing.
            return subprocess.CompletedProcess(argv, 0, "", "netlink error: Operation not supported\n")
        text = getattr(self, "_" + {"-": "x"}.get(option, option).strip("-").replace("-", "_").replace("L", "set_l"))(
            rest
        )
        return subprocess.CompletedProcess(argv, 0, text, "")

    def _l(self, _: list[str]) -> str:
        body = "RX:\t\tn/a\nTX:\t\tn/a\nOther:\t\t1\nCombined:\t{}\n"
        most, now = body.format(self.most_channels), body.format(self.channels)
        return f"Channel parameters for eth0:\nPre-set maximums:\n{most}Current hardware settings:\n{now}"

    def _set_l(self, rest: list[str]) -> str:
        self.channels = int(rest[1])
        return ""

    def _g(self, _: list[str]) -> str:
        now = "".join(f"{key}:\t\t{value}\n" for key, value in self.rings.items())
        return (
            f"Ring parameters for eth0:\nPre-set maximums:\nRX:\t\t512\nTX:\t\t4096\nCurrent hardware settings:\n{now}"
        )

    def _G(self, rest: list[str]) -> str:
        self.rings[rest[0].upper()] = int(rest[1])
        return ""

    def _c(self, _: list[str]) -> str:
        lines = "".join(f"{key}:\t{value}\n" for key, value in self.coalesce.items())
        return f"Coalesce parameters for eth0:\nAdaptive RX: {self.adaptive['rx']}  TX: {self.adaptive['tx']}\n{lines}"

    def _C(self, rest: list[str]) -> str:
        if rest[0].startswith("adaptive"):
            self.adaptive[rest[0][-2:]] = rest[1]
        else:
            self.coalesce[rest[0]] = rest[1]
        return ""

    def _k(self, _: list[str]) -> str:
        return "Features for eth0:\n" + "".join(f"{key}: {value}\n" for key, value in self.features.items())

    def _K(self, rest: list[str]) -> str:
        self.features[rest[0]] = rest[1]
        return ""

    def _a(self, _: list[str]) -> str:
        return "Pause parameters for eth0:\n" + "".join(f"{key}:\t{value}\n" for key, value in self.pause.items())

    def _A(self, rest: list[str]) -> str:
        self.pause[{"autoneg": "Autonegotiate"}.get(rest[0], rest[0].upper())] = rest[1]
        return ""

    def _show_eee(self, _: list[str]) -> str:
        return "EEE settings for eth0:\n\tEEE status: not supported\n"

    def _show_priv_flags(self, _: list[str]) -> str:
        return "Private flags for eth0:\n" + "".join(f"{key}: {value}\n" for key, value in self.flags.items())

    def _set_priv_flags(self, rest: list[str]) -> str:
        return ""  # says nothing, does nothing

    def _x(self, _: list[str]) -> str:
        rows = "    0:      {}\n".format("     ".join(map(str, self.table)))
        key = "RSS hash key:\nOperation not supported\n"  # as igb has it
        return f"RX flow hash indirection table for eth0 with 8 RX ring(s):\n{rows}{key}"

    def _X(self, rest: list[str]) -> str:
        self.table = [index % int(rest[1]) for index in range(8)]
        return ""

    def _n(self, _: list[str]) -> str:
        return self.rule or "rxclass: Cannot get RX class rule: No such file or directory\nCannot get rule\n"

    def _N(self, rest: list[str]) -> str:
        self.rule = "Filter: 1\n\tRule Type: UDP over IPv4\n\tDest IP addr: 239.1.1.1 mask: 0.0.0.0\n"
        self.rule += "\tDest port: 30001 mask: 0x0\n\tAction: Direct to queue 1\n"
        return ""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    driver = tmp_path / "sys/bus/pci/drivers/mlx5_core"
    driver.mkdir(parents=True)
    card = tmp_path / "sys/class/net/eth0"
    (card / "device").mkdir(parents=True)
    (card / "device/driver").symlink_to(driver)
    (card / "mtu").write_text("1500\n")
    (card / "napi_defer_hard_irqs").write_text("0\n")
    for queue in range(3):
        for kind, name in (("tx", "xps_cpus"), ("rx", "rps_cpus")):
            (card / f"queues/{kind}-{queue}").mkdir(parents=True)
            (card / f"queues/{kind}-{queue}/{name}").write_text("f\n")
    return tmp_path


def row(of: str, key: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"name": f"{of} {key}", "of": of, "key": key, "value": value, "why": "w", "source": "s"} | more


def both(root: Path, tool: Ethtool, *settings: dict[str, Any]) -> tuple[list[str], list[dict[str, Any]]]:
    plan = {"interfaces": ["eth0"], "queue_cpus": [1, 2], "settings": list(settings)}
    card = nic.Card("eth0", root, plan["queue_cpus"], run=tool)
    return nic.apply([card], plan, root), nic.verify([card], plan, root)


ALL = [
    row("rss", "equal", 2),
    row("coalesce", "adaptive-rx", "off"),
    row("coalesce", "rx-usecs", 0),
    row("feature", "generic-receive-offload", "on"),
    row("pause", "autoneg", "off"),
    row("pause", "rx", "off"),
    row("xps", "xps_cpus", "by queue"),
    row("rps", "rps_cpus", "none"),
    row("sysfs", "napi_defer_hard_irqs", 2),
    row("rings", "tx", 1024),
    row("channels", "combined", 2),
]


def test_sets_what_differs_channels_first_and_then_nothing(root: Path) -> None:
    tool = Ethtool()
    changed, rows = both(root, tool, *ALL)
    assert len(changed) == len(ALL)
    assert tool.asked[:2] == ["-L combined 2", "-G tx 1024"]
    assert {found["verdict"] for found in rows} == {"pass"}, rows
    assert (root / "sys/class/net/eth0/queues/tx-2/xps_cpus").read_text() == "00000002"
    tool.asked.clear()
    assert both(root, tool, *ALL)[0] == []
    assert tool.asked == []


def test_a_card_gives_what_it_has(root: Path) -> None:
    tool = Ethtool()
    tool.most_channels = 1
    _, rows = both(root, tool, row("channels", "combined", 4), row("rings", "rx", 4096), row("rss", "equal", 4))
    assert [(found["wanted"], found["verdict"]) for found in rows] == [("1", "pass"), ("512", "pass"), ("1", "pass")]


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (row("coalesce", "tx-usecs", 0), "mlx5_core has no tx-usecs"),
        (row("coalesce", "rx-frames", 0), "mlx5_core has no rx-frames"),
        (row("channels", "rx", 2), "mlx5_core has no rx channels"),
        (row("feature", "ntuple-filters", "on"), "mlx5_core has no ntuple-filters"),
        (row("feature", "large-receive-offload", "on"), "mlx5_core keeps large-receive-offload off"),
        (row("eee", "eee", "off"), "not supported"),
        (row("flag", "legacy-rx", "off"), "has no flag legacy-rx"),
        (row("rings", "rx", 1024, drivers=["ice", "ena"]), "mlx5_core doesn't have it"),
        (row("sysfs", "gro_flush_timeout", 1), "this kernel has no gro_flush_timeout"),
        (row("mtu", "mtu", None), "nothing is wanted here"),
    ],
)
def test_what_a_card_lacks_is_skipped_with_the_reason(root: Path, setting: dict[str, Any], reason: str) -> None:
    changed, (found,) = both(root, Ethtool(), setting)
    assert changed == []
    assert found["verdict"] == "skip"
    assert reason in found["why"]


def test_an_ethtool_that_says_no_and_returns_zero(root: Path) -> None:
    tool = Ethtool(lacks={"-a", "-x"})
    _, rows = both(root, tool, row("pause", "rx", "off"), row("rss", "equal", 2))
    assert [found["verdict"] for found in rows] == ["skip", "skip"]
    assert "Operation not supported" in rows[0]["why"]


def test_one_that_says_nothing_and_does_nothing_fails(root: Path) -> None:
    _, (found,) = both(root, Ethtool(), row("flag", "rx_cqe_compress", "off"))
    assert (found["verdict"], found["live"]) == ("fail", "on")


def test_a_feed_s_rule_is_made_once_and_read_back(root: Path) -> None:
    tool = Ethtool()
    rule = row("flow", "1", "flow-type udp4 dst-ip 239.1.1.1 dst-port 30001 action 1")
    changed, (found,) = both(root, tool, rule)
    assert changed == [f"eth0 flow 1: none to {rule['value']}"]
    assert found["verdict"] == "pass"
    assert both(root, tool, rule)[0] == []
    other = row("flow", "1", "flow-type udp4 dst-ip 239.1.1.1 dst-port 30002 action 1")
    assert nic.read(nic.Card("eth0", root, [1], run=tool), other) == "dest port 30001 mask: 0x0"


def test_interfaces_without_a_card(root: Path) -> None:
    (root / "sys/class/net/veth0").mkdir()
    plan = {"interfaces": ["veth0", "eth9"], "queue_cpus": [1], "settings": [row("channels", "combined", 1)]}
    cards = [nic.Card(name, root, [1], run=Ethtool()) for name in plan["interfaces"]]
    assert nic.apply(cards, plan, root) == []
    reasons = [found["why"] for found in nic.verify(cards, plan, root)]
    assert reasons == ["it has no device of its own (veth, bridge or bond)", "there is no such interface"]


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "nic.json"
    assert nic.main(["verify", "--plan", str(file)]) == 2
    assert "expected the file that the role nic writes" in capsys.readouterr().err
    file.write_text(json.dumps({"interfaces": ["eth9"], "queue_cpus": [0], "settings": [row("mtu", "mtu", 9000)]}))
    assert nic.main(["verify", "--plan", str(file), "--root", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)[0]["verdict"] == "skip"
