"""What the names in an audience stand for: at most four statements, none for an audience without names."""

from collections.abc import Iterable, Mapping

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.segment import Names, named_lists, named_segments
from gateway.store import lists, persons, segments, topics
from gateway.store.database import Queryable


async def names_of(db: Queryable, app: App, *audiences: Audience) -> Names:
    """The names of these audiences, and of the segments that they stand on, as of now."""
    found: dict[str, Audience] = {}
    missing = False
    if any(named_segments(audience) for audience in audiences):
        found, missing = _reached(audiences, await segments.all_of_app(db, app.id))
    every = (*audiences, *found.values())
    topic_slugs = sorted({slug for audience in every for slug in audience.topic_slugs})
    list_slugs = sorted({slug for audience in every for slug in named_lists(audience)})
    numbers = await lists.by_slug(db, app.id, list_slugs) if list_slugs else {}
    users = sorted({user for audience in every for one in (audience, audience.exclude) if one for user in one.users})
    return Names(
        topics=await topics.by_slug(db, app.id, topic_slugs) if topic_slugs else {},
        lists=numbers,
        segments=found,
        own_names=await persons.names_of(db, app, users) if users else {},
        is_whole=not missing and len(numbers) == len(list_slugs),
    )


def _reached(audiences: Iterable[Audience], held: Mapping[str, Audience]) -> tuple[dict[str, Audience], bool]:
    """The segments that the audiences stand on, one by way of the other; and whether any is missing."""
    found: dict[str, Audience] = {}
    waiting = list(audiences)
    missing = False
    while waiting:
        for slug in named_segments(waiting.pop()):
            if slug not in held:
                missing = True
            elif slug not in found:
                found[slug] = held[slug]
                waiting.append(held[slug])
    return found, missing
