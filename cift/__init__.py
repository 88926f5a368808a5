"""CIFT Markets: matching in Rust, messages by NATS, analytics by ClickHouse, provisioned and proved by Ansible."""
