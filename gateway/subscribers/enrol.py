"""Opting in, changing, leaving. One address is one device, however often and from how many tabs it enrols.

Whoever sends the same endpoint with the same keys is the browser itself (the keys never leave it but to us), so it gets
a new secret; so does who sends the token of an app, which nobody else knows either: a reinstalled app has lost its old
secret. Whoever sends a known endpoint with other keys must prove with the old secret that the device is theirs.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Protocol

import msgspec
from msgspec import UNSET

from gateway.geo.locator import Locator
from gateway.model.app import App
from gateway.model.consent import ConsentAct, How
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.limits import ENROL_ATTEMPTS_MAX
from gateway.model.place import Place, Position
from gateway.model.subscriber import Enrolment, Subscription, SubscriptionState
from gateway.model.timezone import is_timezone
from gateway.store import consents, persons, places, subscriptions
from gateway.store.database import Queryable
from gateway.store.subscriptions import Change, Filters
from gateway.subscribers import people, topics
from gateway.subscribers.consents import Occasion, act_of, note, said_of, take_back
from gateway.subscribers.location import carried_over, check_location, covers_location, located
from gateway.subscribers.preferences import (
    check_consent,
    check_external_id,
    check_language,
    check_platform,
    check_timezone,
    merge_tags,
)
from gateway.subscribers.reach import key_for, keys_in_order
from gateway.subscribers.request import ChangeRequest, EnrolRequest
from gateway.subscribers.secret import authorised, fits, hash_of, new_secret
from gateway.subscribers.tracking import adopt
from gateway.telemetry import ENROLMENTS
from gateway.transports.base import Address, Credential, Transport

_HASH_BYTES: Final = 16


class Keys(Protocol):
    """Where an app's keys are found; `tenancy.keyring` has the real ones."""

    async def credentials(self, app_id: int) -> Mapping[int, Credential]:
        """The live credentials by number."""
        ...

    async def address_key(self) -> bytes:
        """What address hashes are made with."""
        ...


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """What the device keeps: its id and its secret, which exists only here; and the topics it follows now."""

    id: int
    secret: str
    is_new: bool
    topics: list[str]


def address_hash(key: bytes, provider: str, unique: bytes) -> bytes:
    """What makes an address one row: keyed, so that the database alone does not tell who has which endpoint."""
    return hashlib.blake2b(provider.encode() + b"\0" + unique, key=key, digest_size=_HASH_BYTES).digest()


class Enroller:
    """What devices (with their secret) and the shop's server (without) may do to a subscription."""

    def __init__(
        self, db: Queryable, keys: Keys, transports: Mapping[str, Transport], locator: Locator | None = None
    ) -> None:
        self._db = db
        self._keys = keys
        self._transports = transports
        self._locator = locator or Locator()

    @property
    def locator(self) -> Locator:
        """What tells where an address is."""
        return self._locator

    async def enrol(
        self,
        app: App,
        raw: EnrolRequest,
        *,
        now: datetime,
        client: str = "",
        by_server: bool = False,
        how: How = How.SERVER,
        where: str = "",
    ) -> Enrolled:
        """Stores a device, or refreshes the one that has this address; one that was gone or had left is back.

        `client` is the address that the device itself called from: its place is kept, the address is not. Only the
        shop's server may say whose device it is. `how` and `where` (an origin) are for the ledger of consents. Raises
        `GatewayError`: what the provider says of the address, `consent_withdrawn`,
        `channel_unknown`, `credential_unknown`, `endpoint_taken`, `topic_unknown`, `topics_too_many`, `field_invalid`,
        `location_without_consent`.
        """
        provider = self._provider(raw.channel)
        address = provider.address(raw.address_fields())
        user = _user_of(raw, by_server=by_server)
        credential = await self._key(app, provider, address, raw)
        hashed = address_hash(await self._keys.address_key(), provider.name, address.unique)
        secret = new_secret()
        said = msgspec.structs.replace(
            await self._change_of(app, _with_known_zone(raw), held={}, now=now),
            credential_id=credential.id,
            secret_hash=hash_of(secret),
            is_registration=True,
        )
        occasion = Occasion(now, how, where)
        arrival = _Arrival(provider, address, hashed, said, self._locator.of_address(client), occasion)
        enrolled = await self._stored(app, raw, arrival, secret)
        if user is not None:
            await people.copied(self._db, app, await persons.attach(self._db, app, user, enrolled.id))
            await adopt(self._db, app, enrolled.id, user)
        return enrolled

    async def _stored(self, app: App, raw: EnrolRequest, arrival: "_Arrival", secret: str) -> Enrolled:
        for _ in range(ENROL_ATTEMPTS_MAX):
            found = await subscriptions.find_by_address(self._db, app, arrival.hashed)
            if found is not None:
                _check_returns(raw, has_left=found.state == SubscriptionState.LEFT)
                known = await self._refresh(app, found, raw, arrival)
                return await self._enrolled(app, known.id, secret, known.topics, is_new=False)
            if raw.again:
                _check_returns(raw, has_left=await consents.has_withdrawn(self._db, app, arrival.hashed) is not None)
            made = await self._insert(app, raw, arrival)
            if made is not None:
                ENROLMENTS.labels("new").inc()
                return await self._enrolled(app, made, secret, arrival.said.topics or (), is_new=True)
        raise Conflict("endpoint_taken", "The endpoint is being registered elsewhere at this moment; try again.")

    async def _insert(self, app: App, raw: EnrolRequest, arrival: "_Arrival") -> int | None:
        enrolment = self._enrolment_of(raw, arrival)
        said = said_of(arrival.said.consent, arrival.occasion, topics=raw.topics)
        async with self._db.transaction() as tx:
            made = await subscriptions.insert(tx, app, enrolment)
            if made is not None:
                await note(
                    tx, app, made, ConsentAct.GIVEN, arrival.occasion, person=None, said=said, is_first=True
                )  # fmt: skip
        return made

    def _enrolment_of(self, raw: EnrolRequest, arrival: "_Arrival") -> Enrolment:
        said = arrival.said
        assert said.credential_id is not None
        position = check_location(raw.location, said.consent)
        return Enrolment(
            provider=arrival.provider.name,
            credential_id=said.credential_id,
            wire=arrival.address.wire,
            address_hash=arrival.hashed,
            platform=arrival.provider.platform if said.platform is None else said.platform,
            topics=said.topics or (),
            tags=said.tags,
            locale=said.locale,
            timezone=said.timezone,
            whereabouts=located(arrival.place, position, self._locator.zone_at),
            consent=said.consent,
            secret_hash=said.secret_hash,
        )

    async def change(
        self,
        app: App,
        subscription_id: int,
        secret: str | None,
        patch: ChangeRequest,
        *,
        now: datetime,
        client: str = "",
        how: How = How.SERVER,
        where: str = "",
    ) -> Subscription:
        """Changes what is given; the device as it is then. `secret` None: the shop's server, already admitted.

        `client` is the address that the device itself called from, as for `enrol`.

        A new address keeps id, secret and topics, and revives a device that was gone, never one that left. Raises
        `GatewayError` as `enrol` does, `secret_invalid`, and `not_found` for the server.
        """
        found = await authorised(self._db, app, subscription_id, secret)
        if secret is not None and patch.user is not UNSET:
            raise Invalid("field_invalid", "A device says whose it is by a signed login, not here.", param="user")
        user = None if patch.user is UNSET or patch.user is None else check_external_id(patch.user)
        said = _with_consent_held(await self._change_of(app, patch, held=found.tags, now=now), found)
        location = None if patch.location is UNSET else patch.location
        position = check_location(location, said.consent or found.consent)
        if patch.address_fields():
            await self._move(app, found, patch)
        elif patch.named_key is not None:
            raise Invalid(
                "field_invalid", "A key is changed together with the address made with it.", param=patch.named_key[1]
            )
        if user is not None:
            await people.copied(self._db, app, await persons.attach(self._db, app, user, subscription_id))
            await adopt(self._db, app, subscription_id, user)
        elif patch.user is None:
            await people.copied(self._db, app, await persons.detach(self._db, app, subscription_id))
        if patch.location is None or not covers_location(said.consent or found.consent):
            await places.forget_position(self._db, app, subscription_id)
        await self._locate(self._db, app, subscription_id, self._locator.of_address(client), position)
        changed = await self._patch(app, found, said, patch.topics, Occasion(now, how, where))
        if changed is None:
            raise NotFound("subscription")
        return changed

    async def _patch(
        self, app: App, found: Subscription, said: Change, slugs: Sequence[str] | None, occasion: Occasion
    ) -> Subscription | None:
        """Changes the row; in one transaction with its record, where it changes what was agreed to."""
        act = act_of(said, found)
        if act is None:
            return await subscriptions.patch(self._db, app, found.id, said)
        agreed = said.consent if act is ConsentAct.GIVEN else None
        async with self._db.transaction() as tx:
            changed = await subscriptions.patch(tx, app, found.id, said)
            if changed is not None:
                told = said_of(agreed, occasion, topics=slugs)
                await note(tx, app, found.id, act, occasion, person=found.person, said=told)
        return changed

    async def _locate(
        self, db: Queryable, app: App, subscription_id: int, place: Place | None, position: Position | None
    ) -> None:
        if place is not None:
            await places.put_place(db, app, subscription_id, place)
        if position is not None:
            await places.put_position(db, app, subscription_id, located(place, position, self._locator.zone_at))

    async def leave(
        self, app: App, subscription_id: int, secret: str | None, *, now: datetime, how: How, where: str = ""
    ) -> None:
        """Ends the subscription: nothing is sent to it until it enrols anew. Doing it twice is no fault."""
        found = await authorised(self._db, app, subscription_id, secret)
        async with self._db.transaction() as tx:
            has_left = await take_back(tx, app, found, Occasion(now, how, where))
        if has_left:
            ENROLMENTS.labels("left").inc()

    async def get(self, app: App, subscription_id: int, secret: str | None = None) -> Subscription:
        """The device. Raises `GatewayError`: `secret_invalid`, or `not_found` for the server."""
        return await authorised(self._db, app, subscription_id, secret)

    async def list_page(
        self, app: App, *, after: int | None, limit: int, filters: Filters | None = None, user: str | None = None
    ) -> list[Subscription]:
        """Devices behind the id `after`, or all of one user's; for the shop's server."""
        if user is None:
            return await subscriptions.list_page(self._db, app, after, limit, filters)
        held = (await persons.subscriptions_of(self._db, app, [user])).get(user, [])
        behind = sorted(one for one in held if after is None or one > after)[:limit]
        return await subscriptions.get_many(self._db, app, behind)

    async def topics_of(self, app: App, subscription: Subscription) -> list[str]:
        """The names of the topics that the device follows."""
        return await topics.names_of(self._db, app, subscription.topics)

    def describe(self, subscription: Subscription) -> dict[str, Any]:
        """The address in the form that an import takes: a secret between the shop and the device."""
        return self._provider(subscription.provider).describe(subscription.wire)

    async def _refresh(self, app: App, found: Subscription, raw: EnrolRequest, arrival: "_Arrival") -> Subscription:
        is_same = _is_same_address(arrival.provider, found.wire, arrival.address.wire)
        if not is_same and not (raw.secret is not None and fits(raw.secret, found)):
            ENROLMENTS.labels("refused").inc()
            raise Conflict("endpoint_taken", "The endpoint is registered with other keys.", param="endpoint")
        said = _with_consent_held(
            msgspec.structs.replace(
                arrival.said,
                tags=None if raw.tags is None else merge_tags(found.tags, raw.tags),
                # What a browser remembers may have been changed since, by the link of a message.
                topics=None if raw.again else arrival.said.topics,
            ),
            found,
        )
        agreed = said.consent or found.consent
        position = check_location(raw.location, agreed)
        async with self._db.transaction() as tx:
            if not is_same:
                await subscriptions.update_address(
                    tx,
                    app,
                    found.id,
                    address_hash=arrival.hashed,
                    provider=arrival.provider.name,
                    credential_id=said.credential_id or found.credential_id,
                    wire=arrival.address.wire,
                )
            known = await subscriptions.patch(tx, app, found.id, said)
            if known is None:
                raise Conflict(
                    "endpoint_taken", "The endpoint is being registered elsewhere at this moment; try again."
                )
            _check_returns(raw, has_left=known.state == SubscriptionState.LEFT)  # they may have left just now
            is_back = await subscriptions.revive(tx, app, found.id)
            if not covers_location(agreed):
                await places.forget_position(tx, app, found.id)
            await self._locate(tx, app, found.id, arrival.place, position)
            act = ConsentAct.GIVEN if is_back else act_of(said, found)
            if act is not None:
                slugs = None if raw.again else raw.topics
                told = said_of(agreed if act is ConsentAct.GIVEN else None, arrival.occasion, topics=slugs)
                await note(tx, app, found.id, act, arrival.occasion, person=found.person, said=told)
        ENROLMENTS.labels("revived" if is_back else "refreshed").inc()
        return known

    async def _move(self, app: App, found: Subscription, patch: ChangeRequest) -> None:
        """Gives a device another address, where that is nobody else's. What it leaves out is as it was."""
        provider = self._provider(patch.channel or found.provider)
        held = provider.describe(found.wire) if provider.name == found.provider else {}
        address = provider.address({**held, **patch.address_fields()})
        credential = await self._key(app, provider, address, patch)
        hashed = address_hash(await self._keys.address_key(), provider.name, address.unique)
        for _ in range(ENROL_ATTEMPTS_MAX):
            if await subscriptions.update_address(
                self._db,
                app,
                found.id,
                address_hash=hashed,
                provider=provider.name,
                credential_id=credential.id,
                wire=address.wire,
            ):
                return
            if await subscriptions.find_by_address(self._db, app, hashed) is not None:
                break
        raise Conflict("endpoint_taken", "The endpoint belongs to another device.", param="endpoint")

    async def _change_of(
        self, app: App, raw: EnrolRequest | ChangeRequest, *, held: Mapping[str, Any], now: datetime
    ) -> Change:
        return Change(
            platform=check_platform(raw.platform),
            tags=None if raw.tags is None else merge_tags(held, raw.tags),
            locale=check_language(raw.language),
            timezone=check_timezone(raw.timezone),
            consent=check_consent(raw.consent, now=now),
            topics=None if raw.topics is None else await topics.numbers_of(self._db, app, raw.topics),
        )

    async def _key(
        self, app: App, provider: Transport, address: Address, raw: EnrolRequest | ChangeRequest
    ) -> Credential:
        live = keys_in_order((await self._keys.credentials(app.id)).values(), provider.name)
        return key_for(live, provider, address.wire, named=raw.named_key)

    async def _enrolled(
        self, app: App, subscription_id: int, secret: str, numbers: Sequence[int], *, is_new: bool
    ) -> Enrolled:
        names = await topics.names_of(self._db, app, numbers)
        return Enrolled(id=subscription_id, secret=secret, is_new=is_new, topics=names)

    def _provider(self, channel: str) -> Transport:
        provider = self._transports.get(channel)
        if provider is None:
            raise Invalid("channel_unknown", f"A channel is one of: {', '.join(self._transports)}.", param="channel")
        return provider


class _Arrival(msgspec.Struct, frozen=True):
    """An opt-in, checked: by which provider, from which address, and what it says besides."""

    provider: Transport
    address: Address
    hashed: bytes
    said: Change
    place: Place | None
    occasion: Occasion


def _check_returns(raw: EnrolRequest, *, has_left: bool) -> None:
    """A page that mends by itself does not bring back who left."""
    if raw.again and has_left:
        raise Conflict("consent_withdrawn", "The person has left: enrol them once they agree anew, without `again`.")


def _with_known_zone(raw: EnrolRequest) -> EnrolRequest:
    """Without a zone that this machine does not know: a browser's list may be newer, and no opt-in is lost for that."""
    if raw.timezone is None or is_timezone(raw.timezone):
        return raw
    return msgspec.structs.replace(raw, timezone=None)


def _user_of(raw: EnrolRequest, *, by_server: bool) -> str | None:
    if raw.user is None:
        return None
    if not by_server:
        raise Invalid("field_invalid", "A device says whose it is by a signed login, not here.", param="user")
    return check_external_id(raw.user)


def _with_consent_held(said: Change, found: Subscription) -> Change:
    return msgspec.structs.replace(said, consent=carried_over(said.consent, found.consent))


def _is_same_address(provider: Transport, held: bytes, given: bytes) -> bool:
    """Whether both are the same address with the same keys, whatever format they were packed in. In constant time."""
    plain = [msgspec.json.encode(provider.describe(wire), order="deterministic") for wire in (held, given)]
    return hmac.compare_digest(*plain)
