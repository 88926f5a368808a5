"""ClickHouse's engine (chDB) behind the part of ClickHouse's HTTP interface that its clients use.

It stands where a ClickHouse server can't be had and lives in a virtual environment of its own, so it imports nothing
else of `cift`: the standard library and `requirements/chdb.lock` are all it needs.
"""
