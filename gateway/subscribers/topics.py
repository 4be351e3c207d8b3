"""From the names of topics to their numbers, and back; new names become topics where the app lets them."""

from collections.abc import Sequence

from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.limits import TOPICS_PER_APP_MAX
from gateway.store import topics
from gateway.store.database import Queryable
from gateway.subscribers.preferences import check_slugs


async def numbers_of(db: Queryable, app: App, slugs: Sequence[str]) -> tuple[int, ...]:
    """The numbers of these topics; unknown ones are made unless the app's setting `open_topics` is false.

    Raises `Invalid`: `topic_unknown`, or `topics_too_many` when the app has room for no more.
    """
    checked = check_slugs(slugs)
    if not checked:
        return ()
    known = await topics.by_slug(db, app.id, checked)
    missing = [slug for slug in checked if slug not in known]
    if missing:
        if not app.own.open_topics:
            raise Invalid("topic_unknown", f"There is no topic {missing[0]!r} in this app.", param="topics")
        known |= await made(db, app, missing)
    for slug in checked:
        if slug not in known:
            raise Invalid(
                "topics_too_many", f"The app has {TOPICS_PER_APP_MAX} topics, the most there may be.", param="topics"
            )
    return tuple(sorted(known[slug] for slug in checked))


async def made(db: Queryable, app: App, slugs: Sequence[str]) -> dict[str, int]:
    """The numbers of topics that are made here, or were in the same moment elsewhere; none for what found no room."""
    await topics.insert_missing(db, app.id, slugs, total_max=TOPICS_PER_APP_MAX)
    return await topics.by_slug(db, app.id, slugs)


async def names_of(db: Queryable, app: App, numbers: Sequence[int]) -> list[str]:
    """The names of those topics that still exist, in alphabetical order."""
    return await topics.slugs_of(db, app.id, numbers) if numbers else []
