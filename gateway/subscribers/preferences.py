"""What a device may say of itself, checked: language, time zone, tags, topics, consent, platform, and whose it is.

Every check returns what is stored, or raises `Invalid` with the field and what to do. Postgres holds no NUL character
in text, so none passes here.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from gateway.model.errors import Invalid
from gateway.model.limits import (
    CONSENT_BYTES_MAX,
    EXTERNAL_ID_BYTES_MAX,
    LANGUAGE_CHARS_MAX,
    SLUG_CHARS_MAX,
    TAG_BYTES_MAX,
    TAG_NAME_CHARS_MAX,
    TAGS_PER_DEVICE_MAX,
    TOPICS_PER_DEVICE_MAX,
)
from gateway.model.slug import SLUG
from gateway.model.subscriber import PLATFORM_NAMES, STATE_WORDS, Consent
from gateway.model.timezone import is_timezone

_LANGUAGE: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*", re.ASCII)
_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
_NUL: Final = b"\\u0000"
_RESERVED: Final = frozenset({"bulk", "export", "import"})
_PLATFORM_OF: Final = {name: number for number, name in PLATFORM_NAMES.items()}
_STATE_OF: Final = {word: number for number, word in STATE_WORDS.items()}


def check_language(text: str | None) -> str | None:
    """A language tag of the shape of BCP 47 (RFC 5646 section 2.1), such as `nl` or `pt-BR`."""
    if text is None or (len(text) <= LANGUAGE_CHARS_MAX and _LANGUAGE.fullmatch(text)):
        return text
    raise Invalid("field_invalid", "A language is a tag such as `nl` or `pt-BR`.", param="language")


def check_timezone(text: str | None) -> str | None:
    """A name of the IANA time zone database that this machine knows."""
    if text is None or is_timezone(text):
        return text
    raise Invalid("field_invalid", "A time zone is a name such as `Europe/Amsterdam`.", param="timezone")


def check_country(text: str | None) -> str | None:
    """Two capital letters, ISO 3166-1."""
    if text is None or _COUNTRY.fullmatch(text):
        return text
    raise Invalid("field_invalid", "A country is two capital letters, such as `NL`.", param="country")


def check_platform(text: str | None) -> int | None:
    """The number of a platform's name, such as `firefox_android`."""
    if text is None:
        return None
    number = _PLATFORM_OF.get(text)
    if number is None:
        raise Invalid("field_invalid", f"A platform is one of: {', '.join(_PLATFORM_OF)}.", param="platform")
    return number


def check_state(text: str | None) -> int | None:
    """The number of a state's word."""
    if text is None:
        return None
    number = _STATE_OF.get(text)
    if number is None:
        raise Invalid("field_invalid", f"A state is one of: {', '.join(_STATE_OF)}.", param="state")
    return number


def check_slugs(slugs: Iterable[str]) -> list[str]:
    """Names of topics, each once; whether they exist is asked elsewhere."""
    checked = list(dict.fromkeys(slugs))
    if len(checked) > TOPICS_PER_DEVICE_MAX:
        raise Invalid("topics_too_many", f"A device follows at most {TOPICS_PER_DEVICE_MAX} topics.", param="topics")
    for slug in checked:
        if SLUG.fullmatch(slug) is None:
            raise Invalid(
                "field_invalid",
                f"A topic's name has 1 to {SLUG_CHARS_MAX} of a-z, 0-9, `.`, `-`, `_`, a letter or digit first.",
                param="topics",
            )
    return checked


def merge_tags(held: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`held` with what was given; null takes a tag away. Checked as a whole."""
    return check_tags({name: value for name, value in {**held, **given}.items() if value is not None})


def check_tags(tags: dict[str, Any]) -> dict[str, Any]:
    """Up to 100 tags: a name, and a text, a number, true or false, or a list of texts."""
    if len(tags) > TAGS_PER_DEVICE_MAX:
        raise Invalid("field_invalid", f"A device has at most {TAGS_PER_DEVICE_MAX} tags.", param="tags")
    for name, value in tags.items():
        _check_tag(name, value)
    return tags


def _check_tag(name: str, value: Any) -> None:
    if not name or len(name) > TAG_NAME_CHARS_MAX or not name.isprintable():
        raise Invalid(
            "field_invalid", f"A tag's name has 1 to {TAG_NAME_CHARS_MAX} printable characters.", param="tags"
        )
    is_list = isinstance(value, list) and all(isinstance(one, str) for one in value)
    if not (is_list or isinstance(value, str | int | float)):
        raise Invalid(
            "field_invalid", "A tag is a text, a number, true or false, or a list of texts.", param=f"tags.{name}"
        )
    encoded = msgspec.json.encode(value)
    if len(encoded) > TAG_BYTES_MAX or _NUL in encoded:
        raise Invalid("field_invalid", f"A tag takes at most {TAG_BYTES_MAX} bytes, without NUL.", param=f"tags.{name}")


def check_consent(consent: Consent | None, *, now: datetime) -> dict[str, Any] | None:
    """Which text was agreed to, when (now, where nothing is said) and on which page."""
    if consent is None:
        return None
    at = consent.at or now
    if at.tzinfo is None:
        raise Invalid("field_invalid", "A time needs its zone, such as 2026-12-01T09:00:00+01:00.", param="consent.at")
    kept: dict[str, Any] = {"text": consent.text, "at": at, "page": consent.page}
    if consent.location is not None:
        kept["location"] = consent.location
    encoded = msgspec.json.encode(kept)
    if len(encoded) > CONSENT_BYTES_MAX or _NUL in encoded:
        raise Invalid(
            "field_invalid", f"A consent takes at most {CONSENT_BYTES_MAX} bytes, without NUL.", param="consent"
        )
    return kept


def check_external_id(text: str, *, param: str = "user") -> str:
    """A shop's own name for a person: 1 to 256 bytes, nothing that does not print, and no word of a path."""
    if text in _RESERVED:
        raise Invalid("field_invalid", f"`{text}` is a word of the API's paths; choose another id.", param=param)
    if text and text.isprintable() and len(text.encode()) <= EXTERNAL_ID_BYTES_MAX:
        return text
    raise Invalid(
        "field_invalid", f"A user's id has 1 to {EXTERNAL_ID_BYTES_MAX} bytes of printable text.", param=param
    )
