"""What pages tell of visitors who were asked, and the report of it."""

from datetime import UTC, timedelta
from http import HTTPStatus
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.analytics.opt_in_reports import OptInFigures, PromptFigures, PromptVariantFigures, figures_of
from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.schema.offers import IntervalAnswer
from gateway.api.schema.opt_ins import (
    BrowserFunnel,
    DayFunnel,
    FunnelAnswer,
    OptInReportAnswer,
    OptInWarning,
    OutcomesRequest,
    PageFunnel,
    PromptFunnel,
    PromptVariantResult,
)
from gateway.model.errors import Invalid
from gateway.model.limits import OPT_IN_DAYS_DEFAULT, OPT_IN_GRANT_RATE_MIN, OPT_IN_KEPT_DAYS, VARIANT_NAME_CHARS_MAX
from gateway.model.opt_in import Funnel, OptInDays, OptInReport
from gateway.model.slug import SLUG
from gateway.policy.opt_ins import grant_rate, is_at_risk, page_of
from gateway.policy.significance import Interval
from gateway.policy.user_agent import browser_of

_DECODER: Final = decoder_of(OutcomesRequest)
_LOW: Final = (
    f"Fewer than {OPT_IN_GRANT_RATE_MIN:.0%} of those whom the browser asked agreed. Browsers ask more quietly on such"
    " sites, or not at all: ask later, on fewer pages, and say what for."
)


async def take(call: Call) -> web.Response:
    """POST /v1/prompts/outcomes"""
    wanted: OutcomesRequest = call.decode(_DECODER)
    app = await call.enter_app(wanted.app)
    browser = browser_of(call.request.headers.get("User-Agent", ""))
    reports = [OptInReport(one.prompt, one.variant, page_of(one.path), browser, one.outcome) for one in wanted.reports]
    await call.services.opt_ins.take(app, reports)
    return web.Response(status=HTTPStatus.ACCEPTED)


async def report(call: Call) -> web.Response:
    """GET /v1/reports/opt-ins"""
    app = await call.app_for(call.query("app"))
    days = _days(call)
    return json_answer(_answer(days, await figures_of(call.services.database, app, days)))


def _days(call: Call) -> OptInDays:
    text = call.query("days") or str(OPT_IN_DAYS_DEFAULT)
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(OPT_IN_KEPT_DAYS))
    if not is_number or not 1 <= int(text) <= OPT_IN_KEPT_DAYS:
        raise Invalid("field_invalid", f"A report covers 1 to {OPT_IN_KEPT_DAYS} days.", param="days")
    prompt, variant = call.query("prompt"), call.query("variant")
    if prompt and SLUG.fullmatch(prompt) is None:
        raise Invalid("field_invalid", "A prompt is named by its slug.", param="prompt")
    if variant is not None and (len(variant) > VARIANT_NAME_CHARS_MAX or not variant.isprintable()):
        raise Invalid("field_invalid", "A variant is named as in its prompt.", param="variant")
    last = call.now().astimezone(UTC).date()
    return OptInDays(last - timedelta(days=int(text) - 1), last, prompt, variant)


def _answer(days: OptInDays, figures: OptInFigures) -> OptInReportAnswer:
    return OptInReportAnswer(
        first=days.first,
        last=days.last,
        total=FunnelAnswer(**_rates(figures.total)),
        days=[DayFunnel(day=day, **_rates(funnel)) for day, funnel in figures.days.items()],
        pages=[PageFunnel(page=page, **_rates(funnel)) for page, funnel in figures.pages.items()],
        browsers=[BrowserFunnel(browser=browser, **_rates(funnel)) for browser, funnel in figures.browsers.items()],
        prompts=[_prompt(one) for one in figures.prompts],
        warnings=[OptInWarning("grant_rate_low", _LOW)] if is_at_risk(figures.total) else [],
    )


def _prompt(figures: PromptFigures) -> PromptFunnel:
    stored = figures.stored
    return PromptFunnel(
        prompt=figures.slug,
        metric=figures.metric,
        began_at=None if stored is None else stored.began_at,
        winner=None if stored is None or stored.winner is None else stored.prompt.variants[stored.winner].name,
        decided_by=None if stored is None else stored.decided_by,
        variants=[_variant(one) for one in figures.variants],
        **_rates(figures.funnel),
    )


def _variant(figures: PromptVariantFigures) -> PromptVariantResult:
    comparison = figures.comparison
    return PromptVariantResult(
        name=figures.name,
        successes=figures.result.successes,
        rate=figures.result.rate,
        rate_interval=_interval(figures.interval),
        difference=None if comparison is None else comparison.difference,
        difference_interval=None if comparison is None else _interval(comparison.interval),
        p_value=None if comparison is None else comparison.p_value,
        is_significant=comparison is not None and comparison.is_significant,
        **_rates(figures.funnel),
    )


def _interval(interval: Interval) -> IntervalAnswer:
    return IntervalAnswer(interval.low, interval.high)


def _rates(funnel: Funnel) -> dict[str, Any]:
    asked = funnel.asked
    return {
        **msgspec.structs.asdict(funnel),
        "opt_in_rate": funnel.granted / asked if asked else None,
        "yes_rate": funnel.yes / asked if asked else None,
        "grant_rate": grant_rate(funnel),
    }
