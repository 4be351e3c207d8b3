"""Why somebody is in an audience or not, and what became of them, or will, in a message."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import msgspec

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.errors import NotFound
from gateway.model.place import Whereabouts
from gateway.model.segment import Names
from gateway.model.subscriber import SubscriptionState
from gateway.policy.explaining import Condition, Looked, Verdict, explained
from gateway.policy.matching import Described
from gateway.store import looked_at, persons
from gateway.store.database import Queryable
from gateway.store.looked_at import LookedAt
from gateway.store.names import names_of


class DeviceVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """One device: can it be sent to at all, is it in the audience, and each condition with its result."""

    subscription_id: int
    is_active: bool
    is_in: bool
    conditions: list[Condition]


async def explain_audience(
    db: Queryable, app: App, audience: Audience, *, ids: Sequence[int], now: datetime
) -> list[DeviceVerdict]:
    """What an audience would say of these devices at the moment."""
    names = await names_of(db, app, audience)
    return [_device_verdict(row, audience, names, now) for row in await looked_at.look_at(db, app, ids)]


async def devices_of(db: Queryable, app: App, *, user: str | None, subscription: int | None) -> list[int]:
    """The ids of a person's devices, or the one id where it exists. Raises `NotFound` for a device that does not."""
    if subscription is None:
        return (await persons.subscriptions_of(db, app, [user or ""])).get(user or "", [])
    if not await looked_at.look_at(db, app, [subscription]):
        raise NotFound("subscription", param="subscription")
    return [subscription]


def _device_verdict(row: LookedAt, audience: Audience, names: Names, now: datetime) -> DeviceVerdict:
    verdict = verdict_of(row, audience, names, now=now)
    is_active = row.state == SubscriptionState.ACTIVE
    return DeviceVerdict(
        subscription_id=row.id, is_active=is_active, is_in=verdict.is_in and is_active, conditions=verdict.conditions
    )


def verdict_of(row: LookedAt, audience: Audience, names: Names, *, now: datetime) -> Verdict:
    """Whether the row is in the audience, and why. Where a name is missing nobody is."""
    segments = {slug: _by_own_names(one, names) for slug, one in names.segments.items()}
    verdict = explained(_by_own_names(audience, names), _looked(row, names), segments, now=now)
    return verdict if names.is_whole else msgspec.structs.replace(verdict, is_in=False)


def _by_own_names(audience: Audience, names: Names) -> Audience:
    """People by the names that their devices carry."""
    exclude = None if audience.exclude is None else _by_own_names(audience.exclude, names)
    users = tuple(names.own_names.get(user, user) for user in audience.users)
    return msgspec.structs.replace(audience, users=users, exclude=exclude)


def _looked(row: LookedAt, names: Names) -> Looked:
    return Looked(
        subscription_id=row.id,
        described=Described(
            channel=row.provider,
            platform=row.platform,
            locale=row.locale,
            country=row.country,
            region=row.region,
            city=row.city,
            user=row.person,
            first_seen=row.created_at,
            last_seen=row.seen_at,
            topics=_names(row.topics, names.topics),
            lists=_names(row.lists, names.lists),
            attrs=row.attrs,
            facts=row.facts,
        ),
        whereabouts=Whereabouts(
            country=row.country, region=row.region, city=row.city, lat=row.lat, lon=row.lon, located_by=row.located_by
        ),
    )


def _names(numbers: Sequence[int], known: Mapping[str, int]) -> frozenset[str]:
    held = set(numbers)
    return frozenset(name for name, number in known.items() if number in held)
