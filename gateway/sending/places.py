"""What planning and preview ask of an app and its audience before people's hours are reckoned."""

from datetime import datetime

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.delivery import Device
from gateway.model.segment import Names
from gateway.model.terms import Terms
from gateway.model.work import PlaceKey
from gateway.policy.appointment import Calendar, quiet_for
from gateway.policy.best_time import best_hour
from gateway.store import parts
from gateway.store.database import Database, Queryable


def asks_where(terms: Terms, app: App) -> bool:
    """Whether it matters to a message where people are."""
    return terms.timing.is_personal or quiet_for(terms.timing, terms.category, app.own.quiet_hours) is not None


async def calendar_of(db: Queryable, app: App, terms: Terms, *, base: datetime) -> Calendar:
    """What the message and its app say of the hour."""
    app_hour = None
    if terms.timing.best_time:
        app_hour = best_hour(await parts.hours_seen(db, app_id=app.id, buckets=app.buckets))
    quiet = quiet_for(terms.timing, terms.category, app.own.quiet_hours)
    return Calendar(timing=terms.timing, quiet=quiet, base=base, app_hour=app_hour)


async def count_places(
    db: Database, app: App, terms: Terms, audience: Audience, names: Names, *, now: datetime
) -> dict[PlaceKey, int]:
    """How many of an audience are where."""
    async with db.transaction() as tx:
        await parts.plan_afresh(tx)
        return await parts.count_places(
            tx,
            app_id=app.id,
            buckets=app.buckets,
            audience=audience,
            names=names,
            now=now,
            with_hours=terms.timing.best_time,
        )


def key_of(device: Device, terms: Terms) -> PlaceKey:
    """The same for a device that was read already; `store.parts` says it in SQL."""
    facts = device.facts or {}
    hour = device.best_hour if terms.timing.best_time else None
    return PlaceKey(
        device.timezone or facts.get("timezone") or device.geo_timezone or "",
        device.country or facts.get("country") or "",
        -1 if hour is None else hour,
    )
