"""People by the thousand: what a file costs the database."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from gateway.model.errors import Invalid
from gateway.model.limits import IMPORT_BATCH_ROWS
from gateway.subscribers.imports import Lines
from gateway.subscribers.user_transfer import import_users
from gateway.subscribers.users import Users
from gateway.tenancy.keyring import Keyring
from tests.subscribers.house import NOW, House
from tests.subscribers.test_transfer import stream

_STATEMENTS_PER_BATCH_MAX = 25


class Counted:
    """A database whose statements are counted."""

    def __init__(self, db: Any, asked: list[str]) -> None:
        self._db = db
        self._asked = asked

    def __getattr__(self, name: str) -> Any:
        def ask(sql: str, *args: object, **named: Any) -> Any:
            self._asked.append(sql)
            return getattr(self._db, name)(sql, *args, **named)

        return ask

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator["Counted"]:
        async with self._db.transaction() as tx:
            yield Counted(tx, self._asked)


async def test_people_with_other_names_and_devices_cost_statements_by_the_batch(house: House):
    """A file of people is some twenty questions for each 2,000 lines, whatever the lines say; not some for each."""
    asked = list[str]()
    counted: Any = Counted(house.database, asked)
    users = Users(counted, Keyring(house.database, house.vault))
    lines = [
        msgspec.json.encode(
            {"external_id": f"u{number}", "attributes": {"n": number}, "aliases": [f"crm-{number}", f"web-{number}"]}
        )
        for number in range(IMPORT_BATCH_ROWS)
    ]
    report = await import_users(users, house.app, stream(lines), now=NOW)
    assert (report.imported, report.rejected) == (IMPORT_BATCH_ROWS, 0)
    assert 0 < len(asked) <= _STATEMENTS_PER_BATCH_MAX
    person = await users.get(house.app, "web-7")
    assert (person.name, person.aliases) == ("u7", ("crm-7", "web-7"))

    asked.clear()
    again = await import_users(users, house.app, stream(lines), now=NOW)
    assert (again.updated, again.rejected) == (IMPORT_BATCH_ROWS, 0)
    assert 0 < len(asked) <= _STATEMENTS_PER_BATCH_MAX


def test_a_line_that_is_left_out_names_its_field_once():
    """Behind the sentence, unless that names it."""
    lines = Lines()
    lines.reject(1, Invalid("field_unknown", "There is no field `colour` here.", param="colour"))
    lines.reject(2, Invalid("field_invalid", "A country is two capital letters.", param="country"))
    assert [one.message for one in lines.errors] == [
        "There is no field `colour` here.", "A country is two capital letters. (country)",
    ]  # fmt: skip
