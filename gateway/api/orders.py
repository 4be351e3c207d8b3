"""From the request of a message to an order that `sending` takes: all that can be wrong with it, field by field."""

from datetime import datetime
from typing import Final

import msgspec

from gateway.api.contents import check_language, content_of
from gateway.api.offers import coupon_of, experiment_of, variants_of
from gateway.api.orders_geo import geo_of
from gateway.api.orders_inbox import inbox_of
from gateway.api.orders_timing import when_of
from gateway.api.schema.messages import (
    PROVIDERS,
    AudienceRequest,
    LimitsRequest,
    MessageFields,
    SelectorsRequest,
)
from gateway.model.app import App
from gateway.model.audience import Audience, parse_topics
from gateway.model.errors import Invalid
from gateway.model.filter import Fact, IsNot, Known, Value, Where, leaves, values_of
from gateway.model.ids import from_text
from gateway.model.limits import (
    AUDIENCE_SEGMENTS_MAX,
    EXTERNAL_ID_BYTES_MAX,
)
from gateway.model.schedule import Timing
from gateway.model.slug import SLUG
from gateway.model.terms import Category, OnCap, Terms
from gateway.model.variant import Variant
from gateway.policy.filter_reading import read_where
from gateway.sending.accept import Order

_NO_LIMITS: Final = LimitsRequest()


def order_of(request: MessageFields, app: App, now: datetime) -> Order:
    """The order. Raises `Invalid` with the dotted path of the field at fault."""
    audience = audience_of(request.audience)
    content = content_of(request, app)
    category = request.category or ("transactional" if audience.is_named else "marketing")
    when = when_of(request.schedule, category, app, now)
    return Order(
        content=content,
        audience=audience,
        due_at=when.due_at,
        terms=msgspec.structs.replace(
            _terms(request, category, variants_of(request, content, lambda one: content_of(one, app)), when.timing),
            inbox=inbox_of(request.inbox, due_at=when.due_at or now),
        ),
    )


def audience_of(request: AudienceRequest) -> Audience:
    """The audience, checked. Raises `Invalid`; a message has to say at least one selector."""
    audience = selectors_of(request, "audience")
    if request.exclude is None:
        return audience
    return msgspec.structs.replace(audience, exclude=selectors_of(request.exclude, "audience.exclude"))


def selectors_of(request: SelectorsRequest, param: str) -> Audience:
    """The selectors, checked. Raises `Invalid` with the path of the fault below `param`."""
    if not (
        request.users
        or request.subscriptions
        or request.topics
        or request.everybody
        or request.languages
        or request.channels
        or request.where is not None
        or request.geo
        or request.segment
        or request.lists
    ):
        raise Invalid("audience_missing", "Say who is meant: topics, users, a segment, a filter or all.", param=param)
    for at, user in enumerate(request.users):
        if not user or len(user.encode()) > EXTERNAL_ID_BYTES_MAX:
            raise Invalid("field_invalid", _USER_RULE, param=f"{param}.users[{at}]")
    for at, language in enumerate(request.languages):
        check_language(language, f"{param}.languages[{at}]")
    for at, channel in enumerate(request.channels):
        if channel not in PROVIDERS:
            raise Invalid("channel_unknown", "No provider of that name is installed.", param=f"{param}.channels[{at}]")
    return Audience(
        everybody=request.everybody,
        users=tuple(dict.fromkeys(request.users)),
        subscriptions=_subscriptions(request.subscriptions, f"{param}.subscriptions"),
        topics=None if request.topics is None else parse_topics(request.topics, f"{param}.topics"),
        languages=tuple(request.languages),
        channels=tuple(request.channels),
        where=None if request.where is None else filter_of(request.where, f"{param}.where"),
        geo=geo_of(request.geo, param=f"{param}.geo"),
        segments=_slugs(_listed(request.segment), f"{param}.segment"),
        lists=_slugs(request.lists, f"{param}.lists"),
    )


def filter_of(value: object, param: str) -> Where:
    """The tree of a filter. Raises `Invalid` with the path of what is wrong."""
    where = read_where(value, param)
    for leaf in leaves(where):
        match leaf:
            case Fact(Known("channel"), IsNot(name)):
                named: tuple[Value, ...] = (name,)
            case Fact(Known("channel"), test):
                named = values_of(test)
            case _:
                continue
        if not all(name in PROVIDERS for name in named):
            raise Invalid("channel_unknown", "No provider of that name is installed.", param=param)
    return where


_USER_RULE: Final = f"A user's id has 1 to {EXTERNAL_ID_BYTES_MAX} bytes."


def _listed(slug: str | list[str]) -> list[str]:
    """One name, or several."""
    return [slug] if isinstance(slug, str) else slug


def _slugs(slugs: list[str], param: str) -> tuple[str, ...]:
    if len(slugs) > AUDIENCE_SEGMENTS_MAX:
        raise Invalid("field_invalid", f"At most {AUDIENCE_SEGMENTS_MAX} names.", param=param)
    if not all(SLUG.fullmatch(slug) for slug in slugs):
        raise Invalid("field_invalid", "A slug has lower-case letters, digits, `.`, `-` and `_`.", param=param)
    return tuple(dict.fromkeys(slugs))


def _subscriptions(texts: list[str], param: str) -> tuple[int, ...]:
    numbers: dict[int, None] = {}
    for at, text in enumerate(texts):
        number = from_text("sub", text)
        if number is None:
            raise Invalid("field_invalid", "Expected a subscription's id, `sub_...`.", param=f"{param}[{at}]")
        numbers[number] = None
    return tuple(numbers)


def _terms(request: MessageFields, category: Category, variants: tuple[Variant, ...], timing: Timing) -> Terms:
    limits = request.limits or _NO_LIMITS
    return Terms(
        category=category,
        holdout_percent=_holdout_percent(request.limits, category),
        obeys_caps=limits.cap == "default",
        on_cap=_on_cap(limits, category),
        per_minute=limits.per_minute,
        variants=variants,
        experiment=experiment_of(request, life_s=request.ttl),
        coupon=coupon_of(request),
        timing=timing,
    )


def _on_cap(limits: LimitsRequest, category: Category) -> OnCap:
    if limits.on_cap is not None and category != "marketing":
        raise Invalid("field_invalid", "Only marketing is under caps: others go out at once.", param="limits.on_cap")
    return limits.on_cap or "drop"


def _holdout_percent(limits: LimitsRequest | None, category: Category) -> float:
    if limits is None or not limits.holdout_percent:
        return 0.0
    if category != "marketing":
        raise Invalid(
            "field_invalid", "Only marketing holds people out: others wait for this.", param="limits.holdout_percent"
        )
    return limits.holdout_percent
