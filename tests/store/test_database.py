"""The pool: codecs, transactions, time limits, and what becomes of faults."""

from gateway.store.database import Database


async def test_json_goes_in_and_comes_out_as_values(database: Database) -> None:
    """What is stored as JSON is read back as it was."""
    value = {"name": "Zoë", "list": [1, 2.5, None, True], "deep": {"a": {"b": []}}}
    assert await database.fetchval("SELECT $1::jsonb", value) == value
    assert await database.fetchval("SELECT $1::json", value) == value
