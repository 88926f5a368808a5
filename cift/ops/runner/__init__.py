"""Runs playbooks through ansible-runner, with progress on the terminal and a record of what happened."""
