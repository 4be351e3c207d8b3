"""Visitors: who reads the inbox and has no push address, because they refused it or their browser knows no push.

A visitor is an id and a secret, as a device is. The shop's server says whose it is, by the signature that a device logs
in with. Nothing can be sent to one.
"""

from datetime import datetime, timedelta

import msgspec

from gateway.geo.locator import Locator
from gateway.model.app import App
from gateway.model.errors import GatewayError, NotFound
from gateway.model.ids import new_id
from gateway.model.inbox import Visitor, reader_of_visitor
from gateway.model.limits import VISITOR_SEEN_S, VISITORS_PER_PERSON_MAX
from gateway.policy.places import whereabouts
from gateway.store import inbox_marks, persons, profiles, visitors
from gateway.store.database import Database, Queryable
from gateway.subscribers.identity import IdentityKeys, proven
from gateway.subscribers.preferences import check_language, check_platform, check_timezone
from gateway.subscribers.secret import fits_hash, hash_of, new_visitor_secret


class VisitorRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a page says of the browser that it runs in."""

    language: str | None = None
    timezone: str | None = None
    platform: str | None = None


class Made(msgspec.Struct, frozen=True):
    """A new visitor; the secret exists only here."""

    id: int
    secret: str


class Visitors:
    """What visitors may do with their secret, and the shop's server without."""

    def __init__(self, db: Database, keys: IdentityKeys, locator: Locator) -> None:
        self._db = db
        self._keys = keys
        self._locator = locator

    async def make(self, app: App, said: VisitorRequest, *, client: str, now: datetime) -> Made:
        """A new visitor. `client` is where the page calls from: its place is kept, the address is not."""
        where = whereabouts(self._locator.of_address(client), None, None)
        secret = new_visitor_secret()
        visitor = Visitor(
            id=new_id(),
            secret_hash=hash_of(secret),
            person=None,
            locale=check_language(said.language),
            timezone=check_timezone(said.timezone) or where.timezone,
            country=where.country,
            region=where.region,
            city=where.city,
            platform=check_platform(said.platform) or 0,
            created_at=now,
            seen_at=now,
        )
        await visitors.insert(self._db, app, visitor)
        return Made(visitor.id, secret)

    async def authorised(self, app: App, visitor_id: int, secret: str | None) -> Visitor:
        """The visitor, for one who may: the secret proves that, None stands for the shop's server.

        Raises `secret_invalid`, also for who does not exist; to the server that is `not_found`.
        """
        found = await visitors.get(self._db, app, visitor_id)
        if secret is None:
            if found is None:
                raise NotFound("visitor")
            return found
        if not fits_hash(secret, None if found is None else found.secret_hash) or found is None:
            raise GatewayError("secret_invalid", "The secret does not fit this visitor.", kind="authentication")
        return found

    async def see(self, app: App, visitor: Visitor, *, language: str | None, now: datetime) -> Visitor:
        """Notes that the visitor was here, once a day or when they read another language now."""
        locale = check_language(language) or visitor.locale
        is_news = locale != visitor.locale or now - visitor.seen_at > timedelta(seconds=VISITOR_SEEN_S)
        if is_news:
            await visitors.see(self._db, app, visitor.id, locale=locale, at=now)
        return msgspec.structs.replace(visitor, locale=locale)

    async def login(
        self,
        app: App,
        visitor_id: int,
        secret: str | None,
        *,
        external_id: str,
        signature: str,
        expires: str | int,
        now: datetime,
    ) -> None:
        """Makes the visitor this user. Raises `secret_invalid`, `signature_invalid`, `field_invalid`."""
        user = await proven(self._keys, app, external_id=external_id, signature=signature, expires=expires, now=now)
        await self.authorised(app, visitor_id, secret)
        own = (await persons.names_of(self._db, app, [user])).get(user, user)
        await profiles.make(self._db, app, [own])  # whom nobody knew is known now, and can be shown and erased
        await visitors.name(self._db, app, [visitor_id], own)
        await self._shed(app, own)

    async def _shed(self, app: App, person: str) -> None:
        """Lets go of the visitors that a person has too many of, those not seen for the longest."""
        surplus = (await visitors.of_person(self._db, app, [person]))[VISITORS_PER_PERSON_MAX:]
        if surplus:
            await visitors.name(self._db, app, [one.id for one in surplus], None)

    async def logout(self, app: App, visitor_id: int, secret: str | None) -> None:
        """Makes the visitor nobody. Raises `secret_invalid`."""
        await self.authorised(app, visitor_id, secret)
        await visitors.name(self._db, app, [visitor_id], None)

    async def leave(self, app: App, visitor_id: int, secret: str | None) -> None:
        """Forgets the visitor, and what they have read. Raises `secret_invalid`."""
        await self.authorised(app, visitor_id, secret)
        async with self._db.transaction() as tx:
            await forget(tx, app, [visitor_id])


async def forget(db: Queryable, app: App, visitor_ids: list[int]) -> None:
    """Deletes visitors and what they have read, in the transaction of the caller."""
    if visitor_ids:
        await visitors.delete(db, app, visitor_ids)
        await inbox_marks.delete_of(db, app, [reader_of_visitor(one) for one in visitor_ids])
