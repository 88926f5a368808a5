"""Real servers for the tests: each on a free loopback port, in a temporary folder, gone with the test."""

pytest_plugins = [
    "tests.servers.nats",
    "tests.servers.cache",
    "tests.servers.postgres",
    "tests.servers.chdb",
    "tests.servers.api",
    "tests.servers.stack",
]
