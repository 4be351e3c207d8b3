"""Writing to people: found under any of their names, locked, changed, saved, and copied onto their devices.

The change itself is one transaction. The copies follow at once; where the process dies in between, or the database goes
away, the loop `fan_out` finishes (see `store.copies`).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, TypeVar

from gateway.model.app import App
from gateway.model.errors import NotFound, StoreUnavailable
from gateway.model.limits import COPY_PEOPLE, COPY_STALE_S, COPY_STEPS_MAX, PEOPLE_WRITE_ATTEMPTS_MAX
from gateway.store import copies, persons, profiles
from gateway.store.database import Connection, Queryable
from gateway.store.faults import was_deadlock
from gateway.store.persons import Renamed
from gateway.telemetry import COPY_LAG_SECONDS

T = TypeVar("T")
_PAUSE_S: Final = 0.02

Own = Mapping[str, str]
"""From each name that was asked for to the person's own name."""


async def write(db: Queryable, app: App, names: Iterable[str], work: Callable[[Connection, Own], Awaitable[T]]) -> T:
    """Runs `work` in a transaction, with the own name of each of these people; again, where one was renamed meanwhile.

    `work` locks people before it changes them (`profiles.lock`), all in one statement.
    """
    asked = sorted(set(names))
    for attempt in range(1, PEOPLE_WRITE_ATTEMPTS_MAX + 1):
        others = await persons.names_of(db, app, asked)
        own = {name: others.get(name, name) for name in asked}
        try:
            async with db.transaction() as tx:
                return await work(tx, own)
        except Renamed:
            pass
        except StoreUnavailable as fault:
            if not was_deadlock(fault):
                raise
        await asyncio.sleep(_PAUSE_S * attempt)
    raise StoreUnavailable("The same users are being changed elsewhere all the time; try again.")


async def made(tx: Connection, app: App, names: Iterable[str]) -> set[str]:
    """Makes those of these people whom nobody knows yet; who they are. Their devices have nothing to learn."""
    wanted = set(names)
    return await profiles.make(tx, app, wanted) if wanted else set()


async def copied(db: Queryable, app: App, names: Iterable[str]) -> None:
    """Brings these people's devices up to date. What cannot be done now is done by the loop."""
    wanted = sorted(set(names))
    with contextlib.suppress(StoreUnavailable):
        for start in range(0, len(wanted), COPY_PEOPLE):
            await copies.copy(db, app, wanted[start : start + COPY_PEOPLE])


async def fan_out(db: Queryable, app_of: Callable[[int], Awaitable[App]]) -> int:
    """One round of the loop: finishes what was begun and not finished; for how many people. A metric tells the lag."""
    done = 0
    for _ in range(COPY_STEPS_MAX):
        behind = await copies.stale(db, older_s=COPY_STALE_S, limit=COPY_PEOPLE)
        for app_id, names in behind.items():
            with contextlib.suppress(NotFound):  # the app was deleted in this moment
                done += await copies.copy(db, await app_of(app_id), names)
        if sum(map(len, behind.values())) < COPY_PEOPLE:
            break
    COPY_LAG_SECONDS.set(await copies.lag_s(db))
    return done
