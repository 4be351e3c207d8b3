"""Forgetting people for good, and telling them before what is known of them."""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.model.app import App
from gateway.model.errors import NotFound
from gateway.model.ids import to_text
from gateway.model.limits import ERASE_PEOPLE, ERASE_ROWS, ERASE_STEPS_MAX
from gateway.model.person import Person
from gateway.policy.owners import owner_of
from gateway.store import audit, erasures, inbox_marks, profiles, visitors
from gateway.store.database import Connection, Queryable
from gateway.store.persons import Renamed
from gateway.subscribers import people
from gateway.subscribers.visitors import forget

_AGAIN_S: Final = 600.0
"""What was under way while a person was erased has been written down by then, and is looked for once more."""


async def erase(db: Queryable, app: App, name: str, *, actor: str) -> None:
    """Deletes a person with all devices and what history says of them. Raises `NotFound`.

    Devices and profile are gone when it returns, and so is the history, unless it is very long: then it follows within
    a quarter of an hour. Counts of messages stay. The log says that somebody was erased, not who.
    """

    async def work(tx: Connection, own: people.Own) -> tuple[list[str], list[int]] | None:
        person = await profiles.get(tx, app, own[name])
        if person is None:
            return None
        if person.name != own[name]:
            raise Renamed
        await erasures.begin(tx, app, person.names, person.subscriptions)
        await _forget_reading(tx, app, person)
        await audit.append(
            tx, app_id=app.id, actor=actor, action="user_erased", target=to_text("app", app.public_id),
            detail={"devices": len(person.subscriptions)},
        )  # fmt: skip
        return person.names, list(person.subscriptions)

    erased = await people.write(db, app, [name], work)
    if erased is None:
        raise NotFound("user")
    await _forget(db, app, *erased)


async def _forget_reading(tx: Connection, app: App, person: Person) -> None:
    """Their visitors, and what was read by them, by their devices, and by the person."""
    await forget(tx, app, [one.id for one in await visitors.of_person(tx, app, person.names)])
    owners = [owner_of(name, 0) for name in person.names]
    await inbox_marks.delete_of(tx, app, [*owners, *(owner_of(None, one) for one in person.subscriptions)])


async def _forget(db: Queryable, app: App, names: list[str], subs: list[int]) -> bool:
    """Whether nothing is left."""
    owners = [owner_of(name, 0) for name in names]
    for _ in range(ERASE_STEPS_MAX):
        if not await erasures.forget_step(db, app, names, subs, owners=owners, limit=ERASE_ROWS):
            return True
    return False


async def finish_erasures(db: Queryable, app_of: Callable[[int], Awaitable[App]]) -> int:
    """One round of the loop: looks once more for what came after, and ends the erasure; how many it ended."""
    done = 0
    for one in await erasures.due(db, older_s=_AGAIN_S, limit=ERASE_PEOPLE):
        if await _forget(db, await app_of(one.app_id), one.names, one.subscriptions):
            await erasures.finish(db, one)
            done += 1
    return done
