"""The `cift` command: sandbox hosts, ansible-runner with progress, replays, reports."""
