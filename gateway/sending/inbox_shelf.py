"""What lies in an app's inboxes for more than names: read for all readers together, every few seconds."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.limits import (
    INBOX_CAMPAIGNS_MAX,
    INBOX_DAYS,
    INBOX_KEPT_MESSAGES_MAX,
    INBOX_NAMED_MAX,
    INBOX_SHELF_KEPT_S,
)
from gateway.model.message import MessageState
from gateway.model.segment import Names
from gateway.sending.inbox_reader import Reader
from gateway.store import inbox
from gateway.store.database import Queryable
from gateway.store.inbox import InboxMessage
from gateway.store.names import names_of_many

_HORIZON: Final = timedelta(days=INBOX_DAYS)
_KEPT: Final = timedelta(seconds=INBOX_SHELF_KEPT_S)


class Candidate(msgspec.Struct, frozen=True):
    """A message that may be in somebody's inbox, and what the names in its audience stand for."""

    message: InboxMessage
    names: Names

    @property
    def place(self) -> tuple[datetime, int]:
        """The newest first, and of those of one moment always in one order."""
        return self.message.planned_at, self.message.id


class Shelf:
    """Remembers for each app what was planned last. Bounded, and never older than a few seconds.

    Readers who come while it is being read wait for that answer: after a push there are thousands of them at once.
    """

    def __init__(self, db: Queryable) -> None:
        self._db = db
        self._kept: dict[int, tuple[datetime, list[Candidate]]] = {}
        self._reading: dict[int, asyncio.Task[list[Candidate]]] = {}

    async def candidates(self, app: App, reader: Reader, *, now: datetime) -> list[Candidate]:
        """All that the reader may find, the newest first: for whoever fits, and naming this reader."""
        found = [*await self._campaigns(app, now=now), *await self._naming(app, reader, now=now)]
        return sorted((one for one in found if _stays(one.message, now=now)), key=lambda one: one.place, reverse=True)

    async def _campaigns(self, app: App, *, now: datetime) -> list[Candidate]:
        kept = self._kept.get(app.id)
        if kept is not None and timedelta() <= now - kept[0] < _KEPT:
            return kept[1]
        reading = self._reading.get(app.id)
        if reading is None:
            reading = self._reading[app.id] = asyncio.create_task(self._read(app, now=now))
            reading.add_done_callback(lambda _: self._reading.pop(app.id))
        # Whoever gives up waiting does not take the answer away from the others.
        return await asyncio.shield(reading)

    async def _read(self, app: App, *, now: datetime) -> list[Candidate]:
        rows = await inbox.campaigns(self._db, app, since=now - _HORIZON, limit=INBOX_CAMPAIGNS_MAX)
        named = await names_of_many(self._db, app, [one.audience for one in rows])
        found = [Candidate(one, names) for one, names in zip(rows, named, strict=True)]
        if sum(len(one) for _, one in self._kept.values()) + len(found) > INBOX_KEPT_MESSAGES_MAX:
            self._kept.clear()
        self._kept[app.id] = (now, found)
        return found

    async def _naming(self, app: App, reader: Reader, *, now: datetime) -> list[Candidate]:
        if not reader.names and not reader.devices:
            return []
        rows = await inbox.naming(
            self._db, app, names=reader.names, devices=reader.devices, since=now - _HORIZON, limit=INBOX_NAMED_MAX
        )
        named = await names_of_many(self._db, app, [one.audience for one in rows])
        return [Candidate(one, names) for one, names in zip(rows, named, strict=True)]


def _stays(message: InboxMessage, *, now: datetime) -> bool:
    """Whether it is still in the inbox."""
    terms = message.terms.inbox
    until = message.planned_at + _HORIZON
    return terms is not None and now < (until if terms.until is None else min(until, terms.until))


def version_of(candidates: list[Candidate]) -> bytes:
    """Another one whenever something came, went, or changed its state."""
    digest = hashlib.blake2b(digest_size=16)
    for one in candidates:
        digest.update(b"%d.%d." % (one.message.id, one.message.state))
    return digest.digest()


def is_moving(candidates: list[Candidate]) -> bool:
    """Whether one of them is still going out, so that who has it, or which variant won, may change."""
    return any(one.message.state != MessageState.DONE for one in candidates)
