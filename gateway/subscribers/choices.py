"""What people choose themselves, as it comes in and as it is shown: `model.choices` on the wire."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.model.cap import own_window
from gateway.model.choices import Choices, Frequency, OwnHours
from gateway.model.errors import Invalid
from gateway.model.limits import PAUSE_S_MAX
from gateway.transports import names


class ChoiceFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody may choose. What is left out stays, null takes a choice away.

    channels_off: all channels by which they want no marketing.
    """

    quiet_hours: OwnHours | UnsetType | None = UNSET
    frequency: Frequency | UnsetType | None = UNSET
    paused_until: datetime | UnsetType | None = UNSET
    channels_off: list[str] | UnsetType | None = UNSET


class ChoicesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody chose. `paused_until` is null once the pause is over."""

    quiet_hours: OwnHours | None
    frequency: Frequency | None
    paused_until: datetime | None
    channels_off: list[str]


def choices_said(said: ChoiceFields, *, now: datetime, within: str = "") -> dict[str, Any]:
    """What is to be kept of each choice that was named; None: nothing. Raises `Invalid` with the path of the field."""
    found: dict[str, Any] = {}
    if said.quiet_hours is not UNSET:
        found["quiet"] = None if said.quiet_hours is None else msgspec.to_builtins(said.quiet_hours)
    if said.frequency is not UNSET:
        found["frequency"] = None if said.frequency is None else _frequency(said.frequency, within)
    if said.paused_until is not UNSET:
        found["paused_until"] = None if said.paused_until is None else _pause(said.paused_until, now, within)
    if said.channels_off is not UNSET:
        found["channels_off"] = _channels(said.channels_off or [], within)
    return found


def choices_shown(choices: Choices, *, now: datetime) -> ChoicesAnswer:
    """Choices as callers see them."""
    until = choices.paused_until
    return ChoicesAnswer(
        quiet_hours=choices.quiet,
        frequency=_shown(choices.frequency),
        paused_until=datetime.fromtimestamp(until, UTC) if until and until > now.timestamp() else None,
        channels_off=list(choices.channels_off),
    )


def _frequency(said: Frequency, within: str) -> str:
    text = f"{said.max}/{said.per}"
    if own_window(text) is None:
        raise Invalid(
            "field_invalid", "`per` is a period from PT1M to P31D, such as `P1D`.", param=f"{within}frequency.per"
        )
    return text


def _shown(text: str | None) -> Frequency | None:
    number, _, period = (text or "").partition("/")
    return Frequency(max=int(number), per=period) if own_window(text or "") is not None else None


def _pause(until: datetime, now: datetime, within: str) -> int | None:
    param = f"{within}paused_until"
    if until.tzinfo is None:
        raise Invalid("field_invalid", "A time needs its zone, such as 2026-12-01T09:00:00+01:00.", param=param)
    if until - now > timedelta(seconds=PAUSE_S_MAX):
        raise Invalid("field_invalid", f"A pause is at most {PAUSE_S_MAX // 86_400} days long.", param=param)
    return int(until.timestamp()) if until > now else None


def _channels(off: list[str], within: str) -> list[str] | None:
    known = names()
    for name in off:
        if name not in known:
            raise Invalid("channel_unknown", f"A channel is one of: {', '.join(known)}.", param=f"{within}channels_off")
    return sorted(set(off)) or None
