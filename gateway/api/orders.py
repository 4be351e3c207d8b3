"""From the request of a message to an order that `sending` takes: all that can be wrong with it, field by field."""

import re
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from gateway.api.links import check_link, check_picture
from gateway.api.schema.messages import (
    PROVIDERS,
    ActionRequest,
    AudienceRequest,
    LimitsRequest,
    MessageFields,
    ScheduleRequest,
    Text,
)
from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.errors import Invalid
from gateway.model.ids import from_text
from gateway.model.limits import (
    ACTION_TITLE_CHARS_MAX,
    BODY_CHARS_MAX,
    DATA_BYTES_MAX,
    EXTERNAL_ID_BYTES_MAX,
    LANGUAGE_CHARS_MAX,
    PROVIDER_EXTRA_BYTES_MAX,
    SCHEDULE_DAYS_MAX,
    SCHEDULE_PAST_S_MAX,
    TEXT_LANGUAGES_MAX,
    TITLE_CHARS_MAX,
)
from gateway.model.message import Action, Content
from gateway.model.terms import Category, Terms
from gateway.sending.accept import Order

_COLLAPSE_KEY: Final = re.compile(r"[A-Za-z0-9._:-]*")
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,8}")
_NO_HOSTS: Final[frozenset[str]] = frozenset()


def order_of(request: MessageFields, app: App, now: datetime) -> Order:
    """The order. Raises `Invalid` with the dotted path of the field at fault."""
    audience = audience_of(request.audience)
    return Order(
        content=_content(request, app),
        audience=audience,
        due_at=_due_at(request.schedule, now),
        terms=_terms(request, audience),
    )


def audience_of(request: AudienceRequest) -> Audience:
    """The selectors, checked. Raises `Invalid`; a message has to say at least one."""
    if not (
        request.users
        or request.subscriptions
        or request.topics
        or request.everybody
        or request.languages
        or request.channels
    ):
        raise Invalid("audience_missing", "Say whom it is for: topics, users, subscriptions or all.", param="audience")
    for at, user in enumerate(request.users):
        if not user or len(user.encode()) > EXTERNAL_ID_BYTES_MAX:
            raise Invalid("field_invalid", _USER_RULE, param=f"audience.users[{at}]")
    for at, language in enumerate(request.languages):
        check_language(language, f"audience.languages[{at}]")
    for at, channel in enumerate(request.channels):
        if channel not in PROVIDERS:
            raise Invalid("channel_unknown", "No provider of that name is installed.", param=f"audience.channels[{at}]")
    return Audience(
        everybody=request.everybody,
        users=tuple(dict.fromkeys(request.users)),
        subscriptions=_subscriptions(request.subscriptions),
        topics=None if request.topics is None else parse_topics(request.topics),
        languages=tuple(request.languages),
        channels=tuple(request.channels),
    )


_USER_RULE: Final = f"A user's id has 1 to {EXTERNAL_ID_BYTES_MAX} bytes."


def check_language(language: str, param: str) -> None:
    """Raises 422 for what is no language tag (RFC 5646, as far as its shape goes)."""
    if len(language) > LANGUAGE_CHARS_MAX or _LANGUAGE.fullmatch(language) is None:
        raise Invalid("field_invalid", "Expected a language tag such as `nl` or `pt-BR`.", param=param)


def _subscriptions(texts: list[str]) -> tuple[int, ...]:
    numbers: dict[int, None] = {}
    for at, text in enumerate(texts):
        number = from_text("sub", text)
        if number is None:
            raise Invalid(
                "field_invalid", "Expected a subscription's id, `sub_...`.", param=f"audience.subscriptions[{at}]"
            )
        numbers[number] = None
    return tuple(numbers)


def _content(request: MessageFields, app: App) -> Content:
    _check_text(request.title, TITLE_CHARS_MAX, "title")
    _check_text(request.body, BODY_CHARS_MAX, "body")
    if not (request.title or request.body):
        raise Invalid("content_missing", "A message has a title or a body.", param="title")
    hosts = app.allowed_hosts if request.url or request.actions else _NO_HOSTS
    if request.url:
        check_link(request.url, hosts=hosts, param="url")
    if request.icon or request.image or request.badge:
        _check_pictures(request)
    if _COLLAPSE_KEY.fullmatch(request.collapse_key) is None:
        raise Invalid(
            "field_invalid", "A collapse key has letters, digits, and `.`, `_`, `:`, `-`.", param="collapse_key"
        )
    if request.data:
        _check_size(request.data, DATA_BYTES_MAX, "data")
    return Content(
        title=request.title,
        body=request.body,
        url=request.url,
        icon=request.icon,
        image=request.image,
        badge=request.badge,
        actions=_actions(request.actions, hosts) if request.actions else (),
        data=request.data,
        tag=request.tag,
        collapse_key=request.collapse_key,
        ttl_s=request.ttl,
        urgency=request.urgency,
        silent=request.silent,
        require_interaction=request.require_interaction,
        badge_count=request.badge_count,
        sound=request.sound,
        extra=_extra(request),
    )


def _check_text(text: Text, chars_max: int, param: str) -> None:
    if isinstance(text, dict):
        if len(text) > TEXT_LANGUAGES_MAX:
            raise Invalid("field_invalid", f"At most {TEXT_LANGUAGES_MAX} languages.", param=param)
        for language, words in text.items():
            check_language(language, f"{param}.{language[:LANGUAGE_CHARS_MAX]}")
            _check_words(words, chars_max, f"{param}.{language}")
    else:
        _check_words(text, chars_max, param)


def _check_words(words: str, chars_max: int, param: str) -> None:
    if len(words) > chars_max:
        raise Invalid("field_invalid", f"At most {chars_max} characters.", param=param)
    if "{{" in words:
        raise Invalid("template_unsupported", "This version fills in no template markers ({{ ... }}).", param=param)


def _check_pictures(request: MessageFields) -> None:
    for param, url in (("icon", request.icon), ("image", request.image), ("badge", request.badge)):
        if url:
            check_picture(url, param=param)


def _check_size(value: dict[str, Any], bytes_max: int, param: str) -> None:
    if len(msgspec.json.encode(value)) > bytes_max:
        raise Invalid("field_invalid", f"It may have at most {bytes_max} bytes as JSON.", param=param)


def _actions(actions: list[ActionRequest], hosts: frozenset[str]) -> tuple[Action, ...]:
    seen: set[str] = set()
    for at, action in enumerate(actions):
        if action.id in seen:
            raise Invalid("field_invalid", "Each action has an id of its own.", param=f"actions[{at}].id")
        seen.add(action.id)
        _check_words(action.title, ACTION_TITLE_CHARS_MAX, f"actions[{at}].title")
        if action.url:
            check_link(action.url, hosts=hosts, param=f"actions[{at}].url")
        if action.icon:
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


def _terms(request: MessageFields, audience: Audience) -> Terms:
    category = request.category or ("transactional" if audience.is_named else "marketing")
    return Terms(category=category, holdout_percent=_holdout_percent(request.limits, category))


def _holdout_percent(limits: LimitsRequest | None, category: Category) -> float:
    if limits is None or not limits.holdout_percent:
        return 0.0
    if category != "marketing":
        raise Invalid(
            "field_invalid", "Only marketing holds people out: others wait for this.", param="limits.holdout_percent"
        )
    return limits.holdout_percent


def _due_at(schedule: ScheduleRequest | None, now: datetime) -> datetime | None:
    if schedule is None or schedule.at is None:
        return None
    if schedule.at < now - timedelta(seconds=SCHEDULE_PAST_S_MAX):
        raise Invalid("schedule_invalid", "The time to send at is in the past.", param="schedule.at")
    if schedule.at > now + timedelta(days=SCHEDULE_DAYS_MAX):
        raise Invalid(
            "schedule_invalid", f"The time to send at is more than {SCHEDULE_DAYS_MAX} days ahead.", param="schedule.at"
        )
    return schedule.at if schedule.at > now else None
