"""What the names in an audience stand for: at most four statements, none for an audience without names."""

from collections.abc import Mapping

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.segment import Names, named_lists, named_segments
from gateway.store import lists, persons, segments, topics
from gateway.store.database import Queryable


async def names_of(db: Queryable, app: App, audience: Audience) -> Names:
    """The names in an audience, and in the segments that it stands on, as of now."""
    found: dict[str, Audience] = {}
    missing = False
    if named_segments(audience):
        found, missing = _reached(audience, await segments.all_of_app(db, app.id))
    every = (audience, *found.values())
    topic_slugs = sorted({slug for one in every for slug in one.topic_slugs})
    list_slugs = sorted({slug for one in every for slug in named_lists(one)})
    numbers = await lists.by_slug(db, app.id, list_slugs) if list_slugs else {}
    users = sorted({user for whole in every for one in (whole, whole.exclude) if one for user in one.users})
    return Names(
        topics=await topics.by_slug(db, app.id, topic_slugs) if topic_slugs else {},
        lists=numbers,
        segments=found,
        own_names=await persons.names_of(db, app, users) if users else {},
        is_whole=not missing and len(numbers) == len(list_slugs),
    )


def _reached(audience: Audience, held: Mapping[str, Audience]) -> tuple[dict[str, Audience], bool]:
    """The segments that the audience stands on, one by way of the other; and whether any is missing."""
    found: dict[str, Audience] = {}
    waiting = [audience]
    missing = False
    while waiting:
        for slug in named_segments(waiting.pop()):
            if slug not in held:
                missing = True
            elif slug not in found:
                found[slug] = held[slug]
                waiting.append(held[slug])
    return found, missing
