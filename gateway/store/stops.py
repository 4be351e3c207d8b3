"""Apps that were stopped by hand: a small table, and what a process remembers of it.

Every process reads the whole table twice a second. It is nearly always empty, and nothing else has to be asked on the
way of a message.
"""

from datetime import datetime
from typing import Final

import msgspec

from gateway.model.limits import APPS_STOPPED_MAX
from gateway.store.database import Queryable
from gateway.telemetry import APPS_STOPPED

LOOK_EVERY_S: Final = 0.5
"""So long a process may go on sending for an app that was stopped, besides the requests that are on the wire."""


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """Who stopped an app, when and why."""

    app_id: int
    actor: str
    reason: str
    stopped_at: datetime


class Stops:
    """The stopped apps as this process knows them."""

    def __init__(self) -> None:
        self._apps: frozenset[int] = frozenset()

    def has(self, app_id: int) -> bool:
        """Whether nothing of this app is to be sent."""
        return app_id in self._apps

    async def look(self, db: Queryable) -> None:
        """Learns which apps are stopped. Raises `StoreUnavailable`, and what was known stays."""
        rows = await db.fetch("SELECT app_id FROM app_stops ORDER BY stopped_at LIMIT $1", APPS_STOPPED_MAX)
        self._apps = frozenset(row["app_id"] for row in rows)
        APPS_STOPPED.set(len(self._apps))


async def insert(db: Queryable, *, app_id: int, actor: str, reason: str) -> bool:
    """Stops an app; False if it was stopped already, and who did it stays."""
    tag = await db.execute(
        "INSERT INTO app_stops (app_id, actor, reason) VALUES ($1, $2, $3) ON CONFLICT (app_id) DO NOTHING",
        app_id,
        actor,
        reason,
    )
    return tag == "INSERT 0 1"


async def delete(db: Queryable, *, app_id: int) -> bool:
    """Lets an app send again; False if it was not stopped."""
    return await db.execute("DELETE FROM app_stops WHERE app_id = $1", app_id) == "DELETE 1"


async def of_apps(db: Queryable, app_ids: list[int]) -> dict[int, Stop]:
    """The stops of these apps, of those that are stopped."""
    rows = await db.fetch(
        "SELECT app_id, actor, reason, stopped_at FROM app_stops WHERE app_id = ANY($1::int[])", app_ids
    )
    return {row["app_id"]: Stop(**dict(row)) for row in rows}
