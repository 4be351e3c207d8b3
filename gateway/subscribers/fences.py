"""Devices say where they are; what they enter and leave is told, and the position is forgotten at once.

Of a device are kept the geofences that it is in, and when that changed, for as long as positions are kept; they go with
the consent. An event is told before that is noted: who repeats a post after a crash tells the same event again, known
by its id, so that it counts once. Of two posts at the same moment the same holds.
"""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from gateway.model.app import App
from gateway.model.errors import Conflict, NotFound
from gateway.model.limits import FENCE_APPS_KEPT_MAX, FENCES_KEPT_S, FENCES_PER_APP_MAX
from gateway.model.place import Area, Fence, Near
from gateway.policy.fences import Crossing, crossing_of
from gateway.store import geofences
from gateway.store.database import Queryable
from gateway.subscribers.events import Event, EventFields, event_of, taken_in
from gateway.subscribers.location import check_location
from gateway.subscribers.request import Location
from gateway.subscribers.secret import authorised

ENTERED: Final = "geofence_entered"
LEFT: Final = "geofence_left"


class Fences:
    """The geofences of apps, remembered for a few seconds, and the devices that cross them."""

    def __init__(self, db: Queryable, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._monotonic_s = monotonic_s
        self._kept: dict[int, tuple[float, list[Fence]]] = {}

    async def list_of(self, app: App) -> list[Fence]:
        """All of an app, by their slugs."""
        return await geofences.list_of_app(self._db, app.id)

    async def create(self, app: App, slug: str, *, near: Near | None, within: Area | None) -> Fence:
        """A new one. Raises `Conflict` for a slug that is taken, and for one too many."""
        made = await geofences.insert(self._db, app.id, slug, near=near, within=within, total_max=FENCES_PER_APP_MAX)
        self._kept.pop(app.id, None)
        if made is not None:
            return made
        if any(one.slug == slug for one in await self.list_of(app)):
            raise Conflict("name_taken", "There is a geofence of that slug already.", param="slug")
        raise Conflict("geofences_too_many", f"The app has {FENCES_PER_APP_MAX} geofences, the most there may be.")

    async def delete(self, app: App, slug: str) -> None:
        """Takes one out. Raises `NotFound`."""
        self._kept.pop(app.id, None)
        if not await geofences.delete(self._db, app.id, slug):
            raise NotFound("geofence")

    async def arrive(
        self, app: App, subscription_id: int, secret: str | None, location: Location, *, now: datetime
    ) -> Crossing:
        """What a device has entered and left by being where it says. Raises `GatewayError` as a change of it would."""
        found = await authorised(self._db, app, subscription_id, secret)
        position = check_location(location, found.consent)
        assert position is not None, "a location was given"
        visits = await geofences.visits_of(self._db, app, subscription_id)
        crossing = crossing_of(await self._known(app), visits.fences, position)
        if crossing.is_move:
            if found.person is not None:
                move = _move_of(subscription_id, visits.changed_at)
                await taken_in(self._db, app, _events(crossing, found.person, move=move, now=now))
            inside = [fence.id for fence in crossing.inside]
            await geofences.set_visits(self._db, app, subscription_id, inside, was_changed_at=visits.changed_at)
        return crossing

    async def _known(self, app: App) -> list[Fence]:
        kept = self._kept.get(app.id)
        now_s = self._monotonic_s()
        if kept is not None and now_s < kept[0]:
            return kept[1]
        fences = await self.list_of(app)
        if len(self._kept) >= FENCE_APPS_KEPT_MAX:
            self._kept.clear()
        self._kept[app.id] = (now_s + FENCES_KEPT_S, fences)
        return fences


def _move_of(subscription_id: int, changed_at: datetime | None) -> str:
    """A name for the next move of a device: the same until that move is noted."""
    return f"{subscription_id:x}-{0 if changed_at is None else int(changed_at.timestamp() * 1_000_000):x}"


def _events(crossing: Crossing, person: str, *, move: str, now: datetime) -> list[Event]:
    told = [*((LEFT, fence) for fence in crossing.left), *((ENTERED, fence) for fence in crossing.entered)]
    return [
        msgspec.structs.replace(
            event_of(
                EventFields(name=name, user=person, properties={"fence": fence.slug}, id=f"{name}-{fence.id:x}-{move}"),
                now=now,
            ),
            is_of_device=True,
        )
        for name, fence in told
    ]
