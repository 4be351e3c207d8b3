"""How what is known of a person changes: by one more word of the shop, or by two people turning out to be one."""

from collections.abc import Mapping
from typing import Any, Final

from gateway.model.choices import CHOICES
from gateway.model.errors import Invalid
from gateway.model.limits import ATTRIBUTES_PER_PERSON_MAX
from gateway.model.person import Change, Profile

WORDS: Final = ("language", "timezone", "country")
_KINDS: Final = {"a": "attributes", "t": "tags"}

Times = dict[str, int]
"""When each value was set, in Unix seconds: `a.<attribute>`, `t.<tag>`, or the word."""


def changed(profile: Profile, set_at: Mapping[str, int], change: Change, *, at_s: int) -> tuple[Profile, Times]:
    """The profile after a change (the very same where nothing is another), and when its values were set.

    A value that stays the same keeps its time. Raises `Invalid` for more than 100 attributes or tags.
    """
    before = _flat(profile)
    after = {place: value for place, value in before.items() if place in CHOICES} if change.is_whole else dict(before)
    for place, value in _named(change).items():
        if value is None:
            after.pop(place, None)
        else:
            after[place] = value
    if before == after and all(_is_same(value, after[place]) for place, value in before.items()):
        return profile, dict(set_at)
    whole = _profile(after)
    for kind in _KINDS.values():
        if len(getattr(whole, kind)) > ATTRIBUTES_PER_PERSON_MAX:
            raise Invalid("field_invalid", f"A user has at most {ATTRIBUTES_PER_PERSON_MAX} {kind}.", param=kind)
    times = {
        place: set_at.get(place, at_s) if _is_same(before.get(place), value) else at_s for place, value in after.items()
    }
    return whole, times


def joined(kept: tuple[Profile, Mapping[str, int]], other: tuple[Profile, Mapping[str, int]]) -> tuple[Profile, Times]:
    """One profile out of two: of two values the one that was set later. Beyond 100 of a kind the oldest go."""
    values, times = _flat(kept[0]), dict(kept[1])
    for place, value in _flat(other[0]).items():
        at = other[1].get(place, 0)
        if place not in values or at > times.get(place, 0):
            values[place], times[place] = value, at
    for kind in _KINDS:
        held = sorted((place for place in values if place.startswith(f"{kind}.")), key=lambda one: times.get(one, 0))
        for place in held[: max(0, len(held) - ATTRIBUTES_PER_PERSON_MAX)]:
            del values[place]
    return _profile(values), {place: times.get(place, 0) for place in values}


def _is_same(held: Any, given: Any) -> bool:
    """1 and true are not the same value, nor are 1 and 1.0 another."""
    return held == given and isinstance(held, bool) == isinstance(given, bool)


def _named(change: Change) -> dict[str, Any]:
    return {
        **{f"a.{name}": value for name, value in change.attributes.items()},
        **{f"t.{name}": value for name, value in change.tags.items()},
        **change.words,
        **change.choices,
    }


def _flat(profile: Profile) -> dict[str, Any]:
    words: dict[str, Any] = {
        word: value for word in (*WORDS, *CHOICES) if (value := getattr(profile, word)) is not None
    }
    return {
        **{f"a.{name}": value for name, value in profile.attributes.items()},
        **{f"t.{name}": value for name, value in profile.tags.items()},
        **words,
    }


def _profile(values: Mapping[str, Any]) -> Profile:
    fields: dict[str, Any] = {"attributes": {}, "tags": {}}
    for place, value in values.items():
        kind, dot, name = place.partition(".")
        if dot and kind in _KINDS:
            fields[_KINDS[kind]][name] = value
        else:
            fields[place] = value
    return Profile(**fields)


def contact_after(held: Mapping[str, str], change: Change) -> dict[str, str]:
    """E-mail and phone after a change."""
    before = {} if change.is_whole else dict(held)
    given = {**before, **change.contact}
    return {name: value for name, value in given.items() if value is not None}
