"""How many an audience would reach: from a sample within a tenth of a second, or counted.

A look at a thousandth of the ids tells how large the app is. A small one is counted at once; of a large one so many
ids are read that about 12,000 devices are among them (`policy.sampling` says why that is fair). Devices that are named
one by one are always counted.

People. Every device weighs one over the number of its person's devices (`facts.devices`), so that the devices of one
person add up to one. That is their number as long as the audience takes people with all of their devices, as attributes
and events do; where it takes some devices of a person only (a channel, a platform), a sample tells too few. Counting
counts each person once.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from random import Random
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.ids import BUCKET_BITS, ID_BITS, bucket_of_id
from gateway.model.limits import ESTIMATE_EXACT_ROWS_MAX, ESTIMATE_ROWS, ESTIMATE_ZONES_MAX
from gateway.policy.sampling import LOOK_SHARE, Estimated, Stretch, estimated, share_for, stretch
from gateway.sending.plan import devices_named
from gateway.store import estimates
from gateway.store.database import Database
from gateway.store.estimates import Tally
from gateway.store.names import names_of

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
) -> Estimate:
    """The audience from a sample of about so many rows; of a small app, and of named devices, counted."""
    if audience.is_named:
        return await exact(db, app, audience, now=now)
    look = stretch(LOOK_SHARE, dice)
    seen = await estimates.live_between(db, app_id=app.id, buckets=_buckets(app, look), low=look.low, high=look.high)
    share = share_for(seen, rows=rows, exact_up_to=exact_up_to)
    if share is None:
        return await exact(db, app, audience, now=now)
    part = stretch(share, dice)
    names = await names_of(db, app, audience)
    found = await estimates.tallies(
        db, app_id=app.id, buckets=_buckets(app, part), low=part.low, high=part.high, audience=audience,
        names=names, now=now,
    )  # fmt: skip
    return _estimate(app, found, share=part.share)


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


def _estimate(app: App, found: Sequence[Tally], *, share: float) -> Estimate:
    devices = sum(tally.devices for tally in found)
    people, squares = sum(tally.people for tally in found), sum(tally.people_squares for tally in found)
    return Estimate(
        devices=estimated(devices, devices, share=share),
        people=estimated(people, squares, share=share),
        per_channel=_by(found, lambda tally: tally.channel, share=share),
        per_timezone=_by_zone(app, found, share=share),
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


def _buckets(app: App, part: Stretch) -> list[int]:
    """Where the ids of a stretch lie."""
    stripes = range(part.low >> _STRIPE_BITS, (part.high - 1 >> _STRIPE_BITS) + 1)
    ids = (stripe << _STRIPE_BITS for stripe in stripes)
    return sorted({bucket_of_id(number, home=app.home, spread=app.spread) for number in ids})
