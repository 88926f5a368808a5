"""ClickHouse: the connection, the questions asked of the analytics tables, and their schema."""
