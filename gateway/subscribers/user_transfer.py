"""Moving people in and out by the thousand, as lines of JSON. The two fit together.

While one batch of 2,000 is on its way to the database the next is decoded and checked, in small steps so that the
process goes on answering others. Batches commit one by one; a line that is wrong is reported and left out; running the
same file again changes nothing that is not different in it.
"""

import asyncio
from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from typing import Any, Final

import msgspec

from gateway.model.app import App
from gateway.model.errors import GatewayError, Invalid
from gateway.model.limits import (
    ALIASES_PER_PERSON_MAX,
    EXPORT_PAGE_ROWS,
    IMPORT_BATCH_ROWS,
    IMPORT_ERRORS_MAX,
    IMPORT_LINE_BYTES_MAX,
    IMPORT_STEP_LINES,
)
from gateway.model.person import Person
from gateway.subscribers.preferences import check_external_id
from gateway.subscribers.transfer import ImportReport, LineError
from gateway.subscribers.user_request import UserRow, change_of
from gateway.subscribers.users import Users, Wish


class _Line(UserRow, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user with their other names."""

    aliases: tuple[str, ...] = ()


_DECODER: Final = msgspec.json.Decoder(_Line)


class _Read(msgspec.Struct, frozen=True):
    line: int
    wish: Wish
    aliases: tuple[str, ...]


class _Tally:
    def __init__(self) -> None:
        self.lines = self.imported = self.updated = self.rejected = 0
        self.errors: list[LineError] = []

    def reject(self, line: int, fault: GatewayError) -> None:
        self.rejected += 1
        if len(self.errors) < IMPORT_ERRORS_MAX:
            where = f" ({fault.param})" if fault.param else ""
            self.errors.append(LineError(line, fault.code, f"{fault.message}{where}"))

    def report(self) -> ImportReport:
        return ImportReport(self.imported, self.updated, self.rejected, sorted(self.errors, key=lambda one: one.line))


async def import_users(users: Users, app: App, lines: AsyncIterator[bytes], *, now: datetime) -> ImportReport:
    """Makes or changes the person of each line that can be read; what a line leaves out stays as it is.

    Raises `StoreUnavailable` when the database goes away meanwhile: what was committed stays, and the same file can be
    sent again.
    """
    tally = _Tally()
    writing: asyncio.Task[None] | None = None
    try:
        async for batch in _batches(lines, tally):
            if writing is not None:
                await writing
            writing = asyncio.create_task(_write(users, app, batch, tally, now=now))
        if writing is not None:
            await writing
    finally:
        if writing is not None and not writing.done():
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
    return tally.report()


async def _write(users: Users, app: App, batch: list[_Read], tally: _Tally, *, now: datetime) -> None:
    results = await users.change_many(app, [one.wish for one in batch], now=now)
    for one, result in zip(batch, results, strict=True):
        fault = result.fault or await _name(users, app, one)
        if fault is not None:
            tally.reject(one.line, fault)
        elif result.is_new:
            tally.imported += 1
        else:
            tally.updated += 1


async def _name(users: Users, app: App, one: _Read) -> GatewayError | None:
    try:
        for alias in one.aliases:
            await users.add_alias(app, one.wish.name, alias)
    except GatewayError as fault:
        if fault.kind == "unavailable":
            raise
        return fault
    return None


async def _batches(lines: AsyncIterator[bytes], tally: _Tally) -> AsyncGenerator[list[_Read]]:
    batch: list[_Read] = []
    async for line in lines:
        tally.lines += 1
        if tally.lines % IMPORT_STEP_LINES == 0:
            await asyncio.sleep(0)
        if tally.lines == 1:
            line = line.removeprefix(BOM_UTF8)  # noqa: PLW2901 - editors on Windows put it there
        if not line.strip():
            continue
        try:
            batch.append(_read(line, tally.lines))
        except GatewayError as fault:
            tally.reject(tally.lines, fault)
        if len(batch) >= IMPORT_BATCH_ROWS:
            yield batch
            batch = []
    if batch:
        yield batch


def _read(line: bytes, number: int) -> _Read:
    if len(line) > IMPORT_LINE_BYTES_MAX:
        raise Invalid("body_too_large", f"The line is longer than {IMPORT_LINE_BYTES_MAX} bytes.")
    try:
        row = _DECODER.decode(line)
    except msgspec.ValidationError as fault:
        code = "field_unknown" if "unknown field" in str(fault) else "field_invalid"
        raise Invalid(code, f"{fault}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Invalid("json_unreadable", "The line is not one JSON object in UTF-8.") from None
    if len(row.aliases) > ALIASES_PER_PERSON_MAX:
        raise Invalid("field_invalid", f"A user has at most {ALIASES_PER_PERSON_MAX} other names.", param="aliases")
    aliases = tuple(check_external_id(one, param="aliases") for one in row.aliases)
    name = check_external_id(row.external_id, param="external_id")
    return _Read(number, Wish(name, change_of(row, is_whole=False)), aliases)


async def export_users(users: Users, app: App) -> AsyncGenerator[bytes]:
    """Every person as `import_users` reads them, in pieces of whole lines. Who comes meanwhile may be missing."""
    after: str | None = None
    while page := await users.page(app, after=after, limit=EXPORT_PAGE_ROWS):
        after = page[-1].name
        yield b"".join([_line_of(one, await users.contact(app, one)) for one in page])


def _line_of(person: Person, contact: dict[str, str]) -> bytes:
    said: dict[str, Any] = {
        "external_id": person.name,
        **msgspec.to_builtins(person.profile),
        **contact,
        "aliases": person.aliases,
    }
    return msgspec.json.encode({name: value for name, value in said.items() if value}) + b"\n"
