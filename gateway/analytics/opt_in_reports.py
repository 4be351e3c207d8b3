"""What asking brought about: by day, page, browser, prompt and variant. Read only."""

from datetime import date

import msgspec

from gateway.model.app import App
from gateway.model.limits import OPT_IN_PAGES_SHOWN_MAX
from gateway.model.opt_in import OUTCOMES, Funnel, OptInDays
from gateway.model.prompt import PromptMetric, StoredPrompt
from gateway.policy.opt_ins import result_of
from gateway.policy.significance import Comparison, Interval, compared, interval_of
from gateway.policy.variants import ArmResult
from gateway.store import opt_ins, prompts
from gateway.store.database import Queryable


class PromptVariantFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A variant since visitors have seen it as it is. comparison: with the first variant."""

    name: str
    funnel: Funnel
    result: ArmResult
    interval: Interval
    comparison: Comparison | None


class PromptFigures(msgspec.Struct, frozen=True, kw_only=True):
    """A prompt of these days, and its variants since it is as it is. stored: None for one that is gone."""

    slug: str
    funnel: Funnel
    metric: PromptMetric
    stored: StoredPrompt | None
    variants: list[PromptVariantFigures]


class OptInFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The whole report."""

    total: Funnel
    days: dict[date, Funnel]
    pages: dict[str, Funnel]
    browsers: dict[str, Funnel]
    prompts: list[PromptFigures]


async def figures_of(db: Queryable, app: App, days: OptInDays) -> OptInFigures:
    """What became of asking in these days."""
    held = {one.slug: one for one in await prompts.all_of_app(db, app.id)}
    of_days = await opt_ins.by_day(db, app, days)
    of_prompts = await opt_ins.by_prompt(db, app, days)
    return OptInFigures(
        total=_sum(list(of_days.values())),
        days=of_days,
        pages=await opt_ins.by_page(db, app, days, limit=OPT_IN_PAGES_SHOWN_MAX),
        browsers=await opt_ins.by_browser(db, app, days),
        prompts=[await _prompt(db, app, slug, funnel, held.get(slug)) for slug, funnel in of_prompts.items()],
    )


async def _prompt(db: Queryable, app: App, slug: str, funnel: Funnel, stored: StoredPrompt | None) -> PromptFigures:
    metric = "granted" if stored is None or stored.prompt.experiment is None else stored.prompt.experiment.winner
    variants = [] if stored is None else await _variants(db, app, stored, metric)
    return PromptFigures(slug=slug, funnel=funnel, metric=metric, stored=stored, variants=variants)


async def _variants(db: Queryable, app: App, stored: StoredPrompt, metric: PromptMetric) -> list[PromptVariantFigures]:
    names = [variant.name for variant in stored.prompt.variants]
    if not names:
        return []
    sums = await opt_ins.by_variant(db, app, stored.slug, began_at=stored.began_at, until=stored.decided_at)
    funnels = [sums.get(name, Funnel()) for name in names]
    results = [result_of(funnel, metric) for funnel in funnels]
    return [
        PromptVariantFigures(
            name=name, funnel=funnel, result=result, interval=interval_of(result), comparison=comparison
        )
        for name, funnel, result, comparison in zip(names, funnels, results, compared(results), strict=True)
    ]


def _sum(funnels: list[Funnel]) -> Funnel:
    return Funnel(**{outcome: sum(getattr(one, outcome) for one in funnels) for outcome in OUTCOMES})
