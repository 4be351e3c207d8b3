"""In which hours an order would go out: the forecast, fed with where its audience is now."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

from gateway.model.app import App
from gateway.model.work import PlaceKey
from gateway.policy.forecast import Forecast, forecast
from gateway.policy.life import life_from_s, life_s
from gateway.policy.parts import ends_at
from gateway.sending import places
from gateway.sending.accept import Order
from gateway.store.database import Database


async def forecast_of(
    db: Database, app: App, order: Order, counts: Mapping[PlaceKey, int], *, audience: int, now: datetime
) -> Forecast:
    """What becomes of an audience of this size, so many of whom are where, hour by hour from the order's moment on."""
    base = max(order.due_at or now, now)
    timing = order.terms.timing
    calendar = await places.calendar_of(db, app, order.terms, base=base)
    expires_at = ends_at(
        calendar,
        counts,
        app.own.timezone,
        life=timedelta(seconds=life_s(order.content)),
        otherwise=base + timedelta(seconds=life_from_s(order.content, timing, base)),
    )
    # Thousands of places, their nights and holidays take up to half a second: other requests are not to wait for it.
    return await asyncio.to_thread(
        forecast,
        calendar,
        counts,
        app.own.timezone,
        audience=audience,
        per_minute=order.terms.per_minute,
        expires_at=expires_at,
    )
