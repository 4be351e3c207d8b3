"""How outcomes of asking are counted, and what the counts say of a site."""

import re
from collections import Counter
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from gateway.model.limits import (
    OPT_IN_ANSWERS_MIN,
    OPT_IN_GRANT_RATE_MIN,
    OPT_IN_PAGE_CHARS_MAX,
    OPT_IN_PATH_CHARS_MAX,
    OPT_IN_SEGMENT_CHARS_MAX,
    OPT_IN_SEGMENT_DIGITS_MAX,
)
from gateway.model.opt_in import Funnel, OptInKey, OptInOutcome, OptInReport, TriedPrompt
from gateway.model.prompt import PromptMetric
from gateway.policy.variants import ArmResult

NO_PROMPT: Final = TriedPrompt(datetime(1970, 1, 1, tzinfo=UTC), frozenset(("",)))
"""Of the browser's question where no prompt of ours came before it."""

_ANYTHING: Final = "*"
_DIGIT: Final = re.compile(r"\d")

Counts = dict[OptInKey, "Counter[OptInOutcome]"]


def page_of(path: str) -> str:
    """The page of a path, without its query and what looks like an id or an address: `/orders/48213/` is `/orders/*`.

    A name looks like any other word, and stays.
    """
    plain = path[:OPT_IN_PATH_CHARS_MAX].partition("?")[0].partition("#")[0]
    parts = [_part(part) for part in plain.split("/") if part]
    page = ""
    for part in parts:
        if len(page) + 1 + len(part) > OPT_IN_PAGE_CHARS_MAX:
            break
        page = f"{page}/{part}"
    return page or "/"


def counted(reports: Collection[OptInReport], tried: Mapping[str, TriedPrompt]) -> Counts:
    """The sums of those reports that name a prompt and a variant that there are."""
    sums: Counts = {}
    for report in reports:
        prompt = tried.get(report.prompt) if report.prompt else NO_PROMPT
        if prompt is None or report.variant not in prompt.variants:
            continue
        key = OptInKey(report.prompt, prompt.began_at, report.variant, report.page, report.browser)
        sums.setdefault(key, Counter())[report.outcome] += 1
    return sums


def fitted(sums: Counts, *, known: Collection[OptInKey], room: int) -> Counts:
    """The same in so many new rows at most: what finds no room is counted without its page."""
    left, fit = room, Counts()
    for key, counts in sums.items():
        is_new = key not in known
        place = msgspec.structs.replace(key, page="") if is_new and left <= 0 else key
        left -= is_new
        fit.setdefault(place, Counter()).update(counts)
    return fit


def grant_rate(funnel: Funnel) -> float | None:
    """Of those who answered the browser's question, how many agreed; None where nobody did."""
    answered = funnel.granted + funnel.denied
    return funnel.granted / answered if answered else None


def is_at_risk(funnel: Funnel) -> bool:
    """Whether so few agree that browsers may ask more quietly, or not at all."""
    rate = grant_rate(funnel)
    return rate is not None and funnel.granted + funnel.denied >= OPT_IN_ANSWERS_MIN and rate < OPT_IN_GRANT_RATE_MIN


def result_of(funnel: Funnel, metric: PromptMetric) -> ArmResult:
    """How a variant does: of those who were asked, how many did what counts: `granted`, or the prompt's own yes."""
    successes = funnel.yes if metric == "yes" else funnel.granted
    return ArmResult(funnel.asked, min(successes, funnel.asked))


def _part(part: str) -> str:
    is_own = (
        len(part) > OPT_IN_SEGMENT_CHARS_MAX
        or "@" in part
        or "%40" in part
        or len(_DIGIT.findall(part)) > OPT_IN_SEGMENT_DIGITS_MAX
        or not part.isprintable()
    )
    return _ANYTHING if is_own else part
