"""What a shop's server says of a person, as it comes in, and what is to be changed by it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec import UNSET, UnsetType

from gateway.model.errors import Invalid
from gateway.model.limits import (
    ATTRIBUTES_PER_PERSON_MAX,
    EMAIL_CHARS_MAX,
    PHONE_DIGITS_MAX,
    PHONE_DIGITS_MIN,
)
from gateway.model.person import Change
from gateway.model.value import Value, check_name, check_value
from gateway.subscribers.choices import ChoiceFields, choices_said
from gateway.subscribers.preferences import check_country, check_language, check_timezone

_EMAIL: Final = re.compile(r"[^\s@\x00-\x1f\x7f<>\"(),:;\[\]\\]+@[^\s@.]+(?:\.[^\s@.]+)+")
_PHONE: Final = re.compile(rf"\+[1-9][0-9]{{{PHONE_DIGITS_MIN - 1},{PHONE_DIGITS_MAX - 1}}}", re.ASCII)
_SPACES: Final = re.compile(r"[ ()./-]")


class UserFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said of a person. Where a call changes them, what is left out stays, and null is taken away.

    preferences: what they chose themselves, told by a page of the shop's own. A replaced user keeps it.
    """

    attributes: dict[str, Any] | UnsetType = UNSET
    tags: dict[str, Any] | UnsetType = UNSET
    language: str | UnsetType | None = UNSET
    timezone: str | UnsetType | None = UNSET
    country: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    preferences: ChoiceFields | UnsetType = UNSET


class UserRow(UserFields, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of an import, or an entry of a bulk call."""

    external_id: str


def change_of(said: UserFields, *, is_whole: bool, now: datetime) -> Change:
    """What is to be changed. Raises `Invalid` with the path of the field."""
    return Change(
        attributes=_values(said.attributes, "attributes"),
        tags=_values(said.tags, "tags"),
        words=_given(
            language=_checked(said.language, check_language),
            timezone=_checked(said.timezone, check_timezone),
            country=_checked(said.country, check_country),
        ),
        contact=_given(email=_checked(said.email, check_email), phone=_checked(said.phone, check_phone)),
        choices={} if said.preferences is UNSET else choices_said(said.preferences, now=now, within="preferences."),
        is_whole=is_whole,
    )


def _values(given: Mapping[str, Any] | UnsetType, kind: str) -> dict[str, Value | None]:
    if given is UNSET:
        return {}
    if len(given) > ATTRIBUTES_PER_PERSON_MAX:
        raise Invalid("field_invalid", f"A user has at most {ATTRIBUTES_PER_PERSON_MAX} {kind}.", param=kind)
    checked: dict[str, Value | None] = {}
    for name, value in given.items():
        check_name(name, kind=kind)
        checked[name] = None if value is None else check_value(value, param=f"{kind}.{name}")
    return checked


def _given(**fields: str | UnsetType | None) -> dict[str, str | None]:
    return {name: value for name, value in fields.items() if value is not UNSET}


def _checked(value: str | UnsetType | None, check: Any) -> str | UnsetType | None:
    return value if value is UNSET else check(value)


def check_email(text: str | None) -> str | None:
    """An address of the usual form, its host in lower case. Whether it exists is not asked."""
    if text is None:
        return None
    if len(text) > EMAIL_CHARS_MAX or not text.isprintable() or _EMAIL.fullmatch(text) is None:
        raise Invalid("field_invalid", "An e-mail address is of the form name@host.", param="email")
    local, _, host = text.rpartition("@")
    return f"{local}@{host.lower()}"


def check_phone(text: str | None) -> str | None:
    """A number in international form (E.164), without spaces and marks."""
    if text is None:
        return None
    plain = _SPACES.sub("", text)
    if _PHONE.fullmatch(plain) is None:
        raise Invalid("field_invalid", "A phone number is in international form, such as +31201234567.", param="phone")
    return plain
