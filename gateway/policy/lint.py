"""What may surprise whoever sends a message: what is left out where, what is cut, what is missing, what is unknown."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.model.delivery import Device
from gateway.model.errors import Invalid
from gateway.model.language import text_in
from gateway.model.message import Content
from gateway.model.subscriber import PLATFORM_NAMES, Platform
from gateway.policy.link_template import LinkTemplate
from gateway.policy.liquid import TextUnmade
from gateway.policy.personalise import said_to
from gateway.policy.platforms import LOOKS, Look
from gateway.policy.scope import is_known
from gateway.policy.text_template import Field, PlainText, has_fields
from gateway.policy.wording import NOBODY, Part, Wording, param_of, templates_of

_UNFILLED: Final = ("tag", "collapse_key", "sound")
_DEVICE_FIELDS: Final = ("language", "timezone", "country", "platform", "tags")
_EVERYWHERE: Final = ""


class Finding(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """One thing worth knowing. `platform` is "" where it holds for all; `field` is a dotted path."""

    platform: str
    field: str
    code: str
    message: str


def lint(content: Content, wording: Wording, platforms: Iterable[Platform]) -> list[Finding]:
    """Everything worth knowing of a message on these platforms; texts are read as somebody unknown would."""
    texts = _texts(content, wording)
    found = [*_languages(content), *_fields(content, wording), *_unfilled(content), *_unmade(content, wording)]
    for platform in platforms:
        look = LOOKS.get(platform)
        if look is not None:
            found += _on(PLATFORM_NAMES[platform], look, content, texts)
    return sorted(found)


def lint_said(said: Content, platform: Platform) -> list[Finding]:
    """What is worth knowing of a message as one person gets it: what it says is not searched for fields again."""
    texts = {"title": [text_in(said.title, "")], "body": [text_in(said.body, "")]}
    look = LOOKS.get(platform)
    shown = [] if look is None else _on(PLATFORM_NAMES[platform], look, said, texts)
    return sorted([*_unfilled(said), *shown])


def _on(name: str, look: Look, content: Content, texts: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    for field, instead in look.drops.items():
        if getattr(content, field) not in ("", None, False, ()):
            yield Finding(platform=name, field=field, code="dropped", message=f"Not shown: {instead}.")
    buttons = len(content.actions)
    if look.actions_max is not None and buttons > look.actions_max:
        text = f"Shows {look.actions_max} of {buttons} buttons."
        yield Finding(platform=name, field="actions", code="dropped", message=text)
    for field, chars_max in (("title", look.title_chars), ("body", look.body_chars)):
        longest = max(map(len, texts[field]), default=0)
        if chars_max is not None and longest > chars_max:
            text = f"Cut after about {chars_max} of {longest} characters."
            yield Finding(platform=name, field=field, code="cut", message=text)
    if look.needs_url and not content.url:
        text = "Without a link it is shown only where the page's worker can run."
        yield Finding(platform=name, field="url", code="url_missing", message=text)


def _texts(content: Content, wording: Wording) -> dict[str, list[str]]:
    """Title and body in each language, as somebody reads them of whom nothing is known."""
    texts: dict[str, list[str]] = {"title": [], "body": []}
    for language in _spoken(content) or [""]:
        reader = msgspec.structs.replace(NOBODY, locale=language or None)
        try:
            said = said_to(content, wording, reader)
        except (TextUnmade, Invalid):
            continue
        texts["title"].append(text_in(said.title, language))
        texts["body"].append(text_in(said.body, language))
    return texts


def _spoken(content: Content) -> list[str]:
    texts = (content.title, content.body)
    return sorted({language for text in texts if isinstance(text, dict) for language in text})


def _languages(content: Content) -> Iterator[Finding]:
    for field, text in (("title", content.title), ("body", content.body)):
        if isinstance(text, dict):
            for language in _spoken(content):
                if not text.get(language):
                    told = f"There is no {field} in `{language}`, which the message speaks: languages are mixed."
                    yield _everywhere(f"{field}.{language}", "language_missing", told)


def _fields(content: Content, wording: Wording) -> Iterator[Finding]:
    for part in templates_of(content, wording):
        where = param_of(part.where)
        for path in dict.fromkeys(part.template.paths):
            yield from _field(where, path, wording.values.variables)
        yield from _without_default(where, part)
        if isinstance(part.template, LinkTemplate) and (not part.template.places or "host" in part.template.places):
            told = (
                "Where this link leads is known only for each person: whoever's leads off the app's hosts is skipped."
            )
            yield _everywhere(where, "link_unchecked", told)


def _field(where: str, path: Sequence[Any], variables: Mapping[str, Any]) -> Iterator[Finding]:
    name = ".".join(map(str, path))
    if not is_known(str(path[0]), variables):
        yield _everywhere(where, "field_unknown", f"`{name}` is nothing that is known: it reads as nothing.")
    elif path[0] == "device" and len(path) > 1 and path[1] not in _DEVICE_FIELDS:
        yield _everywhere(where, "field_unknown", f"Of a device these are known: {', '.join(_DEVICE_FIELDS)}.")


def _without_default(where: str, part: Part) -> Iterator[Finding]:
    template = part.template.template if isinstance(part.template, LinkTemplate) else part.template
    pieces = template.pieces if isinstance(template, PlainText) else ()
    for piece in pieces:
        is_asked = isinstance(piece, Field) and piece.path[0] == "user" and piece.path != ("user", "id")
        if isinstance(piece, Field) and is_asked and piece.default is None:
            name = ".".join(map(str, piece.path))
            told = f'`{name}` has no default: who has none reads a gap. Say `| default: "..."`.'
            yield _everywhere(where, "default_missing", told)


def _unfilled(content: Content) -> Iterator[Finding]:
    for field in _UNFILLED:
        if has_fields(getattr(content, field)):
            yield _everywhere(field, "not_filled_in", "Fields are not filled in here: it goes out as it stands.")
    for name, fields in content.extra.items():
        if any(has_fields(text) for text in _strings(fields)):
            yield _everywhere(name, "not_filled_in", "Fields are not filled in here: they go out as they stand.")


def _unmade(content: Content, wording: Wording) -> Iterator[Finding]:
    for language in _spoken(content) or [""]:
        reader: Device = msgspec.structs.replace(NOBODY, locale=language or None)
        try:
            said_to(content, wording, reader)
        except TextUnmade as fault:
            told = f"Nobody without these values would get it: {fault.reason}."
            yield _everywhere(f"title.{language}" if language else "title", "unmade", told)


def _strings(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one


def _everywhere(field: str, code: str, message: str) -> Finding:
    return Finding(platform=_EVERYWHERE, field=field, code=code, message=message)
