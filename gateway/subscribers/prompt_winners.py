"""The best variant of a prompt: found by what visitors answered, or chosen by hand; everybody sees it from then on.

Unlike a message, nobody waits for it: where too few were asked, variants are simply tried on. A round may end anywhere:
a winner is set once, and only while visitors still see what was looked at.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from gateway.model.app import App
from gateway.model.errors import Conflict, Invalid, NotFound
from gateway.model.limits import PROMPT_LOOK_AGAIN_S, PROMPTS_PER_ROUND_MAX
from gateway.model.opt_in import Funnel
from gateway.model.prompt import PromptExperiment, StoredPrompt
from gateway.policy.opt_ins import result_of
from gateway.policy.variants import ArmResult, winner_of
from gateway.store import opt_ins, prompts
from gateway.store.database import Queryable
from gateway.subscribers.prompts import get
from gateway.telemetry import log

_BY_HAND: Final = "hand"
_TOO_LITTLE: Final = "too_little_data"

AppSource = Callable[[int], Awaitable[App]]
"""The app of an internal id; raises `NotFound` if it is gone."""


async def decide_due(db: Queryable, app_of: AppSource) -> int:
    """Looks for the winner of each prompt that has been tried for long enough; how many were looked after."""
    due = await prompts.due(db, limit=PROMPTS_PER_ROUND_MAX)
    for one in due:
        try:
            app = await app_of(one.app_id)
        except NotFound:
            await prompts.put_off(db, one.app_id, one.stored.slug, by_s=PROMPT_LOOK_AGAIN_S)
            continue
        await _decide(db, app, one.stored)
    return len(due)


async def choose(db: Queryable, app: App, slug: str, name: str) -> StoredPrompt:
    """Makes a variant the winner by hand. Raises `NotFound`, `Invalid`, and `Conflict` where there is one already."""
    stored = await get(db, app, slug)
    names = [variant.name for variant in stored.prompt.variants]
    if name not in names:
        known = f"The variants are {', '.join(names)}." if names else "This prompt has no variants."
        raise Invalid("field_invalid", known, param="variant")
    winner = names.index(name)
    if not await prompts.decide(db, app.id, slug, began_at=stored.began_at, winner=winner, by=_BY_HAND):
        raise Conflict("state_conflict", "The winner was chosen before; change what visitors see to try anew.")
    return await get(db, app, slug)


async def _decide(db: Queryable, app: App, stored: StoredPrompt) -> None:
    experiment, variants = stored.prompt.experiment, stored.prompt.variants
    assert experiment is not None, "only experiments are due"
    assert variants, "and they have variants"
    verdict = winner_of(await _results(db, app, stored, experiment))
    if verdict.why == _TOO_LITTLE:
        await prompts.put_off(db, app.id, stored.slug, by_s=PROMPT_LOOK_AGAIN_S)
        return
    began_at = stored.began_at
    if await prompts.decide(db, app.id, stored.slug, began_at=began_at, winner=verdict.winner, by=verdict.why):
        name = variants[verdict.winner].name
        log("subscribers").info("prompt_decided", app=app.id, prompt=stored.slug, winner=name, why=verdict.why)


async def _results(db: Queryable, app: App, stored: StoredPrompt, experiment: PromptExperiment) -> list[ArmResult]:
    sums = await opt_ins.by_variant(db, app, stored.slug, began_at=stored.began_at)
    return [result_of(sums.get(variant.name, Funnel()), experiment.winner) for variant in stored.prompt.variants]
