"""What a message says, from its request: checked field by field, texts with fields in them and links included."""

import re
from typing import Any, Final

import msgspec

from gateway.api.schema.contents import ActionRequest, Text
from gateway.api.schema.messages import PROVIDERS, MessageFields
from gateway.model.app import App
from gateway.model.errors import Invalid
from gateway.model.limits import (
    ACTION_TITLE_CHARS_MAX,
    BODY_CHARS_MAX,
    DATA_BYTES_MAX,
    LANGUAGE_CHARS_MAX,
    PROVIDER_EXTRA_BYTES_MAX,
    TEXT_LANGUAGES_MAX,
    TITLE_CHARS_MAX,
    VARIABLES_BYTES_MAX,
    VARIABLES_DEPTH_MAX,
)
from gateway.model.message import Action, Content
from gateway.model.utm import joined
from gateway.policy.links import check_deep_link, check_link, check_picture
from gateway.policy.personalise import check_texts
from gateway.policy.scope import OWN_ROOTS
from gateway.policy.text_template import has_fields
from gateway.policy.wording import check_utm, wording_of

_COLLAPSE_KEY: Final = re.compile(r"[A-Za-z0-9._:-]*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}")
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}", re.ASCII)
_NO_HOSTS: Final[frozenset[str]] = frozenset()


def _is_said(text: str | dict[str, str]) -> bool:
    """Whether anybody reads anything, in whichever language."""
    return bool(text) if isinstance(text, str) else any(text.values())


def content_of(request: MessageFields, app: App) -> Content:
    """The content. Raises `Invalid` with the dotted path of the field at fault."""
    if not (_is_said(request.title) or _is_said(request.body)):
        raise Invalid("content_missing", "A message has a title or a body.", param="title")
    _check_text(request.title, TITLE_CHARS_MAX, "title")
    _check_text(request.body, BODY_CHARS_MAX, "body")
    if _COLLAPSE_KEY.fullmatch(request.collapse_key) is None:
        raise Invalid(
            "field_invalid", "A collapse key has letters, digits, and `.`, `_`, `:`, `-`.", param="collapse_key"
        )
    if request.data:
        _check_size(request.data, DATA_BYTES_MAX, "data")
    if request.variables:
        _check_variables(request.variables)
    _check_links(request, app)
    content = Content(
        title=request.title,
        body=request.body,
        url=request.url,
        icon=request.icon,
        image=request.image,
        badge=request.badge,
        actions=_actions(request.actions, app.allowed_hosts) if request.actions else (),
        data=request.data,
        tag=request.tag,
        collapse_key=request.collapse_key,
        ttl_s=request.ttl,
        urgency=request.urgency,
        silent=request.silent,
        require_interaction=request.require_interaction,
        badge_count=request.badge_count,
        sound=request.sound,
        deep_link=request.deep_link,
        utm=joined(app.own.utm, request.utm),
        variables=request.variables,
        extra=_extra(request),
    )
    check_utm(content.utm)
    check_texts(content, wording_of(app, content))
    return content


def check_language(language: str, param: str) -> None:
    """Raises 422 for what is no language tag (RFC 5646, as far as its shape goes)."""
    if len(language) > LANGUAGE_CHARS_MAX or _LANGUAGE.fullmatch(language) is None:
        raise Invalid("field_invalid", "Expected a language tag such as `nl` or `pt-BR`.", param=param)


def _check_text(text: Text, chars_max: int, param: str) -> None:
    if isinstance(text, dict):
        if len(text) > TEXT_LANGUAGES_MAX:
            raise Invalid("field_invalid", f"At most {TEXT_LANGUAGES_MAX} languages.", param=param)
        for language, words in text.items():
            check_language(language, f"{param}.{language[:LANGUAGE_CHARS_MAX]}")
            _check_length(words, chars_max, f"{param}.{language}")
    else:
        _check_length(text, chars_max, param)


def _check_length(text: str, chars_max: int, param: str) -> None:
    if len(text) > chars_max:
        raise Invalid("field_invalid", f"At most {chars_max} characters.", param=param)


def _check_links(request: MessageFields, app: App) -> None:
    """Those without fields; the others are checked as texts are, and again for each person."""
    if request.url and not has_fields(request.url):
        check_link(request.url, hosts=app.allowed_hosts, param="url")
    if request.deep_link and not has_fields(request.deep_link):
        schemes = frozenset(app.own.deep_link_schemes)
        check_deep_link(request.deep_link, hosts=app.allowed_hosts, schemes=schemes, param="deep_link")
    for param, url in (("icon", request.icon), ("image", request.image), ("badge", request.badge)):
        if url and not has_fields(url):
            check_picture(url, param=param)


def _check_size(value: dict[str, Any], bytes_max: int, param: str) -> None:
    if len(msgspec.json.encode(value)) > bytes_max:
        raise Invalid("field_invalid", f"It may have at most {bytes_max} bytes as JSON.", param=param)


def _check_variables(variables: dict[str, Any]) -> None:
    for name in variables:
        if _NAME.fullmatch(name) is None or name in OWN_ROOTS:
            raise Invalid(
                "field_invalid",
                f"A variable is named by letters, digits and `_`, and none of {', '.join(sorted(OWN_ROOTS))}.",
                param="variables",
            )
    if _depth(variables) > VARIABLES_DEPTH_MAX:
        raise Invalid("field_invalid", f"It may be nested {VARIABLES_DEPTH_MAX} deep.", param="variables")
    _check_size(variables, VARIABLES_BYTES_MAX, "variables")


def _depth(value: Any) -> int:
    """Levels of objects and lists, without asking further than the limit."""
    depth, level = 0, [value]
    while level and depth <= VARIABLES_DEPTH_MAX:
        inner = [one for one in level if isinstance(one, dict | list)]
        level = [item for one in inner for item in (one.values() if isinstance(one, dict) else one)]
        depth += bool(inner)
        if not inner:
            break
    return depth


def _actions(actions: list[ActionRequest], hosts: frozenset[str]) -> tuple[Action, ...]:
    seen: set[str] = set()
    for at, action in enumerate(actions):
        if action.id in seen:
            raise Invalid("field_invalid", "Each action has an id of its own.", param=f"actions[{at}].id")
        seen.add(action.id)
        _check_length(action.title, ACTION_TITLE_CHARS_MAX, f"actions[{at}].title")
        if action.url and not has_fields(action.url):
            check_link(action.url, hosts=hosts, param=f"actions[{at}].url")
        if action.icon and not has_fields(action.icon):
            check_picture(action.icon, param=f"actions[{at}].icon")
    return tuple(Action(id=action.id, title=action.title, icon=action.icon, url=action.url) for action in actions)


def _extra(request: MessageFields) -> dict[str, dict[str, Any]]:
    extra: dict[str, dict[str, Any]] = {}
    for name in PROVIDERS:
        fields: dict[str, Any] = getattr(request, name)
        if fields:
            _check_size(fields, PROVIDER_EXTRA_BYTES_MAX, name)
            extra[name] = fields
    return extra
