"""Moving people in and out by the thousand, as lines of JSON. The two fit together.

While a batch of 2,000 is on its way to the database the next is decoded and checked, in small steps so that the process
goes on answering others. A batch commits as a whole; a line that is wrong is reported and left out; running the same
file again changes nothing that is not different in it.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec

from gateway.model.app import App
from gateway.model.choices import CHOICES
from gateway.model.errors import Invalid
from gateway.model.limits import ALIASES_PER_PERSON_MAX, EXPORT_PAGE_ROWS
from gateway.model.person import Person
from gateway.subscribers.aliases import Naming
from gateway.subscribers.choices import choices_shown
from gateway.subscribers.imports import ImportReport, Tally, batches, decoded
from gateway.subscribers.preferences import check_external_id
from gateway.subscribers.under_way import UnderWay
from gateway.subscribers.user_request import UserRow, change_of
from gateway.subscribers.users import Users, Wish


class _Line(UserRow, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user with their other names."""

    aliases: tuple[str, ...] = ()


_DECODER: Final = msgspec.json.Decoder(_Line)


class _Read(msgspec.Struct, frozen=True):
    line: int
    wish: Wish
    naming: Naming


async def import_users(users: Users, app: App, lines: AsyncIterator[bytes], *, now: datetime) -> ImportReport:
    """Makes or changes the person of each line that can be read; what a line leaves out stays as it is.

    Raises `StoreUnavailable` when the database goes away meanwhile: what was committed stays, and the same file can be
    sent again.
    """
    tally = Tally()
    async with UnderWay() as under_way:
        async for batch in batches(lines, tally, partial(_read, now=now)):
            names = await _names_of(users, app, batch)
            while await under_way.room_for(names):
                names = await _names_of(users, app, batch)  # by now it may be another name of somebody
            under_way.begin(names, _write(users, app, batch, tally, now=now))
    return tally.report()


async def _names_of(users: Users, app: App, batch: Sequence[_Read]) -> set[str]:
    """Every name that leads to one of these people, as far as it is in these lines, and their own."""
    said = {name for one in batch for name in (one.wish.name, *one.naming.aliases)}
    return said | set((await users.own_names(app, said)).values())


async def _write(users: Users, app: App, batch: list[_Read], tally: Tally, *, now: datetime) -> None:
    """A line whose other names cannot be given is left out before anything of it is written."""
    faults = await users.alias_faults(app, [one.naming for one in batch])
    sound = [one for one, fault in zip(batch, faults, strict=True) if fault is None]
    results = await users.change_many(app, [one.wish for one in sound], now=now) if sound else []
    changed = [one for one, result in zip(sound, results, strict=True) if result.fault is None]
    unnamed = await users.add_aliases(app, [one.naming for one in changed])
    for one, fault in zip(batch, faults, strict=True):
        if fault is not None:
            tally.reject(one.line, fault)
    for one, result in zip(sound, results, strict=True):
        if (fault := result.fault or unnamed.get(one.wish.name)) is not None:
            tally.reject(one.line, fault)
        elif result.is_new:
            tally.imported += 1
        else:
            tally.updated += 1


def _read(line: bytes, number: int, *, now: datetime) -> _Read:
    row = decoded(line, _DECODER)
    if len(row.aliases) > ALIASES_PER_PERSON_MAX:
        raise Invalid("field_invalid", f"A user has at most {ALIASES_PER_PERSON_MAX} other names.", param="aliases")
    aliases = tuple(check_external_id(one, param="aliases") for one in row.aliases)
    name = check_external_id(row.external_id, param="external_id")
    return _Read(number, Wish(name, change_of(row, is_whole=False, now=now)), Naming(name, aliases))


async def export_users(users: Users, app: App, *, now: datetime) -> AsyncGenerator[bytes]:
    """Every person as `import_users` reads them, in pieces of whole lines. Who comes meanwhile may be missing."""
    after: str | None = None
    while page := await users.page(app, after=after, limit=EXPORT_PAGE_ROWS):
        after = page[-1].name
        yield b"".join([_line_of(one, await users.contact(app, one), now=now) for one in page])


def _line_of(person: Person, contact: dict[str, str], *, now: datetime) -> bytes:
    profile = msgspec.to_builtins(person.profile)
    chosen = msgspec.to_builtins(choices_shown(person.profile.choices, now=now))
    said: dict[str, Any] = {
        "external_id": person.name,
        **{name: value for name, value in profile.items() if name not in CHOICES},
        "preferences": {name: value for name, value in chosen.items() if value},
        **contact,
        "aliases": person.aliases,
    }
    return msgspec.json.encode({name: value for name, value in said.items() if value}) + b"\n"
