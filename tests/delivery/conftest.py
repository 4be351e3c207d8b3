"""The database that the tests of the store work on."""

from tests.store.rows import db, shared_database

__all__ = ["db", "shared_database"]
