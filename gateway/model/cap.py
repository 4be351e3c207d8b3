"""Frequency caps: at most so many messages to a person within a period that rolls along."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from gateway.model.choices import Known, frequency_chosen
from gateway.model.limits import CAP_MAX, CAP_PERIOD_S_MAX, CAP_PERIOD_S_MIN, CAPS_OF_APP_MAX, CAPS_OF_PERSON_MAX
from gateway.model.period import parse_period

OWN_CAPS: Final = "push_caps"
"""The attribute by which a shop tells what a person chose: `1/P1D`, or a list of such texts."""


class Cap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One cap of an app. Without a category every message counts; with `marketing` only marketing does."""

    per: str
    max: Annotated[int, Meta(ge=1, le=CAP_MAX)]
    category: Literal["marketing"] | None = None


class Window(msgspec.Struct, frozen=True):
    """A cap, ready to be counted by."""

    per_s: float
    max: int
    is_of_marketing: bool


def caps_fault(caps: Sequence[Cap]) -> str:
    """What is wrong with the caps of an app, as a sentence; "" for nothing."""
    if len(caps) > CAPS_OF_APP_MAX:
        return f"An app has at most {CAPS_OF_APP_MAX} caps."
    if any(_seconds_of(cap.per) is None for cap in caps):
        return "A cap's `per` is a period from PT1M to P31D, such as `P1D`; months and years are no fixed length."
    return ""


@lru_cache(maxsize=1024)
def windows_of(caps: tuple[Cap, ...]) -> tuple[Window, ...]:
    """The caps of an app, checked before, as they are counted."""
    found = [(_seconds_of(cap.per), cap) for cap in caps]
    return tuple(Window(per_s, cap.max, cap.category is not None) for per_s, cap in found if per_s is not None)


def own_windows_of(facts: Known, attrs: Known = None) -> tuple[Window, ...]:
    """The caps that a person chose: what is known of them, and of their device. What cannot be read is none."""
    attributes = facts.get("attributes") if facts else None
    wish = attributes.get(OWN_CAPS) if attributes else None
    chosen = frequency_chosen(attrs, facts)
    if wish is None and chosen is None:
        return ()
    texts = [wish] if isinstance(wish, str) else wish[:CAPS_OF_PERSON_MAX] if isinstance(wish, list) else []
    found = [own_window(text) for text in (*texts, chosen) if isinstance(text, str)]
    return tuple(window for window in found if window is not None)


@lru_cache(maxsize=1024)
def own_window(text: str) -> Window | None:
    """The cap that `3/P7D` says; None for what says none."""
    number, _, period = text.partition("/")
    per_s = _seconds_of(period)
    is_number = number.isascii() and number.isdigit() and len(number) <= len(str(CAP_MAX))
    if per_s is None or not is_number or not 1 <= int(number) <= CAP_MAX:
        return None
    return Window(per_s, int(number), is_of_marketing=True)


def _seconds_of(text: str) -> float | None:
    period = parse_period(text)
    if period is None or period.months or not CAP_PERIOD_S_MIN <= period.seconds <= CAP_PERIOD_S_MAX:
        return None
    return float(period.seconds)
