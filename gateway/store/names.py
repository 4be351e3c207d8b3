"""What the names in an audience stand for: at most four statements, none for an audience without names."""

from collections.abc import Mapping, Sequence

from gateway.model.app import App
from gateway.model.audience import Audience
from gateway.model.segment import Names, named_lists, named_segments
from gateway.store import lists, persons, segments, topics
from gateway.store.database import Queryable


async def names_of(db: Queryable, app: App, audience: Audience) -> Names:
    """The names in an audience, and in the segments that it stands on, as of now."""
    return (await names_of_many(db, app, [audience]))[0]


async def names_of_many(db: Queryable, app: App, audiences: Sequence[Audience]) -> list[Names]:
    """The same for several audiences together, in their order: no more statements than for one."""
    is_segmented = any(map(named_segments, audiences))
    held = await segments.all_of_app(db, app.id) if is_segmented else {}
    reached = [_reached(audience, held) for audience in audiences]
    whole = [(audience, *found.values()) for audience, (found, _) in zip(audiences, reached, strict=True)]
    every = [one for several in whole for one in several]
    topic_slugs = sorted({slug for one in every for slug in one.topic_slugs})
    list_slugs = [{slug for one in several for slug in named_lists(one)} for several in whole]
    users = sorted({user for one in every for part in (one, one.exclude) if part for user in part.users})
    topic_numbers = await topics.by_slug(db, app.id, topic_slugs) if topic_slugs else {}
    list_numbers = await lists.by_slug(db, app.id, sorted(set().union(*list_slugs))) if any(list_slugs) else {}
    own_names = await persons.names_of(db, app, users) if users else {}
    return [
        Names(
            topics=topic_numbers,
            lists=list_numbers,
            segments=found,
            own_names=own_names,
            is_whole=not missing and slugs <= list_numbers.keys(),
        )
        for (found, missing), slugs in zip(reached, list_slugs, strict=True)
    ]


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
