"""Variants, experiment and coupon of a message: from the request to what is kept, and the winner chosen by hand."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from aiohttp import web

from gateway.api.answers import json_answer
from gateway.api.call import Call, decoder_of
from gateway.api.schema.messages import MessageFields
from gateway.api.schema.offers import ExperimentRequest, VariantRequest, WinnerAnswer, WinnerRequest
from gateway.model.app import App
from gateway.model.audience import SLUG
from gateway.model.coupon import CouponTerm
from gateway.model.errors import Invalid
from gateway.model.ids import to_text
from gateway.model.limits import EXPERIMENT_AFTER_S_MAX, EXPERIMENT_AFTER_S_MIN
from gateway.model.message import Content
from gateway.model.period import parse_period
from gateway.model.variant import Experiment, Variant
from gateway.sending import experiments
from gateway.sending.accept import Order
from gateway.store import coupon_pools

_WINNER: Final = decoder_of(WinnerRequest)
_SAID: Final = ("title", "body", "url", "icon", "image", "badge", "actions")
"""What a variant may say otherwise; in a request and in a content the names are the same."""


async def choose(call: Call) -> web.Response:
    """POST /v1/messages/{id}/winner"""
    wanted: WinnerRequest = call.decode(_WINNER)
    app = await call.app_for(call.query("app"))
    number = call.path_id("msg", "message")
    name = await experiments.choose(call.services.database, app, number, wanted.variant, now=call.now())
    return json_answer(WinnerAnswer(id=to_text("msg", number), winner=name))


def variants_of(
    request: MessageFields, content: Content, read: Callable[[MessageFields], Content]
) -> tuple[Variant, ...]:
    """The variants, each checked as a message of its own is. `read` makes a request's content, or raises `Invalid`."""
    if len(request.variants) == 1:
        raise Invalid("field_invalid", "One variant is none: name two or more.", param="variants")
    names: set[str] = set()
    found: list[Variant] = []
    for at, variant in enumerate(request.variants):
        param = f"variants[{at}]"
        if variant.name in names or not variant.name.isprintable() or variant.name != variant.name.strip():
            raise Invalid("field_invalid", "Each variant has a printable name of its own.", param=f"{param}.name")
        names.add(variant.name)
        found.append(
            Variant(name=variant.name, weight=variant.weight, changes=_changes(request, content, variant, read, param))
        )
    return tuple(found)


def _changes(
    request: MessageFields,
    content: Content,
    variant: VariantRequest,
    read: Callable[[MessageFields], Content],
    param: str,
) -> dict[str, Any]:
    said = {name: getattr(variant, name) for name in _SAID if getattr(variant, name) is not msgspec.UNSET}
    try:
        whole = read(msgspec.structs.replace(request, **said))
    except Invalid as fault:
        raise Invalid(fault.code, fault.message, param=f"{param}.{fault.param}" if fault.param else param) from None
    return {
        name: msgspec.to_builtins(getattr(whole, name))
        for name in _SAID
        if getattr(whole, name) != getattr(content, name)
    }


def experiment_of(request: MessageFields, *, life_s: int) -> Experiment | None:
    """The experiment, checked. `life_s`: how long the message may be sent, as nobody waits longer for a winner."""
    wanted = request.experiment
    if wanted is None:
        return None
    if not request.variants:
        raise Invalid("field_missing", "An experiment tries variants: name two or more.", param="variants")
    if (wanted.winner == "conversion") is not bool(wanted.event):
        raise Invalid("field_invalid", "A conversion, and only that, says which event it is.", param="experiment.event")
    return Experiment(
        share_percent=wanted.share,
        metric=wanted.winner,
        after_s=_after_s(wanted, life_s=life_s),
        event=wanted.event,
    )


def _after_s(wanted: ExperimentRequest, *, life_s: int) -> int:
    if wanted.winner == "hand":
        if wanted.after:
            raise Invalid("field_invalid", "What is chosen by hand has no time.", param="experiment.after")
        return 0
    period = parse_period(wanted.after)
    after_s = 0 if period is None or period.months else period.seconds
    if not EXPERIMENT_AFTER_S_MIN <= after_s <= EXPERIMENT_AFTER_S_MAX:
        raise Invalid(
            "field_invalid", "Say after how long it is decided, PT1M to P14D, such as PT2H.", param="experiment.after"
        )
    if after_s >= life_s:
        raise Invalid(
            "field_invalid", "The message would expire before it is decided; give it a longer `ttl`.",
            param="experiment.after",
        )  # fmt: skip
    return after_s


async def check_coupon(call: Call, app: App, order: Order) -> None:
    """Raises `Invalid` for a pool that is not there, or will have expired before anybody is sent to."""
    term = order.terms.coupon
    if term is None:
        return
    pool = await coupon_pools.by_slug(call.services.database, app_id=app.id, slug=term.pool)
    if pool is None:
        raise Invalid("coupon_pool_unknown", "There is no pool of that name in this app.", param="coupon.pool")
    if pool.expires_at is not None and pool.expires_at <= (order.due_at or call.now()):
        raise Invalid("coupon_pool_unknown", "This pool will have expired by then.", param="coupon.pool")


def coupon_of(request: MessageFields) -> CouponTerm | None:
    """What everybody is given."""
    if request.coupon is None:
        return None
    if SLUG.fullmatch(request.coupon.pool) is None:
        raise Invalid("coupon_pool_unknown", "There is no pool of that name in this app.", param="coupon.pool")
    return CouponTerm(pool=request.coupon.pool, on_empty=request.coupon.on_empty)
