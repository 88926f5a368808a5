"""Real servers for the tests: each on a free loopback port, in a temporary folder, gone with the test."""

from hypothesis import settings

# Timings are no tests: a busy machine is no counterexample.
settings.register_profile("cift", deadline=None)
settings.load_profile("cift")

pytest_plugins = [
    "tests.servers.nats",
    "tests.servers.nats_cluster",
    "tests.servers.cache",
    "tests.servers.postgres",
    "tests.servers.chdb",
    "tests.servers.questdb",
    "tests.servers.api",
    "tests.servers.otlp",
    "tests.servers.stack",
    "tests.servers.lab",
]
