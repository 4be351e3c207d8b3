"""Lists that a shop brings: who is on one, a line each, read while it is written.

A line names a person by the shop's own id, or a device as `sub_...`. As CSV it is the first field of the line, which a
comma, semicolon or tab ends; as JSON it is a text, or an object with `user` or `subscription`. A person need not be
known yet: whoever logs in later by that id is on the list with every device.
"""

import asyncio
import csv
from codecs import BOM_UTF8
from collections.abc import AsyncIterator
from typing import Final, Literal

import msgspec

from gateway.model.app import App
from gateway.model.errors import GatewayError, Invalid, NotFound
from gateway.model.ids import from_text, to_text
from gateway.model.limits import (
    IMPORT_LINE_BYTES_MAX,
    IMPORT_STEP_LINES,
    LIST_FILL_HOURS_MAX,
    LIST_IMPORT_ROWS,
    LIST_NUMBER_KEPT_S,
)
from gateway.model.misfit import wrong
from gateway.policy.separators import separator_of
from gateway.store import list_members, lists
from gateway.store.database import Queryable
from gateway.store.lists import StoredList
from gateway.subscribers.imports import LineError, Lines
from gateway.subscribers.preferences import check_external_id

Mode = Literal["add", "remove", "replace"]
Form = Literal["csv", "ndjson"]

_HEADINGS: Final = frozenset({"user", "user_id", "external_id", "id", "subscription", "subscription_id"})
_HOUR_S: Final = 3600


class _Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    user: str | None = None
    subscription: str | None = None


_JSON: Final = msgspec.json.Decoder(str | _Line)


class ListImportReport(msgspec.Struct, frozen=True):
    """changed: who came onto the list, or was taken off it. unchanged: who was (or was not) on it before.

    rejected: lines that were left out; errors: the first 100 of them.
    """

    changed: int
    unchanged: int
    rejected: int
    errors: list[LineError]


class _Batch:
    """Who the lines of one batch name, each once, and where."""

    def __init__(self) -> None:
        self.persons: dict[str, int] = {}
        self.devices: dict[int, int] = {}
        self.repeated = 0

    def take(self, member: str | int, line: int) -> None:
        if member in self.persons or member in self.devices:
            self.repeated += 1
        elif isinstance(member, str):
            self.persons[member] = line
        else:
            self.devices[member] = line

    def __len__(self) -> int:
        return len(self.persons) + len(self.devices)


class _Tally(Lines):
    """The report while it grows."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = self.unchanged = 0

    def report(self) -> ListImportReport:
        return ListImportReport(self.changed, self.unchanged, self.rejected, self.errors)


async def import_lines(
    db: Queryable, app: App, slug: str, lines: AsyncIterator[bytes], *, form: Form, mode: Mode
) -> ListImportReport:
    """Adds to a list, takes off it, or replaces it by, whoever the lines name. Raises `NotFound` for the list.

    Batches are written one by one, and what was written stays when the stream breaks off: send it again. A list that is
    to be replaced is as it was until the last line, and then changes at once.
    """
    kept = await lists.get(db, app.id, slug)
    if kept is None:
        raise NotFound("list")
    tally = _Tally()
    if mode == "replace":
        await _replace(db, app, kept, _batches(lines, form, tally), tally)
        return tally.report()
    write = list_members.add if mode == "add" else list_members.remove
    async for batch in _batches(lines, form, tally):
        _count(tally, batch, await write(db, app, kept.number, persons=[*batch.persons], devices=[*batch.devices]))
    await lists.note_import(db, app.id, slug)
    return tally.report()


async def _replace(db: Queryable, app: App, kept: StoredList, batches: AsyncIterator[_Batch], tally: _Tally) -> None:
    """Fills a number that nobody reads by, and lets the list have it in the end."""
    number = lists.new_number()
    await lists.leave(db, app.id, number, after_s=LIST_FILL_HOURS_MAX * _HOUR_S)
    async for batch in batches:
        members = await list_members.add(db, app, number, persons=[*batch.persons], devices=[*batch.devices])
        _count(tally, batch, members)
    if not await lists.replace(db, app.id, kept.slug, number, kept_s=LIST_NUMBER_KEPT_S):
        raise NotFound("list")


def _count(tally: _Tally, batch: _Batch, members: list_members.Members) -> None:
    tally.changed += members.changed
    tally.unchanged += members.unchanged + batch.repeated
    for number in members.unknown:
        tally.reject(
            batch.devices[number], Invalid("not_found", f"There is no device {to_text('sub', number)} in this app.")
        )


async def _batches(lines: AsyncIterator[bytes], form: Form, tally: _Tally) -> AsyncIterator[_Batch]:
    batch = _Batch()
    async for line in lines:
        tally.count += 1
        if tally.count % IMPORT_STEP_LINES == 0:
            await asyncio.sleep(0)
        try:
            member = member_of(line, form, is_first=tally.count == 1)
        except GatewayError as fault:
            tally.reject(tally.count, fault)
            continue
        if member is not None:
            batch.take(member, tally.count)
        if len(batch) >= LIST_IMPORT_ROWS:
            yield batch
            batch = _Batch()
    if len(batch) or batch.repeated:
        yield batch


def member_of(line: bytes, form: Form, *, is_first: bool = False) -> str | int | None:
    """Whom a line names: a person's id, a device's number, or nobody (an empty line, or the heading of a CSV file).

    Raises `Invalid` with what is wrong with it.
    """
    if len(line) > IMPORT_LINE_BYTES_MAX:
        raise Invalid("body_too_large", f"The line is longer than {IMPORT_LINE_BYTES_MAX} bytes.")
    try:
        text = (line.removeprefix(BOM_UTF8) if is_first else line).decode()
    except UnicodeDecodeError:
        raise Invalid("field_invalid", "The line is not UTF-8.") from None
    if not text.strip():
        return None
    return _from_json(text) if form == "ndjson" else _from_csv(text, is_first=is_first)


def _from_csv(text: str, *, is_first: bool) -> str | int | None:
    try:
        fields = next(csv.reader([text.strip("\r\n")], delimiter=separator_of(text), strict=True), [])
    except csv.Error:
        raise Invalid("field_invalid", "The quotes of this line do not match.") from None
    named = fields[0].strip() if fields else ""
    if is_first and named.lower() in _HEADINGS:
        return None
    number = from_text("sub", named)
    return check_external_id(named) if number is None else number


def _from_json(text: str) -> str | int:
    try:
        said = _JSON.decode(text)
    except msgspec.ValidationError as fault:
        raise wrong(fault, _JSON.type) from None
    except (msgspec.DecodeError, RecursionError):
        raise Invalid("json_unreadable", "The line is not one JSON value.") from None
    match said:
        case str():
            number = from_text("sub", said)
            return check_external_id(said) if number is None else number
        case _Line(user=str() as user, subscription=None):
            return check_external_id(user)
        case _Line(user=None, subscription=str() as subscription):
            number = from_text("sub", subscription)
            if number is None:
                raise Invalid("field_invalid", "Expected a subscription's id, `sub_...`.", param="subscription")
            return number
        case _:
            raise Invalid("field_invalid", "A line names a `user` or a `subscription`, one of the two.")
