"""Segments made, changed and taken away: none may stand on itself, and none goes while something stands on it."""

from collections.abc import Callable, Mapping

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.ids import to_text
from gateway.model.limits import LIST_NUMBER_KEPT_S, SEGMENT_USES_READ_MAX, SEGMENTS_PER_APP_MAX
from gateway.model.segment import Segment, named_lists, named_segments
from gateway.policy.segments import check_change, check_use
from gateway.store import lists, segments
from gateway.store.database import Database, Queryable


async def create(db: Database, app: App, slug: str, name: str, audience: Audience) -> Segment:
    """Saves an audience. Raises `Invalid` for one that cannot be, `Conflict` for a name that is taken."""
    async with db.transaction() as tx:
        await segments.lock(tx, app.id)
        held = await segments.all_of_app(tx, app.id)
        await _check(tx, app, slug, audience, held)
        if slug not in held and len(held) >= SEGMENTS_PER_APP_MAX:
            raise Conflict("segments_too_many", f"The app has {SEGMENTS_PER_APP_MAX} segments, the most there may be.")
        made = await segments.insert(tx, app.id, slug, name, audience)
    if made is None:
        raise Conflict("name_taken", "There is a segment of that slug already.", param="slug")
    return made


async def change(
    db: Database, app: App, slug: str, *, name: str | None = None, audience: Audience | None = None
) -> Segment:
    """Changes what is given. Messages under way go on with the new audience, within seconds."""
    async with db.transaction() as tx:
        await segments.lock(tx, app.id)
        held = await segments.get(tx, app.id, slug)
        if held is None:
            raise NotFound("segment")
        if audience is not None:
            await _check(tx, app, slug, audience, await segments.all_of_app(tx, app.id))
        changed = await segments.update(tx, app.id, slug, name or held.name, audience or held.audience)
    assert changed is not None, "the row is locked by the app's"
    return changed


async def delete(db: Database, app: App, slug: str) -> None:
    """Takes a segment away. Raises `Conflict` while another segment, or a message that is not done, uses it."""
    async with db.transaction() as tx:
        await segments.lock(tx, app.id)
        held = await segments.all_of_app(tx, app.id)
        user = await _user_of(tx, app, slug, named_segments, held)
        if user:
            raise Conflict("segment_in_use", f"{user} uses the segment `{slug}`.")
        if not await segments.delete(tx, app.id, slug):
            raise NotFound("segment")


async def delete_list(db: Database, app: App, slug: str) -> None:
    """Takes a list away. Raises `Conflict` while a segment, or a message that is not done, uses it."""
    async with db.transaction() as tx:
        await segments.lock(tx, app.id)
        user = await _user_of(tx, app, slug, named_lists, await segments.all_of_app(tx, app.id))
        if user:
            raise Conflict("list_in_use", f"{user} uses the list `{slug}`.")
        if not await lists.delete(tx, app.id, slug, kept_s=LIST_NUMBER_KEPT_S):
            raise NotFound("list")


async def check_names(db: Queryable, app: App, audience: Audience) -> None:
    """Raises `Invalid` for an audience that names a segment or a list that is not there. Asks only where it does."""
    if named_segments(audience):
        check_use(audience, await segments.all_of_app(db, app.id))
    await _check_lists(db, app, audience)


async def _check(tx: Queryable, app: App, slug: str, audience: Audience, held: Mapping[str, Audience]) -> None:
    check_change(slug, audience, held)
    await _check_lists(tx, app, audience)


async def _check_lists(db: Queryable, app: App, audience: Audience) -> None:
    wanted = named_lists(audience)
    if not wanted:
        return
    known = await lists.by_slug(db, app.id, list(wanted))
    for slug, param in wanted.items():
        if slug not in known:
            raise Invalid("list_unknown", f"There is no list `{slug}` in this app.", param=param)


async def _user_of(
    tx: Queryable, app: App, slug: str, named: Callable[[Audience], Mapping[str, str]], held: Mapping[str, Audience]
) -> str:
    """Who names it: a segment or a message, in words; "" where nobody does."""
    for one, audience in sorted(held.items()):
        if slug in named(audience):
            return f"The segment `{one}`"
    for message_id, audience in await segments.messages_with(tx, app.id, slug, limit=SEGMENT_USES_READ_MAX):
        if slug in named(audience):
            return f"The message {to_text('msg', message_id)}"
    return ""
