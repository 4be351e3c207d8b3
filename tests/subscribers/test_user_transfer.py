"""People by the thousand: what a file costs the database."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec
import pytest

from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.limits import IMPORT_BATCH_ROWS
from gateway.subscribers.aliases import Naming
from gateway.subscribers.imports import Lines
from gateway.subscribers.user_transfer import import_users
from gateway.subscribers.users import Result, Users, Wish
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


class Slow:
    """People who take long to be written: knows how many batches were written at once."""

    def __init__(self) -> None:
        self.writing = self.writing_max = 0

    async def own_names(self, _app: App, names: Iterable[str]) -> Mapping[str, str]:
        return {name: name.removeprefix("crm-") for name in names if name.startswith("crm-")}

    async def alias_faults(self, _app: App, wanted: Sequence[Naming]) -> list[None]:
        return [None] * len(wanted)

    async def add_aliases(self, _app: App, _wanted: Sequence[Naming]) -> dict[str, Any]:
        return {}

    async def change_many(self, _app: App, wishes: Sequence[Wish], *, now: datetime) -> list[Result]:
        del now
        self.writing += 1
        self.writing_max = max(self.writing_max, self.writing)
        for _ in range(IMPORT_BATCH_ROWS):  # longer than the next batch takes to be read
            await asyncio.sleep(0)
        self.writing -= 1
        return [Result()] * len(wishes)


@pytest.mark.parametrize(("second", "at_once"), [("v", 2), ("u", 1), ("crm-u", 1)])
async def test_of_two_lines_about_one_person_the_later_one_holds(house: House, second: str, at_once: int):
    """Batches are written side by side, but for those that know a person in common, by whichever of their names."""
    slow = Slow()
    users: Any = slow
    lines = [
        msgspec.json.encode({"external_id": f"{prefix}{number}"})
        for prefix in ("u", second)
        for number in range(IMPORT_BATCH_ROWS)
    ]
    report = await import_users(users, house.app, stream(lines), now=NOW)
    assert (report.updated, slow.writing_max) == (2 * IMPORT_BATCH_ROWS, at_once)


def test_a_line_that_is_left_out_names_its_field_once():
    """Behind the sentence, unless that names it."""
    lines = Lines()
    lines.reject(1, Invalid("field_unknown", "There is no field `colour` here.", param="colour"))
    lines.reject(2, Invalid("field_invalid", "A country is two capital letters.", param="country"))
    assert [one.message for one in lines.errors] == [
        "There is no field `colour` here.", "A country is two capital letters. (country)",
    ]  # fmt: skip
