"""The inbox in the page: what somebody was sent, newest first, and what of it is unread.

Reading is a pull. What an answer would be made of is looked at first and gives it a version, so that a page that has
the answer already costs a few reads by key and no more.
"""

import asyncio
import hashlib
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.inbox import Marks
from gateway.model.limits import INBOX_LOOKED_AT, INBOX_MOVING_S, INBOX_YIELD_EVERY
from gateway.sending.inbox_arrivals import Arrival, arrived
from gateway.sending.inbox_reader import Reader, marks_of
from gateway.sending.inbox_shelf import Candidate, Shelf, is_moving, version_of
from gateway.sending.inbox_words import Said, said
from gateway.store import inbox_marks
from gateway.store.database import Database

Place = tuple[datetime, int]
"""Where a page begins: behind the message of this moment and id."""
_IN_VERSION: Final = (
    "person", "locale", "timezone", "country", "region", "city", "platform", "topics", "lists", "attrs", "facts",
)  # fmt: skip


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A message in somebody's inbox."""

    id: int
    place: Place
    at: datetime
    until: datetime | None
    said: Said
    category: str
    is_read: bool
    is_banner: bool


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, and where the next page begins. unread: of the newest, on the first page only."""

    entries: list[Entry]
    unread: int | None
    following: Place | None


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """All that a reader may find, and the version of what they will."""

    app: App
    reader: Reader
    marks: Marks
    candidates: list[Candidate]
    version: bytes


class Inboxes:
    """The inboxes of all apps, for one process."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._shelf = Shelf(db)

    async def look(self, app: App, reader: Reader, *, now: datetime) -> Look:
        """What there is for the reader, before anything is made of it."""
        candidates = await self._shelf.candidates(app, reader, now=now)
        marks = await marks_of(self._db, app, reader)
        version = _version(app, reader, marks, candidates, now)
        return Look(app=app, reader=reader, marks=marks, candidates=candidates, version=version)

    async def page(self, look: Look, *, after: Place | None, limit: int) -> Page:
        """So many entries behind `after`, newest first."""
        waiting = [one for one in look.candidates if after is None or one.place < after]
        entries: list[Entry] = []
        unread = 0
        for start in range(0, len(waiting), INBOX_LOOKED_AT):
            batch = waiting[start : start + INBOX_LOOKED_AT]
            arrivals = await arrived(self._db, look.app, look.reader, batch)
            unread += await self._read_into(entries, look, arrivals, rows_max=limit + 1)
            if len(entries) > limit:
                break
        return Page(
            entries=entries[:limit],
            unread=unread if after is None else None,
            following=entries[limit - 1].place if len(entries) > limit else None,
        )

    async def mark(self, app: App, reader: Reader, messages: tuple[int, ...] | None, *, now: datetime) -> None:
        """Notes that these are read; None: everything that there is."""
        async with self._db.transaction() as tx:
            held = await inbox_marks.lock(tx, app, reader.marked_as)
            marks = held.with_all_read(now) if messages is None else held.with_read(messages)
            if marks != held:
                await inbox_marks.write(tx, app, reader.marked_as, marks, at=now)

    async def _read_into(self, entries: list[Entry], look: Look, arrivals: list[Arrival], *, rows_max: int) -> int:
        """Adds entries up to so many; how many of all are unread. What was sent has words, looked at or not."""
        unread = 0
        for place, arrival in enumerate(arrivals):
            if place % INBOX_YIELD_EVERY == 0:
                await asyncio.sleep(0)
            is_read = look.marks.has(arrival.message.id, arrival.at)
            is_counted_only = len(entries) >= rows_max
            if is_counted_only and (is_read or arrival.is_sent):
                unread += not is_read
                continue
            words = await said(self._db, look.app, arrival, look.reader.device)
            if words is None:
                continue
            unread += not is_read
            if not is_counted_only:
                entries.append(_entry(arrival, words, is_read=is_read))
        return unread


def _entry(arrival: Arrival, words: Said, *, is_read: bool) -> Entry:
    message, terms = arrival.message, arrival.message.terms
    return Entry(
        id=message.id,
        place=(message.planned_at, message.id),
        at=arrival.at,
        until=None if terms.inbox is None else terms.inbox.until,
        said=words,
        category=terms.category,
        is_read=is_read,
        is_banner=terms.inbox is not None and terms.inbox.banner,
    )


def _version(app: App, reader: Reader, marks: Marks, candidates: list[Candidate], now: datetime) -> bytes:
    """Another one whenever the answer may be another: of everything that it is made of, and nothing else."""
    digest = hashlib.blake2b(version_of(candidates), digest_size=16)
    known = {name: getattr(reader.looked, name) for name in _IN_VERSION}
    digest.update(msgspec.json.encode((known, reader.devices, marks, app.settings, sorted(app.allowed_hosts))))
    if is_moving(candidates):
        digest.update(b"%d" % (now.timestamp() // INBOX_MOVING_S))
    return digest.digest()
