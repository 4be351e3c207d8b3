"""Prompts made, changed and taken away, within what an app may have and what pages can bear."""

from collections.abc import Sequence

import msgspec

from gateway.model.app import App
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.limits import PROMPT_BYTES_MAX, PROMPTS_ACTIVE_MAX, PROMPTS_PER_APP_MAX
from gateway.model.prompt import PagePrompt, Prompt, StoredPrompt
from gateway.policy.prompt_faults import check, experiment_s
from gateway.policy.prompts import begins_anew, in_language, page_prompt
from gateway.store import prompts, topics
from gateway.store.database import Database, Queryable


async def create(db: Database, app: App, slug: str, prompt: Prompt) -> StoredPrompt:
    """A new prompt. Raises `Invalid` for one that cannot be, `Conflict` for a slug that is taken."""
    check(prompt)
    async with db.transaction() as tx:
        await prompts.lock(tx, app.id)
        await _check_topics(tx, app, prompt)
        made = await prompts.insert(tx, app.id, slug, prompt, tried_s=_tried_s(prompt))
        if made is None:
            raise Conflict("name_taken", "There is a prompt of that slug already.", param="slug")
        await _check_room(tx, app, made)
    return made


async def change(db: Database, app: App, slug: str, fields: dict[str, object]) -> StoredPrompt:
    """Replaces these fields of a prompt. Where visitors see something else then, its variants are tried anew."""
    async with db.transaction() as tx:
        await prompts.lock(tx, app.id)
        held = await get(tx, app, slug)
        prompt = msgspec.structs.replace(held.prompt, **fields)
        check(prompt)
        await _check_topics(tx, app, prompt)
        write = prompts.begin_anew if begins_anew(held.prompt, prompt) else prompts.update
        changed = await write(tx, app.id, slug, prompt, tried_s=_tried_s(prompt))
        assert changed is not None, "the row is locked by the app's"
        await _check_room(tx, app, changed)
    return changed


async def get(db: Queryable, app: App, slug: str) -> StoredPrompt:
    """The prompt of this slug. Raises `NotFound`."""
    found = await prompts.get(db, app.id, slug)
    if found is None:
        raise NotFound("prompt")
    return found


async def of_pages(db: Queryable, app: App, names: dict[str, str], *, locale: str | None) -> list[PagePrompt]:
    """The active prompts as pages get them; with a locale, in one language. names: the app's topics by slug."""
    found = [page_prompt(one, names) for one in await prompts.active(db, app.id)]
    if locale is None:
        return found
    return [in_language(one, locale, fall_back=app.own.language) for one in found]


def _tried_s(prompt: Prompt) -> int | None:
    return None if prompt.experiment is None else experiment_s(prompt.experiment)


async def _check_topics(db: Queryable, app: App, prompt: Prompt) -> None:
    known = await topics.by_slug(db, app.id, [topic.slug for topic in prompt.topics]) if prompt.topics else {}
    for at, topic in enumerate(prompt.topics):
        if topic.slug not in known:
            raise Invalid("topic_unknown", "There is no topic of that name in this app.", param=f"topics[{at}].slug")


async def _check_room(db: Queryable, app: App, written: StoredPrompt) -> None:
    """Raises where the prompt is more than there may be; the transaction takes it back."""
    size = len(msgspec.json.encode(page_prompt(written, {topic.slug: "" for topic in written.prompt.topics})))
    if size > PROMPT_BYTES_MAX:
        raise Invalid("prompt_too_large", f"Pages would read {size} bytes; {PROMPT_BYTES_MAX} is the most.")
    _check_count(await prompts.all_of_app(db, app.id))


def _check_count(held: Sequence[StoredPrompt]) -> None:
    if len(held) > PROMPTS_PER_APP_MAX:
        raise Conflict("prompts_too_many", f"The app has {PROMPTS_PER_APP_MAX} prompts, the most there may be.")
    if sum(one.prompt.is_active for one in held) > PROMPTS_ACTIVE_MAX:
        raise Conflict(
            "prompts_too_many", f"The app has {PROMPTS_ACTIVE_MAX} active prompts, the most there may be.",
            param="is_active",
        )  # fmt: skip
