"""How many an audience would reach: from a sample within a tenth of a second, or counted.

A look at a thousandth of the ids tells how large the app is. A small one is counted at once; of a large one so many
ids are read that about 12,000 devices are among them (`policy.sampling` says why that is fair). Devices that are named
one by one are always counted.

People. A device of somebody with one is a person. Of the others some are looked up: how many of their person's devices
are in the audience, too? The devices of one person add up to one in that way, also where an audience takes some of them
only (a channel, a platform). Counting counts each person once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from random import Random
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.ids import BUCKET_BITS, ID_BITS, bucket_of_id
from gateway.model.limits import (
    ESTIMATE_EXACT_ROWS_MAX,
    ESTIMATE_OWNERS_MAX,
    ESTIMATE_ROWS,
    ESTIMATE_ZONES_MAX,
)
from gateway.model.segment import Names
from gateway.policy.sampling import (
    LOOK_SHARE,
    Estimated,
    Stretch,
    estimated,
    people_estimated,
    share_for,
    stretch,
    stretches,
)
from gateway.sending.plan import devices_named
from gateway.store import estimates
from gateway.store.database import Database
from gateway.store.estimates import Sample, Tally
from gateway.store.names import names_of
from gateway.store.persons import person_bucket_of
from gateway.store.subscriptions import bucket_of

UNKNOWN_ZONE: Final = "unknown"
OTHER_ZONES: Final = "other"
_STRIPE_BITS: Final = ID_BITS - BUCKET_BITS


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """How many devices and people, by channel and by time zone. The margins are those of the totals; 0 where exact."""

    devices: Estimated
    people: Estimated
    per_channel: dict[str, int]
    per_timezone: dict[str, int]
    is_exact: bool
    sampled: int
    """Devices that were looked at and are in the audience."""


async def estimate(
    db: Database,
    app: App,
    audience: Audience,
    *,
    now: datetime,
    dice: Random,
    rows: int = ESTIMATE_ROWS,
    exact_up_to: int = ESTIMATE_EXACT_ROWS_MAX,
    owners: int = ESTIMATE_OWNERS_MAX,
) -> Estimate:
    """The audience from a sample of about so many rows; of a small app, and of named devices, counted.

    owners: of how many sampled devices it is looked up which others their people have.
    """
    if audience.is_named:
        return await exact(db, app, audience, now=now)
    look = stretch(LOOK_SHARE, dice)
    seen = await estimates.live_between(
        db, app_id=app.id, buckets=[piece[0] for piece in _pieces(app, look)], low=look.low, high=look.high
    )
    share = share_for(seen, rows=rows, exact_up_to=exact_up_to)
    if share is None:
        return await exact(db, app, audience, now=now)
    places = stretches(share, dice)
    names = await names_of(db, app, audience)
    found = await estimates.sample(
        db, app_id=app.id, stretches=[piece for one in places for piece in _pieces(app, one)], audience=audience,
        names=names, now=now, owners=owners,
    )  # fmt: skip
    parts = await _parts(db, app, found.owners, audience, names, now=now)
    return _estimate(app, found, parts, share=sum(one.share for one in places))


async def exact(db: Database, app: App, audience: Audience, *, now: datetime) -> Estimate:
    """The audience, counted: each device, and each person once."""
    names = await names_of(db, app, audience)
    ids = None
    if audience.is_named:
        ids = [device.subscription_id for _, device in await devices_named(db, app, audience, names, now=now)]
    async with estimates.counting(db) as tx:
        found, people = await estimates.counted(
            tx, app_id=app.id, buckets=app.buckets, audience=audience, names=names, now=now, ids=ids
        )
    devices = sum(tally.devices for tally in found)
    return Estimate(
        devices=Estimated(devices, 0),
        people=Estimated(people, 0),
        per_channel=_by(found, lambda tally: tally.channel, share=1),
        per_timezone=_by_zone(app, found, share=1),
        is_exact=True,
        sampled=devices,
    )


async def _parts(
    db: Database, app: App, owners: Sequence[tuple[int, str]], audience: Audience, names: Names, *, now: datetime
) -> list[float]:
    """What part of its person each device is: one of those that are in the audience."""
    if not owners:
        return []
    held = await estimates.devices_of(
        db, app_id=app.id, bucket_of={person: person_bucket_of(app, person) for _, person in owners}
    )
    sampled = {device for device, _ in owners}
    others = {device: bucket_of(app, device) for devices in held.values() for device in devices}
    for device in sampled:
        others.pop(device, None)
    fit = sampled | await estimates.members(
        db, app_id=app.id, bucket_of=others, audience=audience, names=names, now=now
    )  # fmt: skip
    return [1 / sum(one in fit for one in {device, *held.get(person, ())}) for device, person in owners]


def _estimate(app: App, found: Sample, parts: Sequence[float], *, share: float) -> Estimate:
    devices = sum(tally.devices for tally in found.tallies)
    return Estimate(
        devices=estimated(devices, share=share),
        people=people_estimated(devices - found.shared, found.shared, parts, share=share),
        per_channel=_by(found.tallies, lambda tally: tally.channel, share=share),
        per_timezone=_by_zone(app, found.tallies, share=share),
        is_exact=False,
        sampled=devices,
    )


def _by_zone(app: App, found: Iterable[Tally], *, share: float) -> dict[str, int]:
    """Zones with the most devices first; whoever has none is in the app's own."""
    own = app.own.timezone or UNKNOWN_ZONE
    zones = _by(found, lambda tally: tally.timezone or own, share=share)
    named = dict(list(zones.items())[:ESTIMATE_ZONES_MAX])
    others = sum(zones.values()) - sum(named.values())
    return {**named, OTHER_ZONES: others} if others else named


def _by(found: Iterable[Tally], name: Callable[[Tally], str], *, share: float) -> dict[str, int]:
    """Devices by a name, the most first."""
    sums: Counter[str] = Counter()
    for tally in found:
        sums[name(tally)] += tally.devices
    return {key: round(devices / share) for key, devices in sums.most_common()}


def _pieces(app: App, part: Stretch) -> Iterator[tuple[int, int, int]]:
    """The stretch cut where buckets change: bucket, first id, and the id behind the last."""
    low = part.low
    for stripe in range(part.low >> _STRIPE_BITS, (part.high - 1 >> _STRIPE_BITS) + 1):
        end = min(part.high, stripe + 1 << _STRIPE_BITS)
        bucket = bucket_of_id(low, home=app.home, spread=app.spread)
        if end == part.high or bucket != bucket_of_id(end, home=app.home, spread=app.spread):
            yield bucket, low, end
            low = end
